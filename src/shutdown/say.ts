// What /shutdown says, and where: the console, and the kernel's log if systemd asks for that.
//
// Man pages: systemd(1) for --log-level and --log-target, syslog(3) for the levels.

import { O_CLOEXEC, O_NOCTTY, O_RDWR, O_WRONLY, TIOCOUTQ } from '../abi/process.ts'
import { toFd } from '../kernel/kernel.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** Levels of syslog(3). */
export const SUMMARY = 0
export const PROBLEM = 4
export const INFO = 6
export const DETAIL = 7

export type Say = (line: string, level: number) => void

/** Descriptors 0 to 2 on /dev/console: those that were inherited may belong to the old root. */
export function takeConsole(kernel: Pick<Kernel, 'open' | 'dup2' | 'close'>): void {
  attempt(() => {
    const fd = kernel.open('/dev/console', O_RDWR | O_NOCTTY)
    for (const standard of [0, 1, 2]) if (fd !== standard) kernel.dup2(fd, toFd(standard))
    if (fd > 2) kernel.close(fd)
  })
}

const DRAIN_POLL_MS = 2
/** A serial line of 9600 baud sends 300 bytes meanwhile; one that is held up is not waited for. */
const DRAIN_MS = 300

/**
 * Waits until the console has sent what was printed, 300 ms at most: the kernel's own lines do not wait behind ours,
 * and what is left at reboot(2) is lost.  ioctl_tty(2).
 */
export function drainConsole(kernel: Pick<Kernel, 'ioctl' | 'sleepMs'>): void {
  const left = new Uint8Array(4)
  for (let waited = 0; waited < DRAIN_MS; waited += DRAIN_POLL_MS) {
    if (attempt(() => kernel.ioctl(toFd(2), TIOCOUTQ, left)) === null || new DataView(left.buffer).getInt32(0, true) <= 0) return
    kernel.sleepMs(DRAIN_POLL_MS)
  }
}

/** Prints what is at least as urgent as `logLevel`. */
export function createSay(kernel: Pick<Kernel, 'open' | 'write'>, print: (line: string) => void, options: { readonly logLevel: number; readonly logTarget: string }): Say {
  // Opened now: /dev may be gone later.
  const kmsg = options.logTarget.endsWith('kmsg') ? attempt(() => kernel.open('/dev/kmsg', O_WRONLY | O_CLOEXEC)) : null
  return (line, level) => {
    if (level > options.logLevel) return
    print(line)
    // As debugging: the console, which the kernel writes its log to, has the line already.
    if (kmsg !== null) attempt(() => kernel.write(kmsg, `<7>fulcrum: ${line}\n`))
  }
}
