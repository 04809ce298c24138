// The command lines of the npm scripts: what makes no sense ends with 100 and one line, as with fulcrum itself.
//
// node:util's parseArgs throws a TypeError, which uncaught is a stack and status 1.
import { describeParseError } from '../src/commands/option-list.ts'

const EXIT_USAGE = 100
const EXIT_SYSTEM = 111

function isUsage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_')
}

/** Prints what went wrong in a script, and returns its exit status: 100 for its command line, 111 for the rest. */
export function tellFailure(script: string, error: unknown): number {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${script}: ${isUsage(error) ? describeParseError(error, []) : message}\n`)
  return isUsage(error) ? EXIT_USAGE : EXIT_SYSTEM
}

/** What `parse` answers; where it throws, the script ends here. */
export function parseOrExit<T>(script: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    return process.exit(tellFailure(script, error))
  }
}
