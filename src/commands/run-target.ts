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
import { EXIT_USAGE, type CommandIo } from './command.ts'
import { HelpRequest, UsageError } from './option-list.ts'
import { failureOf } from './run-failure.ts'

/** The entry of what runs by this name. Throws TargetError. */
export function findRunning(kernel: Kernel, registry: Registry, name: string): RunEntry {
  if (kernel.getuid() !== 0) throw new TargetError({ reason: 'no-permission', detail: `Cannot reach '${name}': user id 0 is needed`, remedy: 'run as root' })
  const entry = registry.find(name)
  if (entry === null) {
    const guess = nearest(name, registry.entries().map((it) => it.name))
    throw new TargetError({ reason: 'not-running', detail: `Cannot find '${name}': nothing runs by this name`, remedy: guess === undefined ? "'fulcrum list' lists what does" : `did you mean '${guess}'?` })
  }
  const state = stateOf(kernel, entry)
  if (state === 'gone') throw new TargetError({ reason: 'not-running', detail: `Cannot find '${name}': it has ended`, remedy: 'start it again' })
  if (state === 'unknown') throw new TargetError({ reason: 'out-of-reach', detail: `Cannot reach '${name}': it was started in another pid namespace`, remedy: 'do this there' })
  return entry
}

/** Prints what went wrong and answers the exit status. Throws HelpRequest. */
export function tellFailure(command: string, io: CommandIo, json: boolean, error: unknown): number {
  if (error instanceof HelpRequest) throw error
  const { status, json: shown } = failureOf(error)
  if (json) io.stdout(`${safeJson(shown)}\n`)
  io.stderr(`fulcrum ${command}: ${printable(errorLine(error))}\n${status === EXIT_USAGE ? `Try 'fulcrum ${command} --help'\n` : ''}`)
  return status
}

/** Exactly these words. Throws UsageError. */
export function expectWords(words: readonly string[], expected: readonly string[], atLeast = expected.length): readonly string[] {
  if (words.length < atLeast) throw new UsageError(`Cannot go on: expected ${expected.slice(words.length, atLeast).join(' ')}`)
  if (words.length > expected.length) throw new UsageError(`Cannot understand '${words[expected.length] ?? ''}': expected ${expected.join(' ')} only`)
  return words
}
