// Reads what processes hold open, as far as the root may depend on it.
//
// Only processes that could be killed are looked at, not the whole system.  proc_pid_fd(5), proc_pid_fdinfo(5).

import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { FUSE_DEVICE } from './dependencies.ts'
import type { Holder, OpenDescriptor } from './dependencies.ts'
import type { ProcessFacts } from './process-facts.ts'

type Doors = Pick<Kernel, 'readdir' | 'readText' | 'stat'>

/** `fuse_connection` of fdinfo, or null where the kernel does not print it. */
export function parseFuseConnection(fdinfo: string): number | null {
  const found = /^fuse_connection:\s+(\d+)$/m.exec(fdinfo)
  return found === null ? null : Number(found[1])
}

/** The open descriptors of a process; null when it may not be looked at. */
export function readDescriptors(kernel: Doors, pid: number): OpenDescriptor[] | null {
  const names = attempt(() => kernel.readdir(`/proc/${pid}/fd`))
  if (names === null) return null
  return names.flatMap((name) => {
    const stat = attempt(() => kernel.stat(`/proc/${pid}/fd/${name}`))
    if (stat === null) return []
    const { dev, ino, mode, rdev } = stat
    const fdinfo = rdev === FUSE_DEVICE ? attempt(() => kernel.readText(`/proc/${pid}/fdinfo/${name}`)) : null
    return [{ fd: Number(name), dev, ino, mode, rdev, fuseConnection: fdinfo === null ? null : parseFuseConnection(fdinfo) }]
  })
}

/** Each process with what it holds open. */
export function readHolders(kernel: Doors, processes: readonly ProcessFacts[]): Holder[] {
  return processes.map(({ pid, ppid, comm }) => ({ pid, ppid, comm, descriptors: readDescriptors(kernel, pid) }))
}
