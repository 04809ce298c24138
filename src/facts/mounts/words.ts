// The words for one mount that every picture of a tree uses: name, source, options, propagation, remarks.
//
// Pure. Peers are named by their mount points, the first few, so that the cost stays linear.

import { printable } from './printable.ts'
import type { MountNode, MountTree, PeerGroup } from './mount-tree.ts'

/** How many peers are named. */
const NAMED = 3

export interface MountWords {
  /** Mount point, or '(no path)'. */
  readonly name: string
  readonly fstype: string
  /** With the bound directory in brackets. */
  readonly source: string
  readonly options: string
  readonly propagation: string
  /** '(root)', '(hidden by 31 at /run)'; '' for none. */
  readonly remarks: string
}

function nameOf(tree: MountTree, id: number): string {
  const point = tree.byId.get(id)?.mountPoint
  return point === undefined || point === null ? String(id) : printable(point)
}

function named(tree: MountTree, word: string, ids: readonly number[], self: number): string {
  const shown = ids.slice(0, NAMED + 1).filter((id) => id !== self).slice(0, NAMED)
  const more = ids.length - shown.length - (ids.includes(self) ? 1 : 0)
  return shown.length === 0 ? '' : `${word} ${shown.map((id) => nameOf(tree, id)).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** 'shared:3', 'slave of 3', 'private', 'unbindable', or several of them; peers of the same listing in brackets. */
function propagationOf(tree: MountTree, groups: ReadonlyMap<number, PeerGroup>, m: MountNode): string {
  const { shared, master, propagateFrom, unbindable } = m.propagation
  const with_ = (text: string): string => (text === '' ? '' : ` (${text})`)
  const parts = [
    ...(shared === undefined ? [] : [`shared:${shared}${with_(named(tree, 'with', groups.get(shared)?.peers ?? [], m.id))}`]),
    ...(master === undefined ? [] : [`slave of ${master}${with_(named(tree, 'at', groups.get(master)?.peers ?? [], m.id))}`]),
    ...(propagateFrom === undefined ? [] : [`from ${propagateFrom}`]),
    ...(unbindable === true ? ['unbindable'] : []),
  ]
  return parts.length === 0 ? 'private' : parts.join(' ')
}

function remarksOf(tree: MountTree, m: MountNode): string {
  const root = m.isRoot ? [m.parentId === m.id ? '(absolute root)' : '(root)'] : !m.hidden && m.parentId === m.id ? ['(absolute root)'] : []
  const by = m.hiddenBy
  const where = by === null || tree.byId.get(by)?.mountPoint === m.mountPoint ? '' : ` at ${nameOf(tree, by)}`
  const hidden = m.hidden ? [by === null ? '(hidden)' : `(hidden by ${by}${where})`] : []
  return [...root, ...hidden].join(' ')
}

/** Makes the words of the mounts of a tree. */
export function mountWords(tree: MountTree): (m: MountNode) => MountWords {
  const groups = new Map(tree.groups.map((group) => [group.id, group]))
  return (m) => ({
    name: m.mountPoint === null ? '(no path)' : printable(m.mountPoint),
    fstype: printable(m.fstype),
    source: printable(m.root === '/' ? m.source : `${m.source}[${m.root}]`),
    options: printable((m.superOptions.includes('ro') && !m.options.includes('ro') ? ['fs-ro', ...m.options] : m.options).join(',')),
    propagation: propagationOf(tree, groups, m),
    remarks: remarksOf(tree, m),
  })
}
