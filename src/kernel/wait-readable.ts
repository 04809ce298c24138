// Waits for a descriptor as long as asked, whatever signals come.
//
// poll(2) ends with EINTR when a handler has run, and is never restarted: Node has one for SIGCHLD as soon as it starts a
// child. A pidfd is readable once its process has ended.  signal(7)

import { isErrno } from './errors.ts'
import type { Fd } from './fd.ts'
import type { FileCalls } from './kernel.ts'

const LONGEST_POLL_MS = 0x7fffffff

/** True when it is readable, or its other end is gone; false when the time is over. Without a time it waits for ever. */
export function waitReadable(kernel: Pick<FileCalls, 'poll'>, fd: Fd, timeoutMs?: number): boolean {
  const deadline = timeoutMs === undefined ? null : performance.now() + timeoutMs
  for (;;) {
    const left = deadline === null ? -1 : Math.min(LONGEST_POLL_MS, Math.max(0, Math.ceil(deadline - performance.now())))
    try {
      if (kernel.poll([fd], left)[0]?.revents !== 0) return true
    } catch (error) {
      if (!isErrno(error, 'EINTR')) throw error
    }
    if (deadline !== null && performance.now() >= deadline) return false
  }
}
