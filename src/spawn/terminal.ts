// A pseudo terminal of a given devpts: our end and the end of the command.
//
// The command's end is opened through ours (TIOCGPTPEER), so that no path is followed to it: in a container that could
// lead anywhere.  pty(7), ioctl_tty(2)

import { O_CLOEXEC, O_NOCTTY, O_RDWR } from '../abi/process.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

/** Lets the other end be opened; asm-generic/ioctls.h. */
const TIOCSPTLCK = 0x40045431
/** A descriptor of the other end, since Linux 4.13. */
const TIOCGPTPEER = 0x5441

export interface Terminal {
  /** Ours. */
  readonly master: Fd
  /** The command's 0, 1 and 2. */
  readonly peer: Fd
}

/** Opens one by its /dev/ptmx: '/dev/ptmx', or ptmx of a devpts that is mounted nowhere, '/proc/self/fd/9/ptmx'. Throws SyscallError. */
export function openTerminal(kernel: Pick<Kernel, 'open' | 'ioctl' | 'close'>, ptmx: string): Terminal {
  const master = kernel.open(ptmx, O_RDWR | O_NOCTTY)
  try {
    kernel.ioctl(master, TIOCSPTLCK, new Uint8Array(4))
    return { master, peer: toFd(kernel.ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) }
  } catch (error) {
    kernel.close(master)
    throw error
  }
}
