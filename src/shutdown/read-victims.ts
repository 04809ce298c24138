// Who still runs, and who of them serves what the old root stands on.
//
// Read once, before anything is unmounted: a server is known by what it holds open of a stack that is still there.
// Whoever comes later (a child that was started meanwhile) is asked the same again.  docs/processes.md.

import type { Mount } from '../facts/mountinfo.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { mayHaveProcesses } from '../processes/children.ts'
import { findDependencies } from '../processes/dependencies.ts'
import { hasEnded } from '../processes/process-facts.ts'
import type { ProcessFacts } from '../processes/process-facts.ts'
import { readHolders } from '../processes/read-dependencies.ts'
import { attempt } from '../processes/read-origin.ts'
import { readExe, readStat } from '../processes/read-processes.ts'
import { readRootStack } from '../processes/root-stack.ts'
import type { Need, RootStack } from '../processes/root-stack.ts'
import { inMemory } from './stack-facts.ts'
import type { StackProcess } from './stack-facts.ts'

/** What the old root and the other file systems stand on, from before the first unmount. */
export interface Stacks {
  readonly root: RootStack
  readonly others: RootStack
}

/** Needs whose servers end by themselves once they are not needed any more. */
const endingKinds: ReadonlySet<Need['kind']> = new Set(['fuse', 'nbd', 'md', 'char-device'])

/** Reads the stacks of the mounts that will go. */
export function readStacks(kernel: Kernel, mounts: readonly Mount[], scope: readonly Mount[], oldRoot: string): Stacks {
  const seen = new Set<bigint>()
  const others = scope.filter(({ dev, fstype, mountPoint }) => {
    if (inMemory.has(fstype) || mountPoint === oldRoot || mountPoint === `${oldRoot}/usr` || seen.has(dev)) return false
    seen.add(dev)
    return true
  }).map((mount) => readRootStack(kernel, mounts, mount.mountPoint))
  return {
    root: readRootStack(kernel, mounts, oldRoot),
    others: { needs: others.flatMap((it) => it.needs), unresolved: [] },
  }
}

/** Every process of user space but this one and its own helpers, with what is needed for a kill. */
function readLiving(kernel: Kernel): ProcessFacts[] {
  const self = kernel.getpid()
  const own = attempt(() => kernel.stat('/proc/self/exe'))
  return (attempt(() => kernel.readdir('/proc')) ?? []).flatMap((name) => {
    const pid = Number(name)
    if (!/^\d+$/.test(name) || pid === 1 || pid === self) return []
    const stat = attempt(() => readStat(kernel, pid))
    if (stat === null || stat.isKernelThread || hasEnded(stat)) return []
    const exe = readExe(kernel, pid, null)
    // A bounded call that hangs is a child that shares our memory; it ends when its device answers, or never.
    if (own !== null && stat.ppid === self && exe.dev === own.dev && exe.ino === own.ino) return []
    return [{ ...stat, uid: null, argv: [], cgroup: null, survives: false, exe, rootDev: null, cwdDev: null }]
  })
}

/**
 * Decides about each process. With `keepInitramfs` those whose executable is on the file system of "/" stay, unless
 * they are to be ended with the old root.
 */
export function readVictims(kernel: Kernel, stacks: Stacks, keepInitramfs: boolean): StackProcess[] {
  if (!mayHaveProcesses(kernel)) return []
  const living = readLiving(kernel)
  if (living.length === 0) return []
  const holders = readHolders(kernel, living)
  const ofRoot = findDependencies(holders, stacks.root)
  const ofOthers = findDependencies(holders, stacks.others)
  const ending = (stack: RootStack): Map<number, string> => findDependencies(holders, { needs: stack.needs.filter((need) => endingKinds.has(need.kind)), unresolved: [] })
  const ends = new Set([...ending(stacks.root).keys(), ...ending(stacks.others).keys()])
  const ownDev = keepInitramfs ? attempt(() => kernel.stat('/').dev) : null
  return living.map((facts) => {
    const root = ofRoot.get(facts.pid)
    const other = ofOthers.get(facts.pid)
    const endsItself = ends.has(facts.pid)
    if (root !== undefined) return { facts, role: 'server', reason: root, endsItself }
    if (ownDev !== null && facts.exe.dev === ownDev) return { facts, role: 'stays', reason: 'it is of the initramfs', endsItself }
    if (other !== undefined) return { facts, role: 'other-server', reason: other, endsItself }
    return { facts, role: 'victim', reason: '', endsItself }
  })
}
