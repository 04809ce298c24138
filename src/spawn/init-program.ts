// The program that is PID 1 of a container.
//
// A static executable of a few hundred bytes in a sealed memfd, so that nothing of the host has to be in the root.

import { SyscallError } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

/** Makes it; the caller closes the descriptor. Throws SyscallError. */
export function makeInitProgram(_kernel: Kernel): Fd {
  throw new SyscallError('memfd_create', ['init'], 38)
}
