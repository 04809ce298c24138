// Runs one command as the dispatcher does, but at once.
//
// For tests of commands that do not wait: a mistake in the command line becomes an exit status.
import type { Command, CommandIo } from '../command.ts'
import { answerUsage } from '../index.ts'

/** The exit status. Throws what is no mistake in the command line. */
export function runAs(command: Command, args: readonly string[], io: CommandIo): number | Promise<number> {
  try {
    return command.run(args, io)
  } catch (error) {
    const status = answerUsage(error, command, io, args)
    if (status === null) throw error
    return status
  }
}
