// What stands on what, as a graph: each thing that has to go, and what has to be gone before it. Pure.
//
// plan-round.ts asks it for the order. docs/shutdown.md has the rules as a table.

import { mountContaining } from '../facts/mountinfo.ts'
import { mountPathPrefixes } from '../facts/mount-path.ts'
import { describeDevice, describeMount, inMemory, layersOf, needsReadOnly } from './stack-facts.ts'
import type { StackDevice, StackFacts, StackMount, StackProcess, Swap } from './stack-facts.ts'

export type Action =
  | { readonly do: 'kill'; readonly processes: readonly StackProcess[] }
  | { readonly do: 'swapoff'; readonly swap: Swap }
  | { readonly do: 'read-only'; readonly mount: StackMount }
  /** `isTree`: with everything on it, all of it in memory. */
  | { readonly do: 'unmount'; readonly mount: StackMount; readonly isTree: boolean }
  | { readonly do: 'release'; readonly device: StackDevice }
  /** Ends servers whose work is done. */
  | { readonly do: 'end'; readonly processes: readonly StackProcess[] }

/** What earlier rounds have found out. */
export interface History {
  /** Keys of steps that did not come back: they and what lies below them are left alone. */
  readonly hung: ReadonlySet<string>
  /** Processes that survived SIGKILL, as processKey() says. */
  readonly survivors: ReadonlySet<string>
}

/** Names a process for ever: a pid can be given to another one. */
export function processKey({ facts }: StackProcess): string {
  return `process:${facts.pid} ${facts.startTicks}`
}

/** One thing. */
export interface Node {
  readonly key: string
  readonly what: string
  readonly action: Action
  readonly rank: number
  readonly depth: number
  readonly after: Set<string>
}

const rank = { kill: 0, swapoff: 1, 'read-only': 2, unmount: 3, release: 4, end: 5 } as const

const mountKey = (mount: StackMount): string => `mount:${mount.id}`
const readOnlyKey = (mount: StackMount): string => `read-only:${mount.dev}`
const deviceKey = (device: StackDevice): string => `device:${device.name}`

function describeProcesses(processes: readonly StackProcess[]): string {
  return processes.map(({ facts }) => `${facts.pid} (${facts.comm})`).join(', ')
}

export class Graph {
  readonly nodes = new Map<string, Node>()
  readonly #facts: StackFacts
  readonly #mounts: readonly StackMount[]
  readonly #byId: ReadonlyMap<number, StackMount>
  readonly #byPoint = new Map<string, StackMount[]>()

  constructor(facts: StackFacts, mounts: readonly StackMount[]) {
    this.#facts = facts
    this.#mounts = mounts
    this.#byId = new Map(facts.mounts.map((mount) => [mount.id, mount]))
    for (const mount of mounts) {
      const there = this.#byPoint.get(mount.mountPoint)
      if (there === undefined) this.#byPoint.set(mount.mountPoint, [mount])
      else there.push(mount)
    }
  }

  add(key: string, what: string, action: Action, depth: number): void {
    this.nodes.set(key, { key, what, action, rank: rank[action.do], depth, after: new Set() })
  }

  /** `first` has to be gone before `then`, if both are there. */
  before(first: string, then: string): void {
    if (first !== then && this.nodes.has(first)) this.nodes.get(then)?.after.add(first)
  }

  /** Something that stands on this mount goes before it is made read-only and unmounted. */
  beforeMount(first: string, mount: StackMount | undefined): void {
    if (mount === undefined) return
    this.before(first, mountKey(mount))
    // The last writer: a file system with an open file cannot become read-only.
    this.before(first, readOnlyKey(mount))
  }

