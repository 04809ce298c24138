// `fulcrum mounts diff A B`: what changed between two saved mount trees.
//
// Takes what `fulcrum mounts --json` printed, or copies of /proc/PID/mountinfo, also one of each.  docs/mounts.md

import { diffLines, diffMounts, diffToJson, isSame } from '../facts/mounts/diff.ts'
import { printable, safeJson } from '../facts/mounts/printable.ts'
import { parseSaved } from '../facts/mounts/saved.ts'
import type { SavedMounts } from '../facts/mounts/saved.ts'
import { errorLine } from '../kernel/errors.ts'
import { EXIT_FAILED, EXIT_OK, EXIT_SYSTEM, type CommandIo } from './command.ts'
import { sayFailure } from './failure.ts'
import { parseOptionList, UsageError } from './option-list.ts'

/** Throws SyscallError for a file that cannot be read, UsageError for one with something else in it. */
function load(io: CommandIo, path: string): SavedMounts {
  const content = io.kernel().readText(path)
  try {
    return parseSaved(content)
  } catch (error) {
    throw new UsageError(`Cannot read mounts from '${printable(path)}': expected the output of 'fulcrum mounts --json' or a copy of /proc/PID/mountinfo: ${printable(errorLine(error))}`)
  }
}

/** Runs the command behind 'diff'. 0 for no difference, 1 for some, as diff(1). Throws UsageError. */
export function runDiff(args: readonly string[], io: CommandIo): number {
  const { options, words, command } = parseOptionList(args, [{ name: 'json', kind: 'flag' }])
  const json = options.length > 0
  const [a, b, ...more] = [...words, ...(command ?? [])]
  if (a === undefined || b === undefined || more.length > 0) throw new UsageError('Cannot compare: expected two files of fulcrum mounts --json')
  let path = a
  try {
    const before = load(io, a)
    path = b
    const diff = diffMounts(before, load(io, b))
    io.stdout(json ? `${safeJson(diffToJson(diff))}\n` : diffLines(diff).map((line) => `${line}\n`).join(''))
    return isSame(diff) ? EXIT_OK : EXIT_FAILED
  } catch (error) {
    if (error instanceof UsageError) throw error
    sayFailure(io, 'mounts diff', json, `Cannot read mounts from '${printable(path)}': ${printable(errorLine(error))}`, error)
    return EXIT_SYSTEM
  }
}
