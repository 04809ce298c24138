// CommandIo for tests: what a command prints is kept, and the kernel is given.
//
// Commands never touch the process themselves, so this is all that a test of one needs.

import type { Kernel } from '../../kernel/kernel.ts'
import type { CommandIo } from '../command.ts'

export interface CapturedIo extends CommandIo {
  out(): string
  err(): string
}

/** An io around a kernel; without one, asking for it throws. */
export function capturedIo(kernel?: Kernel, env: Readonly<Record<string, string>> = {}): CapturedIo {
  const written = { out: '', err: '' }
  return {
    stdout: (text) => { written.out += text },
    stderr: (text) => { written.err += text },
    isTerminal: false,
    env,
    kernel: () => {
      if (kernel === undefined) throw new Error('this command must not open the kernel')
      return kernel
    },
    out: () => written.out,
    err: () => written.err,
  }
}
