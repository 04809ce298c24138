// Which mount namespaces see the new mount where they saw the old one, which do not, and why.
//
// Pure. A place is a mount point at which a lookup ended in the old file system (device and directory of it): in
// another namespace every one, in the own one only the target. Judged by a second look at all namespaces.  docs/replace.md

import type { MountNode, MountTree } from '../mounts/mount-tree.ts'
import type { Namespaces, SeenNamespace } from '../mounts/namespaces.ts'

/** One file system, or a directory of it, as mounted. */
export interface MountedThing {
  readonly major: number
  readonly minor: number
  readonly root: string
}

export type Verdict =
  | 'flipped'
  /** The new one is there, beneath the old one that was to stay. */
  | 'pending'
  /** The new one is there, but a mount of the namespace's own lies on it. */
  | 'covered'
  /** The place does not receive mounts from the parent of the target. */
  | 'private'
  /** It receives mounts, and still the new one is not there. */
  | 'behind'

export interface PlaceVerdict {
  readonly namespace: string
  /** Null where no process is in it. */
  readonly pid: number | null
  readonly command: string
  readonly processes: number
  readonly own: boolean
  readonly mountPoint: string
  readonly verdict: Verdict
  /** The cause for people; '' where it flipped. */
  readonly why: string
}

const isThing = (m: MountedThing, thing: MountedThing): boolean => m.major === thing.major && m.minor === thing.minor && m.root === thing.root

/** The mounts of a stack at one path, from the one that a lookup ends in downwards. */
function stackAt(tree: MountTree, path: string): MountNode[] {
  const stack: MountNode[] = []
  for (let m = tree.lookup(path); m !== undefined && m.mountPoint === path && !stack.includes(m); m = tree.byId.get(m.parentId)) stack.push(m)
  return stack
}

/** Places where the old one was to be seen, or is hidden by a mount right on it. */
function placesOf(namespace: SeenNamespace, old: MountedThing, target: string): string[] {
  if (namespace.own) return [target]
  const points = namespace.tree.nodes.filter((m) => isThing(m, old) && m.mountPoint !== null && stackAt(namespace.tree, m.mountPoint).includes(m))
  return [...new Set(points.map((m) => m.mountPoint ?? ''))]
}

/** Whether mounts made on a mount of the first kind arrive at the second. */
function receives(from: MountNode | undefined, to: MountNode | undefined): boolean {
  const group = from?.propagation.shared
  return group !== undefined && to !== undefined && (to.propagation.shared === group || to.propagation.master === group || to.propagation.propagateFrom === group || to.propagation.master !== undefined)
}

export interface Replacement {
  readonly target: string
  readonly old: MountedThing
  readonly new: MountedThing
  readonly before: Namespaces
  readonly after: Namespaces
  /** The old one was to stay on top. */
  readonly keepsOld: boolean
}

function judgePlace(now: SeenNamespace, mountPoint: string, { target, old, new: fresh, before, keepsOld }: Replacement): { verdict: Verdict; why: string } {
  const known = before.list.find((one) => one.id === now.id)
  const topBefore = known?.tree.lookup(mountPoint)
  const stackBefore = known === undefined ? [] : stackAt(known.tree, mountPoint)
  // The same directory of the same file system may be put there anew.
  const isSame = isThing(fresh, old)
  const stack = stackAt(now.tree, mountPoint)
  const [top] = stack
  // The old one was only beneath, and is no longer: a rollback of what was pending.
  const isRid = stackBefore.slice(1).some((m) => isThing(m, old)) && !stack.some((m) => isThing(m, old))
  if (top !== undefined && isThing(top, fresh) && (top.id !== topBefore?.id || isRid)) return { verdict: 'flipped', why: '' }
  const lower = stack.findIndex((m, i) => i > 0 && isThing(m, fresh) && (!isSame || !stackBefore.some((one) => one.id === m.id)))
  if (lower === 1 && top !== undefined && isThing(top, old) && !keepsOld) return { verdict: 'covered', why: 'a mount of its own of the old file system lies on it' }
  if (lower === 1 && top !== undefined && isThing(top, old)) return { verdict: 'pending', why: 'the old mount lies on the new one' }
  if (lower > 0) return { verdict: 'covered', why: `a mount of its own lies on it: ${top?.fstype ?? ''} ${top?.source ?? ''}`.trim() }
  const own = before.list.find((one) => one.own)
  const parentOf = (tree: MountTree | undefined, path: string): MountNode | undefined => {
    const found = tree === undefined ? undefined : stackAt(tree, path).at(-1)
    return found === undefined ? undefined : tree?.byId.get(found.parentId)
  }
  if (receives(parentOf(own?.tree, target), parentOf(now.tree, mountPoint))) return { verdict: 'behind', why: 'it receives mounts, but this one did not arrive' }
  const isRoot = target === '/' && !now.own
  return { verdict: 'private', why: isRoot ? 'it has its own root' : 'it is a private copy: mounts made here do not arrive there' }
}

/** Judges every place, the own namespace first. */
export function judgeNamespaces(replacement: Replacement): PlaceVerdict[] {
  const { before, after, old, target } = replacement
  return after.list.flatMap((now) => {
    const earlier = before.list.find((one) => one.id === now.id) ?? now
    return placesOf(earlier, old, target).map((mountPoint) => {
      const { id, pid, command, processes, own } = now
      return { namespace: id, pid, command, processes, own, mountPoint, ...judgePlace(now, mountPoint, replacement) }
    })
  }).sort((a, b) => Number(b.own) - Number(a.own) || (a.pid ?? Infinity) - (b.pid ?? Infinity) || 0)
}

/** Whether a lookup in another namespace ends in that thing. */
export function isSeenElsewhere({ list }: Namespaces, thing: MountedThing): boolean {
  return list.some(({ own, tree }) => !own && tree.nodes.some((m) => isThing(m, thing) && !m.hidden))
}
