// One round of taking an old root down: everything that is left, in the order in which it can go. Pure.
//
// Each thing names what has to be gone before it: a swap file before its file system, a child mount before its
// parent, what is mounted on a loop device before the device, the device before the file system that holds its file.
// Everything is made read-only before anything is unmounted, because an unmount can succeed while the superblock
// lives on elsewhere (docs/kernel-facts.md C). What the facts do not say (a hidden file, an unknown layer) is found
// by failing: the next round tries again, and the last ones no longer insist on the order.

import { mountContaining } from '../facts/mountinfo.ts'
import { mountsInScope } from './stack-facts.ts'
import type { StackDevice, StackFacts, StackMount } from './stack-facts.ts'
import { Graph } from './stack-graph.ts'
import type { Action, History, Node } from './stack-graph.ts'

/** A step of a round: it is skipped unless everything in `after` was done. */
export interface RoundStep {
  readonly key: string
  readonly what: string
  readonly action: Action
  readonly after: readonly string[]
}

export interface RoundRequest {
  readonly keepDevices: boolean
  /** Nothing else has helped: steps no longer wait for those before them. */
  readonly desperate: boolean
}

export interface Round {
  readonly steps: readonly RoundStep[]
  /** What is left, for a person; empty: all is done. */
  readonly left: readonly string[]
}

/** The devices that have to go: all, or with `keepDevices` those that need a file of the old root. */
function devicesInScope(facts: StackFacts, scope: readonly StackMount[], keepDevices: boolean): StackDevice[] {
  const all = facts.devices.filter((device) => !device.isOwn)
  if (!keepDevices) return all
  const ids = new Set(scope.map((mount) => mount.id))
  const found = new Set(all.filter(({ way }) => way.kind === 'loop' && ids.has(mountContaining(facts.mounts, way.backingFile)?.id ?? -1)))
  for (let grows = true; grows; ) {
    const devs = new Set([...found].flatMap((device) => device.devs))
    const above = all.filter((device) => !found.has(device) && device.slaves.some((dev) => devs.has(dev)))
    for (const device of above) found.add(device)
    grows = above.length > 0
  }
  return all.filter((device) => found.has(device))
}

/** The next round, and what is left before it. */
export function planRound(facts: StackFacts, history: History, request: RoundRequest): Round {
  const scope = mountsInScope(facts, request.keepDevices)
  const devices = devicesInScope(facts, scope, request.keepDevices)
  const graph = new Graph(facts, scope)
  graph.addMounts()
  graph.addDevices(devices)
  graph.addSwaps(facts.swaps, devices)
  graph.addProcesses(facts.processes, history, !request.keepDevices)
  graph.joinTrees()
  const hung = new Set(graph.leaveHung(history.hung))
  const isLeft = (node: Node): boolean => node.action.do !== 'read-only'
  const left = [...graph.nodes.values()].filter(isLeft).map((node) => `${node.what}${hung.has(node.key) ? ', which does not answer' : ''}`)
  const steps = graph.ordered().filter((node) => !hung.has(node.key)).map(({ key, what, action, after }) => ({
    key, what, action, after: request.desperate ? [] : [...after],
  }))
  return { steps, left }
}

