// Removes a cgroup and those below it, with the processes that are left in them.
//
// A process that has ended may count for a moment longer (since Linux 6.19 until its last switch), and cgroup.kill takes
// effect when its victims get to run: rmdir(2) says EBUSY so long.  cgroups(7), admin-guide/cgroup-v2.rst

import { S_IFDIR, S_IFMT } from '../abi/process.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** How long processes that were killed may take. */
const PATIENCE_US = 2_000_000n
const LONGEST_PAUSE_MS = 16

/** Answers whether it is gone. Never throws. */
export function removeCgroup(kernel: Kernel, path: string): boolean {
  const deadline = kernel.monotonicUs() + PATIENCE_US
  for (let pause = 1; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      kernel.rmdir(path)
      return true
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return true
      if (!isErrno(error, 'EBUSY', 'ENOTEMPTY')) return false
    }
    // Processes, since Linux 5.14, or what a container has made below.
    attempt(() => kernel.writeFile(`${path}/cgroup.kill`, '1'))
    for (const name of attempt(() => kernel.readdir(path)) ?? []) {
      const below = `${path}/${name}`
      const stat = attempt(() => kernel.lstat(below))
      if (stat !== null && (stat.mode & S_IFMT) === S_IFDIR) removeCgroup(kernel, below)
    }
    if (kernel.monotonicUs() > deadline) return false
    kernel.sleepMs(pause)
  }
}
