// MountTree: the mounts of one namespace as they lie on each other, from mountinfo or from statmount(2).
//
// Pure. Mounts are named by the id that mountinfo prints, because both sources have it; the unique id of
// Linux 6.8 is kept beside it. What hides a mount is found by the kernel's own lookup, each path once, so that
// the work grows with the number of mounts.  docs/mounts.md

import { mountPathPrefixes } from '../mount-path.ts'
import type { Mount, Propagation } from '../mountinfo.ts'

/** One mount, from either source. */
export interface MountRecord {
  readonly id: number
  /** The own id on the absolute root. */
  readonly parentId: number
  /** Never reused; null from mountinfo. */
  readonly uniqueId: bigint | null
  readonly parentUniqueId: bigint | null
  readonly major: number
  readonly minor: number
  /** Path inside the file system. */
  readonly root: string
  /** Null where no path leads from the process's root. */
  readonly mountPoint: string | null
  readonly options: readonly string[]
  readonly propagation: Propagation
  readonly fstype: string
  readonly source: string
  readonly superOptions: readonly string[]
}

export interface MountNode extends MountRecord {
  /** 0 where the tree begins. */
  readonly depth: number
  readonly isRoot: boolean
  /** No path leads to it. */
  readonly hidden: boolean
  /** Id of the mount that hides it: on top of it or of a directory above it. Null for a visible one, and without a path. */
  readonly hiddenBy: number | null
  /** Id of the mount that lies on its own root, the next one up in the stack; null on top of a stack, and without a path. */
  readonly coveredBy: number | null
}

/** The mounts that hear of each other's mounts, by id, within one listing. */
export interface PeerGroup {
  readonly id: number
  readonly peers: readonly number[]
  /** Those that receive from the group; a group without peers here has them in another namespace. */
  readonly slaves: readonly number[]
}

export interface MountTree {
  readonly from: 'statmount' | 'mountinfo'
  /** Id of the mount of "/", or null in a chroot to a plain directory that mountinfo does not list. */
  readonly rootId: number | null
  /** Parents before children, children by mount point. */
  readonly nodes: readonly MountNode[]
  readonly byId: ReadonlyMap<number, MountNode>
  /** By id; members in the order of the nodes. */
  readonly groups: readonly PeerGroup[]
  /** The mount that a lookup of an absolute path without links ends in; undefined when it is not listed. */
  lookup(path: string): MountNode | undefined
}

/** A mount of mountinfo as a record. */
export function recordOf(m: Mount): MountRecord {
  const { id, parentId, major, minor, root, mountPoint, options, optional, fstype, source, superOptions } = m
  return { id, parentId, uniqueId: null, parentUniqueId: null, major, minor, root, mountPoint, options, propagation: optional, fstype, source, superOptions }
}

/** Key of the index for mounts whose parent is not listed. */
const UNLISTED = -1

interface Index {
  readonly ids: ReadonlyMap<number, MountRecord>
  /** By parent, in the order of mount points. */
  readonly children: ReadonlyMap<number, readonly MountRecord[]>
  /** By parent and mount point. */
  readonly at: ReadonlyMap<number, ReadonlyMap<string, MountRecord>>
}

function byPoint(a: MountRecord, b: MountRecord): number {
  const [x, y] = [a.mountPoint ?? '', b.mountPoint ?? '']
  return x < y ? -1 : x > y ? 1 : a.id - b.id
}

function indexOf(records: readonly MountRecord[]): Index {
  const ids = new Map(records.map((m) => [m.id, m]))
  const children = new Map<number, MountRecord[]>()
  const at = new Map<number, Map<string, MountRecord>>()
  for (const m of [...records].sort(byPoint)) {
    const parent = m.parentId === m.id || !ids.has(m.parentId) ? UNLISTED : m.parentId
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [m])
    else siblings.push(m)
    const places = at.get(parent) ?? new Map<string, MountRecord>()
    at.set(parent, places)
    if (m.mountPoint !== null && !places.has(m.mountPoint)) places.set(m.mountPoint, m)
  }
  return { ids, children, at }
}

