// Command: what every fulcrum command looks like to the dispatcher.
//
// A command parses its own arguments, plans, executes and prints; it returns an exit status and
// never calls process.exit, so that tests run it in-process.

import type { Kernel } from '../kernel/kernel.ts'

/** Exit statuses that all commands share; docs/errors.md explains them. */
export const EXIT_OK = 0
/** As the tool that is stood in for (switch_root, run-init, pivot_root). */
export const EXIT_FAILED = 1
export const EXIT_USAGE = 100
export const EXIT_SYSTEM = 111
export const EXIT_REFUSED = 112
/** 128 and SIGPIPE, as shells show of a tool whose reader has gone: Node ignores the signal itself. */
export const EXIT_NO_READER = 141

/** What a command may touch of the outside. */
export interface CommandIo {
  stdout(text: string): void
  stderr(text: string): void
  /** True when standard error is a terminal: progress may be shown. */
  readonly isTerminal: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Opens the kernel door; called only by commands that need it. */
  kernel(): Kernel
}

/** Says what is wrong with a command line, `what` as 'Cannot …', and returns the exit status. */
export function sayUsage(io: Pick<CommandIo, 'stderr'>, name: string, what: string): number {
  io.stderr(`fulcrum ${name}: ${what}\nTry 'fulcrum ${name} --help'\n`)
  return EXIT_USAGE
}

/** One command: `fulcrum NAME …`. */
export interface Command {
  readonly name: string
  /** One line, without full stop, for the list of commands. */
  readonly summary: string
  /** Synopsis lines without "usage:", for instance 'fulcrum build --output FILE [options]'. */
  readonly usage: readonly string[]
  /** Full --help text behind the synopsis. */
  readonly help: string
  run(args: readonly string[], io: CommandIo): number | Promise<number>
}
