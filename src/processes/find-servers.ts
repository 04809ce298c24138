// Which processes serve the file systems that are mounted somewhere: those that have to end last.
//
// For taking a root down, where no origin is left to go by: "/" is the initramfs again and the root is at /oldroot.
// A process whose executable is on a file system cannot be what that one depends on, so it is not counted for it;
// for another one it is (the nbd-client of the root behind /home). Asked again after something was unmounted, the
// answer shrinks. What carries systemd's marks and is of none of these file systems counts always.
// docs/processes.md.

import type { Mount } from '../facts/mountinfo.ts'
import { isBelow } from '../facts/paths.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { carefulDoors } from './careful-doors.ts'
import { findDependencies } from './dependencies.ts'
import type { OriginContext } from './origin.ts'
import { markOf } from './policy.ts'
import { hasEnded } from './process-facts.ts'
import type { ProcessFacts } from './process-facts.ts'
import { readHolders } from './read-dependencies.ts'
import { readProcesses } from './read-processes.ts'
import { readMountStack } from './root-stack.ts'
import type { RootStack } from './root-stack.ts'

function isOn(facts: ProcessFacts, mount: Mount): boolean {
  return facts.exe.dev === mount.dev || facts.exe.mount?.dev === mount.dev
}

/**
 * The processes that these mounts need, by pid, with the reason; never PID 1 nor this process. `mounts` is the whole
 * mount table, which layers such as loop files are followed in. Throws SyscallError when /proc is not mounted.
 */
export function findServersOf(kernel: Kernel, mounts: readonly Mount[], targets: readonly Mount[]): Map<number, string> {
  const found = new Map<number, string>()
  const stacks = new Map<bigint, { readonly mount: Mount; readonly stack: RootStack }>()
  for (const mount of targets) {
    if (stacks.has(mount.dev)) continue
    const stack = readMountStack(kernel, mounts, [mount])
    if (stack.needs.length > 0 || stack.unresolved.length > 0) stacks.set(mount.dev, { mount, stack })
  }
  const context: OriginContext = {
    initramfs: new Set(), root: new Set(targets.map((mount) => mount.dev)), memfd: null, switched: { kind: 'unknown' }, mayBeReused: false,
  }
  const doors = carefulDoors(kernel, mounts)
  const self = kernel.getpid()
  const living = readProcesses(doors, context).filter((it) => !it.isKernelThread && !hasEnded(it) && it.pid !== 1 && it.pid !== self)
  const holders = new Map(readHolders(doors, living).map((holder) => [holder.pid, holder]))
  for (const { mount, stack } of stacks.values()) {
    const candidates = living.filter((it) => !isOn(it, mount)).map((it) => holders.get(it.pid)).filter((it) => it !== undefined)
    for (const [pid, reason] of findDependencies(candidates, stack, `'${mount.mountPoint}'`)) if (!found.has(pid)) found.set(pid, reason)
  }
  for (const facts of living) {
    if (!found.has(facts.pid) && markOf(facts) !== null && !targets.some((mount) => isOn(facts, mount))) found.set(facts.pid, 'it is marked to survive')
  }
  return found
}

/** The processes that whatever is mounted at `directory` or below it needs, by pid, with the reason. */
export function findServers(kernel: Kernel, mounts: readonly Mount[], directory: string): Map<number, string> {
  return findServersOf(kernel, mounts, mounts.filter((mount) => isBelow(mount.mountPoint, directory)))
}
