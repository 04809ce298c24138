// The command line: a bundle of its own in the executable, so that PID 1 does not carry it.
//
// It makes its own Kernel: errors of the other bundle's kernel would be of another class than those that the commands
// look for.  bundle/load-cli.ts

import { isatty } from 'node:tty'
import { dispatch } from './commands/index.ts'
import { createKoffiKernel } from './kernel/koffi-kernel.ts'

/** Runs what was asked for and returns the exit status; `name` is the last component of argv[0]. */
export async function runCli(name: string, args: readonly string[]): Promise<number> {
  let kernel: ReturnType<typeof createKoffiKernel> | undefined
  const io = {
    stdout: (text: string) => void process.stdout.write(text),
    stderr: (text: string) => void process.stderr.write(text),
    // Not process.stderr.isTTY: its stream makes a pipe non-blocking, also for the commands that have it from us.
    isTerminal: isatty(2),
    env: process.env,
    kernel: () => (kernel ??= createKoffiKernel()),
  }
  return await dispatch(name, args, io)
}
