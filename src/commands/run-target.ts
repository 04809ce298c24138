// What the commands about something that runs have in common: finding it by name, and saying what went wrong.
//
// Of `enter`, `stop`, `bind` and `unbind`.

import { nearest } from '../facts/nearest.ts'
import { printable, safeJson } from '../facts/mounts/printable.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { TargetError } from '../run/target.ts'
import { Registry, stateOf } from '../run/registry.ts'
import type { RunEntry } from '../run/registry.ts'
import { EXIT_REFUSED, EXIT_USAGE, type CommandIo } from './command.ts'
import { HelpRequest, UsageError } from './option-list.ts'
import { failureOf } from './run-failure.ts'

/** The entry of what runs by this name. Throws TargetError. */
export function findRunning(kernel: Kernel, registry: Registry, name: string): RunEntry {
  if (kernel.getuid() !== 0) throw new TargetError(`Cannot reach '${name}': user id 0 is needed; run as root`)
  const entry = registry.find(name)
  if (entry === null) {
    const guess = nearest(name, registry.entries().map((it) => it.name))
    throw new TargetError(`Cannot find '${name}': nothing runs by this name; ${guess === undefined ? "'fulcrum list' lists what does" : `did you mean '${guess}'?`}`)
  }
  const state = stateOf(kernel, entry)
  if (state === 'gone') throw new TargetError(`Cannot find '${name}': it has ended`)
  if (state === 'unknown') throw new TargetError(`Cannot reach '${name}': it was started in another pid namespace; do this there`)
  return entry
}

/** Prints what went wrong and answers the exit status. Throws HelpRequest. */
export function tellFailure(command: string, io: CommandIo, json: boolean, error: unknown): number {
  if (error instanceof HelpRequest) throw error
  const failure = failureOf(error)
  const status = error instanceof TargetError ? EXIT_REFUSED : failure.status
  if (json) io.stdout(`${safeJson(failure.json)}\n`)
  io.stderr(`fulcrum ${command}: ${printable(errorLine(error))}\n${status === EXIT_USAGE ? `Try 'fulcrum ${command} --help'\n` : ''}`)
  return status
}

/** Exactly these words. Throws UsageError. */
export function expectWords(words: readonly string[], expected: readonly string[], atLeast = expected.length): readonly string[] {
  if (words.length < atLeast) throw new UsageError(`Cannot go on: expected ${expected.slice(words.length, atLeast).join(' ')}`)
  if (words.length > expected.length) throw new UsageError(`Cannot understand '${words[expected.length] ?? ''}': expected ${expected.join(' ')} only`)
  return words
}
