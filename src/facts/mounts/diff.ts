// What changed between two saved mount trees: added, removed, moved, other options, other propagation.
//
// Pure. Within one boot and namespace a mount is known by its unique id; otherwise by where it is and what it is, so that a mount
// that moved is then one removed and one added.  docs/mounts.md

import type { MountNode } from './mount-tree.ts'
import { printable } from './printable.ts'
import type { SavedMounts } from './saved.ts'

export interface Change {
  /** 'moved': another mount point or another parent. 'hidden': what hides it. */
  readonly field: 'moved' | 'source' | 'fstype' | 'root' | 'options' | 'superOptions' | 'propagation' | 'hidden'
  readonly before: string
  readonly after: string
}

export interface MountsDiff {
  /** How mounts were recognised. */
  readonly by: 'unique id' | 'place'
  readonly added: readonly MountNode[]
  readonly removed: readonly MountNode[]
  readonly changed: readonly { readonly before: MountNode; readonly after: MountNode; readonly changes: readonly Change[] }[]
}

/** A key for every mount; the nth of mounts that look the same gets the number n. */
function placeKeys(nodes: readonly MountNode[]): ReadonlyMap<string, MountNode> {
  const seen = new Map<string, number>()
  return new Map(nodes.map((m) => {
    const place = JSON.stringify([m.mountPoint, m.source, m.fstype, m.root])
    const nth = seen.get(place) ?? 0
    seen.set(place, nth + 1)
    return [`${place}${nth}`, m]
  }))
}

function uniqueKeys(nodes: readonly MountNode[]): ReadonlyMap<string, MountNode> {
  return new Map(nodes.map((m) => [String(m.uniqueId), m]))
}

const words = ({ propagation: p }: MountNode): string =>
  [
    ...(p.shared === undefined ? [] : [`shared:${p.shared}`]),
    ...(p.master === undefined ? [] : [`slave of ${p.master}`]),
    ...(p.propagateFrom === undefined ? [] : [`from ${p.propagateFrom}`]),
    ...(p.unbindable === true ? ['unbindable'] : []),
  ].join(' ') || 'private'

function changesOf(a: MountNode, b: MountNode, byId: boolean): Change[] {
  const point = (m: MountNode): string => m.mountPoint ?? '(no path)'
  const pairs: readonly (readonly [Change['field'], string, string])[] = [
    ['moved', point(a), point(b)],
    ['source', a.source, b.source],
    ['fstype', a.fstype, b.fstype],
    ['root', a.root, b.root],
    ['options', a.options.join(','), b.options.join(',')],
    ['superOptions', a.superOptions.join(','), b.superOptions.join(',')],
    ['propagation', words(a), words(b)],
    ['hidden', a.hidden ? 'hidden' : 'visible', b.hidden ? 'hidden' : 'visible'],
  ]
  const found = pairs.filter(([, before, after]) => before !== after).map(([field, before, after]) => ({ field, before, after }))
  // The same path on another mount: beneath what was there, or carried over to a new parent.
  const otherParent = byId && a.parentUniqueId !== b.parentUniqueId && a.mountPoint === b.mountPoint
  return otherParent ? [{ field: 'moved', before: `${point(a)} on ${a.parentId}`, after: `${point(b)} on ${b.parentId}` }, ...found] : found
}

function knownByUniqueId(a: SavedMounts, b: SavedMounts): boolean {
  if (a.boot === null || a.boot !== b.boot || ![...a.tree.nodes, ...b.tree.nodes].every((m) => m.uniqueId !== null)) return false
  // Another namespace has copies of the same mounts, with ids of their own.
  const ids = new Set(a.tree.nodes.map((m) => m.uniqueId))
  return b.tree.nodes.some((m) => ids.has(m.uniqueId))
}

/** What happened from `a` to `b`. Additions and changes in the order of `b`, removals in that of `a`. */
export function diffMounts(a: SavedMounts, b: SavedMounts): MountsDiff {
  const byId = knownByUniqueId(a, b)
  const keys = byId ? uniqueKeys : placeKeys
  const [before, after] = [keys(a.tree.nodes), keys(b.tree.nodes)]
  const pairs = [...after].flatMap(([key, m]) => {
    const old = before.get(key)
    return old === undefined ? [] : [{ before: old, after: m, changes: changesOf(old, m, byId) }]
  })
  return {
    by: byId ? 'unique id' : 'place',
    added: [...after].filter(([key]) => !before.has(key)).map(([, m]) => m),
    removed: [...before].filter(([key]) => !after.has(key)).map(([, m]) => m),
    changed: pairs.filter((pair) => pair.changes.length > 0),
  }
}

export function isSame(diff: MountsDiff): boolean {
  return diff.added.length + diff.removed.length + diff.changed.length === 0
}

/** 'rw,nosuid' to 'ro,nosuid' as '-rw +ro'. */
function listChange(before: string, after: string): string {
  const [a, b] = [before.split(','), after.split(',')]
  const [gone, come] = [new Set(b), new Set(a)]
  const parts = [...a.filter((one) => !gone.has(one)).map((one) => `-${one}`), ...b.filter((one) => !come.has(one)).map((one) => `+${one}`)]
  return parts.length === 0 ? `${before} -> ${after}` : parts.join(' ')
}

function changeText({ field, before, after }: Change): string {
  const isList = field === 'options' || field === 'superOptions'
  return `${field} ${isList ? listChange(before, after) : `${before} -> ${after}`}`
}

/** One line a mount: '+' added, '-' removed, '~' changed. Empty for no difference. */
export function diffLines(diff: MountsDiff): string[] {
  const describe = (m: MountNode): string => {
    const source = m.root === '/' ? m.source : `${m.source}[${m.root}]`
    return [m.mountPoint ?? '(no path)', m.fstype, source, m.options.join(','), words(m)].map(printable).join('  ')
  }
  return [
    ...diff.removed.map((m) => `- ${describe(m)}`),
    ...diff.added.map((m) => `+ ${describe(m)}`),
    ...diff.changed.map(({ after, changes }) => `~ ${printable(after.mountPoint ?? '(no path)')}  ${changes.map((c) => printable(changeText(c))).join('; ')}`),
  ]
}

/** As JSON: the mounts by mount point and ids. */
export function diffToJson(diff: MountsDiff): object {
  const brief = (m: MountNode): object => ({
    id: m.id, uniqueId: m.uniqueId?.toString() ?? null, mountPoint: m.mountPoint, root: m.root, fstype: m.fstype, source: m.source,
    options: m.options, superOptions: m.superOptions, propagation: words(m), hidden: m.hidden,
  })
  return {
    format: 'fulcrum-mounts-diff',
    version: 1,
    by: diff.by,
    added: diff.added.map(brief),
    removed: diff.removed.map(brief),
    changed: diff.changed.map(({ before, after, changes }) => ({ before: brief(before), after: brief(after), changes })),
  }
}
