// Exit statuses and JSON of what kept a command from running.
//
// 126 and 127 are those of shells, for a command that cannot be executed or is not there.  docs/errors.md

import { Refused } from '../facts/refused.ts'
import { SpawnError } from '../spawn/spawn-error.ts'
import { EXIT_REFUSED, EXIT_SYSTEM, EXIT_USAGE } from './command.ts'
import { failureJson } from './failure.ts'
import { UsageError } from './option-list.ts'

/** As shells say that a command could not be started. */
export const EXIT_NOT_EXECUTABLE = 126
export const EXIT_NOT_FOUND = 127

/** The exit status for a command that was not started, and why, as JSON. */
export function failureOf(error: unknown): { readonly status: number; readonly json: Record<string, unknown> } {
  const json = failureJson(error)
  if (error instanceof UsageError) return { status: EXIT_USAGE, json }
  if (error instanceof Refused) {
    const known: Readonly<Record<string, number>> = { 'command-not-found': EXIT_NOT_FOUND, 'command-not-executable': EXIT_NOT_EXECUTABLE }
    return { status: known[error.refusal.reason] ?? EXIT_REFUSED, json }
  }
  if (error instanceof SpawnError) {
    const { plan, actor, index, shown, cause, role } = error
    const status = role !== 'command' ? EXIT_SYSTEM : cause.code === 'ENOENT' ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE
    return { status, json: { error: { message: error.message, plan: plan.name, actor, step: index, call: shown, errno: cause.code } } }
  }
  return { status: EXIT_SYSTEM, json }
}
