// The dispatcher: which command runs, by the name that the binary was called with or by the first word.
//
// As /init with PID 1 main.ts boots instead and never comes here. Everything that a command throws ends
// here as one line on standard error and an exit status.

import { safeJson } from '../facts/mounts/printable.ts'
import { nearest } from '../facts/nearest.ts'
import { SyscallError, errorLine } from '../kernel/errors.ts'
import { VERSION } from '../version.ts'
import { EXIT_OK, EXIT_REFUSED, EXIT_SYSTEM, EXIT_USAGE, sayUsage } from './command.ts'
import type { Command, CommandIo } from './command.ts'
import { asksJson, failureJson } from './failure.ts'
import { formatCommandHelp, formatOverview } from './help.ts'
import { commandTable, findCommand } from './table.ts'
import type { CommandEntry } from './command-entry.ts'
import { HelpRequest, unknownOption, UsageError } from './option-list.ts'

/** Whether a failure is to be told as JSON too. */
function isForProgram(command: Command, args: readonly string[]): boolean {
  return command.help.includes('--json') && asksJson(args)
}

/** Prints the help that was asked for, or what is wrong with the command line; null for any other error. */
export function answerUsage(error: unknown, command: Command, io: CommandIo, args: readonly string[] = []): number | null {
  if (error instanceof UsageError) {
    if (isForProgram(command, args)) io.stdout(`${safeJson(failureJson(error))}\n`)
    return sayUsage(io, command.name, error.message)
  }
  if (!(error instanceof HelpRequest)) return null
  io.stdout(formatCommandHelp(command))
  return EXIT_OK
}

async function runCommand(entry: CommandEntry, args: readonly string[], io: CommandIo, name: string): Promise<number> {
  const command = await entry.load()
  try {
    // The tools that are stood in for have -h of their own.
    if (!entry.standsIn && (args[0] === '--help' || args[0] === '-h')) throw new HelpRequest()
    return await command.run(args, io)
  } catch (error) {
    const status = answerUsage(error, command, io, args)
    if (status !== null) return status
    if (isForProgram(command, args)) io.stdout(`${safeJson(failureJson(error))}\n`)
    io.stderr(`${name}: ${errorLine(error)}\n`)
    // Anything but a failed system call is a mistake of ours: the stack says where.
    if (!(error instanceof SyscallError) && error instanceof Error && io.env['FULCRUM_DEBUG'] !== undefined) io.stderr(`${error.stack}\n`)
    return EXIT_SYSTEM
  }
}

function unknownCommand(name: string, io: CommandIo): number {
  if (name.startsWith('-')) {
    io.stderr(`fulcrum: ${unknownOption(name, ['help', 'version'])}\nTry 'fulcrum --help'\n`)
    return EXIT_USAGE
  }
  const guess = nearest(name, commandTable.map((entry) => entry.name))
  const hint = guess === undefined ? "'fulcrum --help' lists them" : `did you mean '${guess}'?`
  io.stderr(`fulcrum: Cannot find a command '${name}': ${hint}\n`)
  return EXIT_USAGE
}

async function help(args: readonly string[], io: CommandIo): Promise<number> {
  const [name] = args
  if (name === undefined) {
    io.stdout(formatOverview(commandTable, VERSION))
    return EXIT_OK
  }
  const entry = findCommand(name)
  if (entry === undefined) return unknownCommand(name, io)
  io.stdout(formatCommandHelp(await entry.load()))
  return EXIT_OK
}

/**
 * Runs what was asked for and returns the exit status. `argv0` is the last component of the name that
 * the binary was called with ('fulcrum', 'switch_root', …), `args` is what follows.
 */
export async function dispatch(argv0: string, args: readonly string[], io: CommandIo): Promise<number> {
  const standIn = findCommand(argv0)
  if (standIn?.standsIn === true) return runCommand(standIn, args, io, argv0)
  if (argv0 === 'init') {
    io.stderr(
      'init: Cannot boot: this is not PID 1; as /init of an initramfs the kernel starts it, ' +
        "and 'fulcrum switch' switches to a root that is mounted already\n",
    )
    return EXIT_REFUSED
  }
  const [name, ...rest] = args
  switch (name) {
    case undefined:
      io.stderr(formatOverview(commandTable, VERSION))
      return EXIT_USAGE
    case 'help':
    case '--help':
    case '-h':
      return help(rest, io)
    case '--version':
    case '-V':
      return dispatch(argv0, ['version', ...rest], io)
    default: {
      const entry = findCommand(name)
      return entry === undefined ? unknownCommand(name, io) : runCommand(entry, rest, io, `fulcrum ${name}`)
    }
  }
}
