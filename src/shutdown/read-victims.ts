// Who still runs, and who of them serves what the old root stands on.
//
// The stacks are read once, before anything is unmounted; the processes before every round, with care: PID 1 must not
// ask a file system whose server is gone.  docs/processes.md.

import type { Mount } from '../facts/mountinfo.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { carefulDoors } from '../processes/careful-doors.ts'
import { mayHaveProcesses } from '../processes/children.ts'
import { findDependencies } from '../processes/dependencies.ts'
import type { OriginContext } from '../processes/origin.ts'
import { markOf } from '../processes/policy.ts'
import { hasEnded } from '../processes/process-facts.ts'
import type { ProcessFacts } from '../processes/process-facts.ts'
import { readHolders } from '../processes/read-dependencies.ts'
import { readProcesses } from '../processes/read-processes.ts'
import { readMountStack } from '../processes/root-stack.ts'
import type { Need, RootStack } from '../processes/root-stack.ts'
import { inMemory } from './stack-facts.ts'
import type { StackProcess } from './stack-facts.ts'

/** What one file system of the old root stands on. */
export interface MountStack {
  readonly mount: Mount
  readonly stack: RootStack
  readonly isRoot: boolean
}

/** Needs whose servers end by themselves once they are not needed any more. */
const endingKinds: ReadonlySet<Need['kind']> = new Set(['fuse', 'nbd', 'md', 'char-device'])

const mountKinds: ReadonlySet<Need['kind']> = new Set(['fuse'])

/** Reads the stacks of the mounts that will go; `scope` are those, `mounts` all. */
export function readStacks(kernel: Kernel, mounts: readonly Mount[], scope: readonly Mount[], oldRoot: string): MountStack[] {
  const seen = new Set<bigint>()
  const found: MountStack[] = []
  for (const mount of [...scope].sort((a, b) => a.mountPoint.length - b.mountPoint.length)) {
    if (inMemory.has(mount.fstype) || seen.has(mount.dev)) continue
    seen.add(mount.dev)
    const stack = readMountStack(kernel, mounts, [mount])
    const isRoot = mount.mountPoint === oldRoot || mount.mountPoint === `${oldRoot}/usr`
    if (stack.needs.length > 0 || stack.unresolved.length > 0) found.push({ mount, stack, isRoot })
  }
  return found
}

/** Every process of user space but this one and its own helpers. */
function readLiving(kernel: Kernel, mounts: readonly Mount[]): ProcessFacts[] {
  // The mount of an executable is asked where its own device says nothing (overlay, btrfs).
  const context: OriginContext = {
    initramfs: new Set(), root: new Set(mounts.map((mount) => mount.dev)), memfd: null, switched: { kind: 'unknown' }, mayBeReused: false,
  }
  const self = kernel.getpid()
  const own = attempt(() => kernel.stat('/proc/self/exe'))
  return (attempt(() => readProcesses(carefulDoors(kernel, mounts), context)) ?? []).filter((facts) => {
    if (facts.isKernelThread || hasEnded(facts) || facts.pid === 1 || facts.pid === self) return false
    // A bounded call that hangs is a child that shares our memory; it ends when its device answers, or never.
    return own === null || facts.ppid !== self || facts.exe.dev !== own.dev || facts.exe.ino !== own.ino
  })
}

/** A file system is not served by a program that lies on it. */
function isOn(facts: ProcessFacts, mount: Mount): boolean {
  return facts.exe.dev === mount.dev || facts.exe.mount?.dev === mount.dev
}

/** Decides about each process. With `keepInitramfs` those whose executable is on the file system of "/" stay. */
export function readVictims(kernel: Kernel, mounts: readonly Mount[], stacks: readonly MountStack[], keepInitramfs: boolean): StackProcess[] {
  if (!mayHaveProcesses(kernel)) return []
  const living = readLiving(kernel, mounts)
  if (living.length === 0) return []
  const holders = new Map(readHolders(carefulDoors(kernel, mounts), living).map((holder) => [holder.pid, holder]))
  const servers = { root: new Map<number, string>(), others: new Map<number, string>() }
  const ends = new Set<number>()
  const ofMounts = new Set<number>()
  for (const { mount, stack, isRoot } of stacks) {
    const candidates = living.flatMap((it) => (isOn(it, mount) ? [] : (holders.get(it.pid) ?? [])))
    const found = isRoot ? servers.root : servers.others
    for (const [pid, reason] of findDependencies(candidates, stack, `'${mount.mountPoint}'`)) if (!found.has(pid)) found.set(pid, reason)
    const serversOf = (kinds: ReadonlySet<Need['kind']>): Iterable<number> => {
      const needs = stack.needs.filter((need) => kinds.has(need.kind))
      return needs.length === 0 ? [] : findDependencies(candidates, { needs, unresolved: [] }).keys()
    }
    for (const pid of serversOf(endingKinds)) ends.add(pid)
    for (const pid of serversOf(mountKinds)) ofMounts.add(pid)
  }
  const ownDev = attempt(() => kernel.stat('/').dev)
  return living.map((facts): StackProcess => {
    const isOfInitramfs = facts.exe.dev === ownDev
    const root = servers.root.get(facts.pid) ?? (isOfInitramfs && markOf(facts) !== null ? 'it is of the initramfs and marked to survive' : undefined)
    const other = servers.others.get(facts.pid)
    const more = { endsItself: ends.has(facts.pid), servesMount: ofMounts.has(facts.pid) }
    if (root !== undefined) return { facts, role: 'server', reason: root, ...more }
    if (keepInitramfs && isOfInitramfs) return { facts, role: 'stays', reason: 'it is of the initramfs', ...more }
    if (other !== undefined) return { facts, role: 'other-server', reason: other, ...more }
    return { facts, role: 'victim', reason: '', ...more }
  })
}
