// Exit statuses and JSON of what kept a command from running.
//
// 126 and 127 are those of shells, for a command that cannot be executed or is not there.  docs/errors.md

import { errorLine } from '../kernel/errors.ts'
import { NameTaken } from '../run/registry.ts'
import { SpawnError } from '../spawn/spawn-error.ts'
import { RunRefused } from '../spawn/start-run.ts'
import { EXIT_REFUSED, EXIT_SYSTEM, EXIT_USAGE } from './command.ts'
import { UsageError } from './option-list.ts'

/** As shells say that a command could not be started. */
export const EXIT_NOT_EXECUTABLE = 126
export const EXIT_NOT_FOUND = 127

/** The exit status for a command that was not started, and why, as JSON. */
export function failureOf(error: unknown): { readonly status: number; readonly json: Record<string, unknown> } {
  if (error instanceof UsageError) return { status: EXIT_USAGE, json: { error: error.message } }
  if (error instanceof NameTaken) return { status: EXIT_REFUSED, json: { error: error.message, reason: 'name-taken' } }
  if (error instanceof RunRefused) {
    const { refusal } = error
    const known: Readonly<Record<string, number>> = { 'command-not-found': EXIT_NOT_FOUND, 'command-not-executable': EXIT_NOT_EXECUTABLE }
    return { status: known[refusal.reason] ?? EXIT_REFUSED, json: { error: error.message, ...refusal } }
  }
  if (error instanceof SpawnError) {
    const { plan, actor, index, shown, cause, role } = error
    const status = role !== 'command' ? EXIT_SYSTEM : cause.code === 'ENOENT' ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE
    return { status, json: { error: error.message, plan: plan.name, actor, step: index, call: shown, errno: cause.code } }
  }
  return { status: EXIT_SYSTEM, json: { error: errorLine(error) } }
}
