// Where a process comes from: the initramfs, the real root, elsewhere, the kernel, or it cannot be said.
//
// The file system that its executable is on decides, by device number: the path in /proc/PID/exe lies once the
// initramfs is concealed, lazily unmounted, or seen from another mount namespace (docs/kernel-facts.md B). Where
// there is no such file (memfd, zombie), start time, parents and root directory are asked. Pure.
// docs/processes.md has the order and the reasons.

import { USER_HZ } from '../abi/process.ts'
import { hasEnded } from './process-facts.ts'
import type { ProcessFacts } from './process-facts.ts'

export type Origin = 'initramfs' | 'root' | 'other' | 'kernel' | 'undecidable'

/** When the root was switched, for telling by start time. Microseconds of CLOCK_MONOTONIC. */
export type SwitchTime = { readonly kind: 'not-yet' } | { readonly kind: 'at'; readonly us: number } | { readonly kind: 'unknown' }

/** What origins are decided against. */
export interface OriginContext {
  /** Devices of the initramfs's file systems. */
  readonly initramfs: ReadonlySet<bigint>
  /** Devices of the real root and its /usr. */
  readonly root: ReadonlySet<bigint>
  /** The device of all memfds; null when there are none on this kernel. */
  readonly memfd: bigint | null
  readonly switched: SwitchTime
  /** The initramfs was not kept: its device number may belong to another file system by now. */
  readonly mayBeReused: boolean
}

/** An origin and what it was read from, for a person. */
export interface OriginFinding {
  readonly origin: Origin
  readonly evidence: string
}

/** Whether st_dev of the executable leaves it open which file system this is, so that its mount has to be asked. */
export function needsMount(dev: bigint, context: OriginContext): boolean {
  if (context.initramfs.has(dev)) return context.mayBeReused
  return !context.root.has(dev) && dev !== context.memfd
}

/** Whether the executable says nothing, so that the process's root and working directory are asked. */
export function needsDirectories(dev: bigint | null, context: OriginContext): boolean {
  return dev === null || dev === context.memfd
}

function byDevice({ exe }: ProcessFacts, context: OriginContext): OriginFinding | null {
  const { dev, mount } = exe
  if (dev === null || needsDirectories(dev, context)) return null
  // What is not 'rootfs' has taken over the number after the initramfs was freed, or was mounted in it: its age tells.
  const isReused = context.mayBeReused && mount !== null && mount.fstype !== 'rootfs'
  if (context.initramfs.has(dev) && !isReused) return { origin: 'initramfs', evidence: 'its executable is on the initramfs' }
  if (context.root.has(dev)) return { origin: 'root', evidence: 'its executable is on the real root' }
  if (mount === null) return null
  // st_dev of a file on overlay or btrfs is not that of the superblock; that of the mount is.
  if (mount.fstype === 'rootfs' || (context.initramfs.has(mount.dev) && !isReused)) return { origin: 'initramfs', evidence: 'its executable is on a mount of the initramfs' }
  if (context.root.has(mount.dev)) return { origin: 'root', evidence: 'its executable is on a mount of the real root' }
  return null
}

/** Whether it started before the switch: null where one tick is too coarse, or nobody knows. */
export function startedBefore(startTicks: number, switched: SwitchTime): boolean | null {
  if (switched.kind === 'not-yet') return true
  if (switched.kind === 'unknown') return null
  const tick = Math.floor((switched.us * USER_HZ) / 1_000_000)
  return startTicks === tick ? null : startTicks < tick
}

type Decide = (facts: ProcessFacts) => OriginFinding

/** What there is besides the executable. */
function byCircumstances(facts: ProcessFacts, why: string, context: OriginContext, parent: ProcessFacts | undefined, decide: Decide): OriginFinding {
  const before = startedBefore(facts.startTicks, context.switched)
  if (before === true) return { origin: 'initramfs', evidence: `${why}; it started before the switch` }
  const isOnInitramfs = (dev: bigint | null): boolean => dev !== null && context.initramfs.has(dev) && !context.mayBeReused
  if (isOnInitramfs(facts.rootDev)) return { origin: 'initramfs', evidence: `${why}; its root directory is on the initramfs` }
  // Orphans go to PID 1, which therefore says nothing about where they come from.
  if (parent !== undefined && parent.pid !== 1) {
    const { origin } = decide(parent)
    if (origin === 'initramfs' || origin === 'root') return { origin, evidence: `${why}; its parent ${parent.pid} is of the ${origin === 'root' ? 'real root' : 'initramfs'}` }
  }
  if (isOnInitramfs(facts.cwdDev)) return { origin: 'initramfs', evidence: `${why}; its working directory is on the initramfs` }
  return { origin: 'undecidable', evidence: before === null ? `${why}, and its start does not tell` : `${why}, and it started after the switch` }
}

function decideOne(facts: ProcessFacts, context: OriginContext, parent: ProcessFacts | undefined, decide: Decide): OriginFinding {
  if (facts.isKernelThread) return { origin: 'kernel', evidence: 'a kernel thread' }
  const found = byDevice(facts, context)
  if (found !== null) return found
  const { dev, errno } = facts.exe
  if (dev !== null && dev === context.memfd) return byCircumstances(facts, 'its executable is in memory only', context, parent, decide)
  if (dev !== null) {
    // A file system of its own, /run or an unpacked image: who made it run before the switch was the initramfs.
    if (startedBefore(facts.startTicks, context.switched) === true) return { origin: 'initramfs', evidence: 'it started before the switch, from neither root' }
    return { origin: 'other', evidence: 'its executable is on another file system' }
  }
  if (errno === 'EACCES' || errno === 'EPERM') return { origin: 'undecidable', evidence: 'another user\'s process: be root to look at it' }
  if (hasEnded(facts)) return byCircumstances(facts, 'it has ended and waits for its parent', context, parent, decide)
  return byCircumstances(facts, `its executable cannot be looked at (${errno ?? 'unknown'})`, context, parent, decide)
}

/** The origin of every process, by pid. `processes` has all there are, so that parents can be asked. */
export function decideOrigins(processes: readonly ProcessFacts[], context: OriginContext): Map<number, OriginFinding> {
  const byPid = new Map(processes.map((facts) => [facts.pid, facts]))
  const done = new Map<number, OriginFinding>()
  const decide: Decide = (facts) => {
    const known = done.get(facts.pid)
    if (known !== undefined) return known
    // Facts are read one by one while pids are reused: a circle of parents is possible and ends here.
    done.set(facts.pid, { origin: 'undecidable', evidence: 'its parents are a circle' })
    const finding = decideOne(facts, context, byPid.get(facts.ppid), decide)
    done.set(facts.pid, finding)
    return finding
  }
  for (const facts of processes) decide(facts)
  return done
}
