// Lets a FUSE server that is stopped be woken by the requests that it is to answer.
//
// systemd stops every process while it looks through them (kill(-1, SIGSTOP)), also those that it then spares. With
// the root on FUSE it waits in its next path lookup for a server that is stopped, and nobody is left to continue it.
// The kernel can: a queued request signals who asked for that on /dev/fuse, and the signal may be SIGCONT. A running
// process ignores it.  fcntl(2) F_SETSIG, pidfd_getfd(2); fs/fuse/dev.c fuse_dev_fasync().

import { F_GETFL, F_SETFL, F_SETOWN, F_SETSIG, O_ASYNC, SIGCONT } from '../abi/process.ts'
import { errorLine, SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { FUSE_DEVICE } from './dependencies.ts'
import { readDescriptors } from './read-dependencies.ts'

export type WakeDoors = Pick<Kernel, 'readdir' | 'readText' | 'stat' | 'pidfdOpen' | 'pidfdGetfd' | 'fcntl' | 'close'>

/** Sets it on one open file of the process, which it shares with us for that moment. */
function wakeBy(kernel: WakeDoors, pid: number, fd: number): void {
  const pidfd = kernel.pidfdOpen(pid)
  try {
    const file = kernel.pidfdGetfd(pidfd, fd)
    try {
      kernel.fcntl(file, F_SETOWN, pid)
      kernel.fcntl(file, F_SETSIG, SIGCONT)
      kernel.fcntl(file, F_SETFL, kernel.fcntl(file, F_GETFL, 0) | O_ASYNC)
    } finally {
      kernel.close(file)
    }
  } finally {
    kernel.close(pidfd)
  }
}

/** For every /dev/fuse that the process has open. `wakes` is null when it has none. Never throws for a system call. */
export function wakeForRequests(kernel: WakeDoors, pid: number): { readonly wakes: boolean | null; readonly problem: string | null } {
  const served = (readDescriptors(kernel, pid) ?? []).filter((it) => it.rdev === FUSE_DEVICE)
  if (served.length === 0) return { wakes: null, problem: null }
  try {
    for (const { fd } of served) wakeBy(kernel, pid, fd)
    return { wakes: true, problem: null }
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    return { wakes: false, problem: errorLine(error) }
  }
}
