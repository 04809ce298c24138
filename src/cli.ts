// The command line: a bundle of its own in the executable, so that PID 1 does not carry it.
//
// It makes its own Kernel: errors of the other bundle's kernel would be of another class than those that the commands
// look for.  bundle/load-cli.ts

import { isatty } from 'node:tty'
import { EXIT_NO_READER, EXIT_SYSTEM } from './commands/command.ts'
import { dispatch } from './commands/index.ts'
import { createKoffiKernel } from './kernel/koffi-kernel.ts'

/** Without a listener Node prints a stack and dies, which as PID 1 is a panic. A reader that has gone wants no message. */
function onWriteError(error: Error): void {
  const isGone = 'code' in error && error.code === 'EPIPE'
  if (!isGone) process.stderr.write(`fulcrum: Cannot write to standard output: ${error.message}\n`)
  // Whoever has gone may still look at why a command failed.
  process.once('exit', () => { if (!isGone || (process.exitCode ?? 0) === 0) process.exitCode = isGone ? EXIT_NO_READER : EXIT_SYSTEM })
}

/** Nobody is left to be told, and the exit status still says it. */
function ignoreWriteError(): void {}

function writeErr(text: string): void {
  if (process.stderr.listenerCount('error', ignoreWriteError) === 0) process.stderr.on('error', ignoreWriteError)
  process.stderr.write(text)
}

function writeOut(text: string): void {
  if (process.stdout.listenerCount('error', onWriteError) === 0) process.stdout.on('error', onWriteError)
  process.stdout.write(text)
}

/** Runs what was asked for and returns the exit status; `name` is the last component of argv[0]. */
export async function runCli(name: string, args: readonly string[]): Promise<number> {
  let kernel: ReturnType<typeof createKoffiKernel> | undefined
  const io = {
    stdout: writeOut,
    stderr: writeErr,
    // Not process.stderr.isTTY: its stream makes a pipe non-blocking, also for the commands that have it from us.
    isTerminal: isatty(2),
    env: process.env,
    kernel: () => (kernel ??= createKoffiKernel()),
  }
  return await dispatch(name, args, io)
}