  /** The mounts that this one stands on, nearest first. */
  #ancestors(mount: StackMount): StackMount[] {
    const found: StackMount[] = []
    let at = this.#byId.get(mount.parentId)
    while (at !== undefined && at.id !== mount.id && !found.includes(at)) {
      found.push(at)
      at = this.#byId.get(at.parentId)
    }
    return found
  }

  /** Later mounts on the way that hide this one: its path leads elsewhere until they are gone. */
  #covers(mount: StackMount, ancestors: readonly StackMount[]): StackMount[] {
    let next = mount
    return ancestors.flatMap((parent) => {
      const on = mountPathPrefixes(next.mountPoint).slice(0, -1)
      next = parent
      return on.flatMap((prefix) => (this.#byPoint.get(prefix) ?? []).filter((it) => it.parentId === parent.id))
    })
  }

  addMounts(): void {
    const ancestors = new Map(this.#mounts.map((mount) => [mount.id, this.#ancestors(mount)]))
    for (const mount of this.#mounts) {
      const depth = ancestors.get(mount.id)?.length ?? 0
      if (needsReadOnly(mount) && mount.dev !== this.#facts.ownDev && !this.nodes.has(readOnlyKey(mount))) {
        this.add(readOnlyKey(mount), `${mount.mountPoint} (${describeMount(mount)})`, { do: 'read-only', mount }, depth)
      }
      this.add(mountKey(mount), `${mount.mountPoint} (${describeMount(mount)})`, { do: 'unmount', mount, isTree: false }, depth)
    }
    for (const mount of this.#mounts) {
      this.before(readOnlyKey(mount), mountKey(mount))
      const parent = this.#byId.get(mount.parentId)
      if (parent !== undefined) this.before(mountKey(mount), mountKey(parent))
      for (const cover of this.#covers(mount, ancestors.get(mount.id) ?? [])) {
        this.before(mountKey(cover), mountKey(mount))
        const action = this.nodes.get(readOnlyKey(mount))?.action
        if (action?.do === 'read-only' && action.mount.id === mount.id) this.before(mountKey(cover), readOnlyKey(mount))
      }
      for (const layer of layersOf(mount)) this.beforeMount(mountKey(mount), this.holding(layer, mount))
    }
  }

  /** The mount in scope that a path is on; never the one that asks. */
  holding(path: string, asking?: StackMount): StackMount | undefined {
    const found = mountContaining(this.#facts.mounts, path)
    return this.#mounts.find((mount) => mount.id === found?.id && mount.id !== asking?.id)
  }

  addDevices(devices: readonly StackDevice[]): void {
    for (const device of devices) this.add(deviceKey(device), describeDevice(device), { do: 'release', device }, 0)
    const byDev = new Map(devices.flatMap((device) => device.devs.map((dev) => [dev, device])))
    for (const mount of this.#mounts) {
      for (const dev of mount.devices) {
        const device = byDev.get(dev)
        if (device === undefined) continue
        this.before(readOnlyKey(mount), deviceKey(device))
        this.before(mountKey(mount), deviceKey(device))
      }
    }
    for (const device of devices) {
      for (const dev of device.slaves) {
        const below = byDev.get(dev)
        if (below !== undefined) this.before(deviceKey(device), deviceKey(below))
      }
      if (device.way.kind === 'loop') this.beforeMount(deviceKey(device), this.holding(device.way.backingFile))
      if (device.way.kind === 'md' && device.way.container !== null) this.before(deviceKey(device), `device:${device.way.container}`)
    }
  }

  addSwaps(swaps: readonly Swap[], devices: readonly StackDevice[]): void {
    for (const swap of swaps) {
      const key = `swap:${swap.path}`
      this.add(key, swap.path, { do: 'swapoff', swap }, 0)
      if (swap.isFile) this.beforeMount(key, this.holding(swap.path))
      const { dev } = swap
      const device = dev === null ? undefined : devices.find((it) => it.devs.includes(dev))
      if (device !== undefined) this.before(key, deviceKey(device))
    }
  }

  addProcesses(processes: readonly StackProcess[], history: History, endsServers: boolean): void {
    const living = processes.filter((it) => !history.survivors.has(processKey(it)))
    const victims = living.filter((it) => it.role === 'victim')
    if (victims.length > 0) this.add('kill', describeProcesses(victims), { do: 'kill', processes: victims }, 0)
    const root = this.#mounts.find((mount) => mount.mountPoint === this.#facts.oldRoot)
    const others = living.filter((it) => it.role === 'other-server')
    if (others.length > 0) {
      // They may be programs of the old root: all but that goes before them, and they before it.
      this.add('end:others', describeProcesses(others), { do: 'end', processes: others }, 0)
      for (const mount of this.#mounts) if (mount.dev !== root?.dev) this.before(mountKey(mount), 'end:others')
      this.beforeMount('end:others', root)
    }
    if (!endsServers) return
    const servers = living.filter((it) => it.role === 'server')
    const ofMounts = servers.filter((it) => it.servesMount)
    const ofDevices = servers.filter((it) => !it.servesMount)
    if (ofMounts.length > 0) {
      // A FUSE server holds the device that its file system is on.
      this.add('end:fuse', describeProcesses(ofMounts), { do: 'end', processes: ofMounts }, 0)
      for (const mount of this.#mounts) this.before(mountKey(mount), 'end:fuse')
      for (const { key, action } of this.nodes.values()) if (action.do === 'release') this.before('end:fuse', key)
    }
    if (ofDevices.length === 0) return
    this.add('end:root', describeProcesses(ofDevices), { do: 'end', processes: ofDevices }, 0)
    for (const node of this.nodes.values()) this.before(node.key, 'end:root')
  }

  /**
   * Mounts in memory with nothing but such on them go in one step: the kernel detaches trees, and nobody misses what
   * was in them. /proc, /sys, /dev and /run of a systemd root are a dozen mounts.
   */
  joinTrees(): void {
    const known = new Map<string, boolean>()
    const isWhole = (key: string): boolean => {
      const found = known.get(key)
      if (found !== undefined) return found
      known.set(key, false)
      const node = this.nodes.get(key)
      const answer = node?.action.do === 'unmount' && (inMemory.has(node.action.mount.fstype) || node.action.mount.dev === this.#facts.ownDev) && [...node.after].every(isWhole)
      known.set(key, answer)
      return answer
    }
    const parents = this.#mounts.filter((mount) => isWhole(mountKey(mount)))
    for (const mount of parents) {
      const parent = this.#byId.get(mount.parentId)
      const node = this.nodes.get(mountKey(mount))
      if (node === undefined || (parent !== undefined && isWhole(mountKey(parent)))) continue
      this.nodes.set(node.key, { ...node, action: { do: 'unmount', mount, isTree: true }, after: new Set() })
    }
    for (const mount of parents) {
      const parent = this.#byId.get(mount.parentId)
      if (parent === undefined || !isWhole(mountKey(parent))) continue
      this.nodes.delete(mountKey(mount))
      for (const node of this.nodes.values()) node.after.delete(mountKey(mount))
    }
  }

  /** Takes out what did not come back, and the devices that it stands on. */
  leaveHung(hung: ReadonlySet<string>): string[] {
    const gone: string[] = []
    const leave = (key: string): void => {
      const node = this.nodes.get(key)
      if (node === undefined || gone.includes(key)) return
      gone.push(key)
      for (const next of this.nodes.values()) {
        if (!next.after.has(key)) continue
        const isBelow = next.key.startsWith('device:') || (key.startsWith('read-only:') && next.key.startsWith('mount:'))
        if (isBelow) leave(next.key)
      }
    }
    for (const key of hung) leave(key)
    return gone
  }

  /** Everything, what comes first first; a circle is broken at its most harmless member. */
  ordered(): Node[] {
    const waiting = [...this.nodes.values()].sort((a, b) => a.rank - b.rank || b.depth - a.depth || idOf(b) - idOf(a))
    const placed: Node[] = []
    const done = new Set<string>()
    while (waiting.length > 0) {
      const free = waiting.findIndex((node) => [...node.after].every((key) => done.has(key)))
      const [node] = waiting.splice(Math.max(free, 0), 1)
      if (node === undefined) break
      placed.push(node)
      done.add(node.key)
    }
    return placed
  }
}

/** Of mounts of the same depth the newer one goes first. */
function idOf({ action }: Node): number {
  return action.do === 'unmount' || action.do === 'read-only' ? action.mount.id : 0
}