/** Lookups of paths as the kernel walks, each path remembered. */
function createLookup(index: Index, root: MountRecord | undefined): (path: string) => MountRecord | undefined {
  const known = new Map<string, MountRecord | undefined>()
  const climb = (from: MountRecord | undefined, path: string): MountRecord | undefined => {
    let current = from
    for (;;) {
      const next = index.at.get(current?.id ?? UNLISTED)?.get(path)
      if (next === undefined || next === current) return current
      current = next
    }
  }
  // What lies on the root itself is not crossed at the start of a lookup: "/" is the mount of the process's root.
  known.set('', root)
  return (path) => {
    let current = root
    for (const prefix of mountPathPrefixes(path)) {
      if (!known.has(prefix)) known.set(prefix, climb(current, prefix))
      current = known.get(prefix)
    }
    return current
  }
}

function groupsOf(records: readonly MountRecord[]): PeerGroup[] {
  const found = new Map<number, { id: number; peers: number[]; slaves: number[] }>()
  const group = (id: number): { peers: number[]; slaves: number[] } => {
    const one = found.get(id) ?? { id, peers: [], slaves: [] }
    found.set(id, one)
    return one
  }
  for (const { id, propagation } of records) {
    if (propagation.shared !== undefined) group(propagation.shared).peers.push(id)
    if (propagation.master !== undefined) group(propagation.master).slaves.push(id)
  }
  return [...found.values()].sort((a, b) => a.id - b.id)
}

/** The next mount that lies on the root of `m`. */
function coverOf(index: Index, m: MountRecord): MountRecord | undefined {
  // Without a path it cannot be told: "/" of this process lies on it, or on any directory of it after a chroot.
  return m.mountPoint === null ? undefined : index.at.get(m.id)?.get(m.mountPoint)
}

/** A mount on a directory above the mount point of `m`, of the same parent: it came later. */
function mountAbove(index: Index, m: MountRecord): MountRecord | undefined {
  const places = index.at.get(index.ids.has(m.parentId) && m.parentId !== m.id ? m.parentId : UNLISTED)
  const above = mountPathPrefixes(m.mountPoint ?? '').slice(0, -1)
  const parentPoint = index.ids.get(m.parentId)?.mountPoint
  return above.filter((path) => path !== parentPoint).map((path) => places?.get(path)).find((other) => other !== undefined)
}

/**
 * Puts records together. `rootId` is the mount of "/" where the source knows it; otherwise it is the one at "/"
 * whose parent is not listed or is itself, as in mountinfo.
 */
export function buildMountTree(records: readonly MountRecord[], from: MountTree['from'], rootId?: number): MountTree {
  const index = indexOf(records)
  const begins = index.children.get(UNLISTED) ?? []
  const root = rootId === undefined ? begins.find((m) => m.mountPoint === '/') : index.ids.get(rootId)
  const find = createLookup(index, root)
  const nodes: MountNode[] = []
  const byId = new Map<number, MountNode>()
  const waiting = [...begins].reverse().map((record) => ({ record, depth: 0 }))
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { record: m, depth } = next
    const isRoot = m.id === root?.id
    const cover = coverOf(index, m)
    const hidden = !isRoot && (m.mountPoint === null || find(m.mountPoint)?.id !== m.id)
    const parent = byId.get(m.parentId)
    const by = hidden ? (cover ?? mountAbove(index, m))?.id ?? parent?.hiddenBy ?? null : null
    const node = { ...m, depth, isRoot, hidden, hiddenBy: by, coveredBy: cover?.id ?? null }
    nodes.push(node)
    byId.set(node.id, node)
    const children = index.children.get(m.id) ?? []
    for (let i = children.length - 1; i >= 0; i -= 1) {
      const record = children[i]
      if (record !== undefined) waiting.push({ record, depth: depth + 1 })
    }
  }
  const lookup = (path: string): MountNode | undefined => {
    const found = find(path)
    return found === undefined ? undefined : byId.get(found.id)
  }
  return { from, rootId: root?.id ?? null, nodes, byId, groups: groupsOf(nodes), lookup }
}
