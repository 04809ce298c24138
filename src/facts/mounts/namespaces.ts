// Which other mount namespaces have the file systems of a tree, and which of them hear of each other's mounts.
//
// Pure. A file system is the same where the device number is; namespaces are linked where a mount there is a peer, the
// master or a slave of one here: group ids are the same in all namespaces.  docs/mounts.md

import { printable } from './printable.ts'
import { toSaved } from './saved.ts'
import type { SavedMounts } from './saved.ts'
import type { MountNode, MountTree } from './mount-tree.ts'

/** What keeps a namespace in which no process is: a descriptor, or a bind mount in another one (null: without a path). */
export type Keeper =
  | { readonly pid: number; readonly command: string; readonly fd: number }
  | { readonly namespace: string; readonly mountPoint: string | null }

/** A mount namespace, as its process with the lowest pid sees it. */
export interface SeenNamespace {
  /** 'mnt:[4026531841]'. */
  readonly id: string
  /** Never reused; null where the kernel does not tell (before Linux 6.11). */
  readonly uniqueId: bigint | null
  /** Null where no process is in it. */
  readonly pid: number | null
  readonly command: string
  /** How many processes are in it. */
  readonly processes: number
  /** The one of this process. */
  readonly own: boolean
  readonly tree: MountTree
  /** Of one without processes. */
  readonly keptBy: readonly Keeper[]
}

export interface Namespaces {
  /** By lowest pid. */
  readonly list: readonly SeenNamespace[]
  /** Processes whose namespace may not be seen. */
  readonly unknown: number
}

/** For one mount, ids of other namespaces. */
export interface SeenBy {
  /** Those with a mount of the same file system. */
  readonly sameFs: readonly string[]
  /** Those where a mount gives events to it or receives its events. */
  readonly linked: readonly string[]
}

function addTo(map: Map<string, Set<string>>, key: string, id: string): void {
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([id]))
  else set.add(id)
}

/** Says for each mount of the own namespace who else sees it. */
export function seenBy(namespaces: Namespaces): (m: MountNode) => SeenBy {
  const devices = new Map<string, Set<string>>()
  const [sharing, receiving] = [new Map<string, Set<string>>(), new Map<string, Set<string>>()]
  for (const { id, own, tree } of namespaces.list) {
    if (own) continue
    for (const { major, minor, propagation } of tree.nodes) {
      addTo(devices, `${major}:${minor}`, id)
      if (propagation.shared !== undefined) addTo(sharing, String(propagation.shared), id)
      if (propagation.master !== undefined) addTo(receiving, String(propagation.master), id)
    }
  }
  return ({ major, minor, propagation: { shared, master } }) => {
    const linked = new Set<string>()
    if (shared !== undefined) for (const from of [sharing, receiving]) for (const id of from.get(String(shared)) ?? []) linked.add(id)
    if (master !== undefined) for (const id of sharing.get(String(master)) ?? []) linked.add(id)
    return { sameFs: [...(devices.get(`${major}:${minor}`) ?? [])], linked: [...linked] }
  }
}

/** '3, 2 linked': how many others; '' for none. */
export function seenByText({ sameFs, linked }: SeenBy): string {
  if (sameFs.length === 0) return ''
  return linked.length === 0 ? String(sameFs.length) : `${sameFs.length}, ${linked.length} linked`
}

function keeperText(keeper: Keeper): string {
  if ('pid' in keeper) return `descriptor ${keeper.fd} of ${keeper.pid} (${printable(keeper.command)})`
  return `mount ${keeper.mountPoint === null ? '(no path)' : printable(keeper.mountPoint)} in ${keeper.namespace}`
}

function commandText({ command, own, processes, keptBy }: SeenNamespace): string {
  if (processes > 0) return `${printable(command)}${own ? '  (this one)' : ''}`
  return `kept by ${keptBy.length === 0 ? 'what is not found' : keptBy.map(keeperText).join(', ')}`
}

/** One line a namespace, with a heading. */
export function namespaceLines({ list, unknown }: Namespaces): string[] {
  const rows = list.map((ns) => [ns.id, String(ns.pid ?? '-'), String(ns.processes), String(ns.tree.nodes.length), commandText(ns)])
  const all = [['NAMESPACE', 'PID', 'PROCESSES', 'MOUNTS', 'COMMAND'], ...rows]
  const widths = [0, 1, 2, 3].map((i) => all.reduce((width, row) => Math.max(width, (row[i] ?? '').length), 0))
  const lines = all.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd())
  return unknown === 0 ? lines : [...lines, `processes that could not be looked at: ${unknown}`]
}

/** The JSON of a tree, with what --all-namespaces adds. */
export function namespacesToSaved(saved: SavedMounts, namespaces: Namespaces): object {
  const who = seenBy(namespaces)
  return {
    ...toSaved(saved),
    namespaces: namespaces.list.map(({ id, uniqueId, pid, command, processes, own, tree, keptBy }) => ({
      id, uniqueId: uniqueId === null ? null : String(uniqueId), pid, command, processes, own,
      mountCount: tree.nodes.length, hiddenCount: tree.nodes.filter((m) => m.hidden).length, keptBy,
    })),
    unknownProcesses: namespaces.unknown,
    seenBy: saved.tree.nodes.map((m) => ({ id: m.id, ...who(m) })).filter((one) => one.sameFs.length > 0),
  }
}
