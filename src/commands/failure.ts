// What --json prints when a command fails, the same for every command: {"refusal"} or {"error"}.
//
// It goes to standard output in place of the result; the line for a person is on standard error as ever.  docs/errors.md

import type { Refusal } from '../facts/refusal.ts'
import { Refused } from '../facts/refused.ts'
import { safeJson } from '../facts/mounts/printable.ts'
import { errorLine, SyscallError } from '../kernel/errors.ts'
import type { CommandIo } from './command.ts'

/** The failed system call below an error, as strace prints it without its result, and the name of its errno. */
function failedCall(error: unknown): { readonly call: string; readonly errno: string } | null {
  if (error instanceof SyscallError) return { call: error.message.slice(0, error.message.lastIndexOf('): ') + 1), errno: error.code }
  if (!(error instanceof Error)) return null
  if ('code' in error && typeof error.code === 'string' && 'syscall' in error && typeof error.syscall === 'string') {
    const path = 'path' in error && typeof error.path === 'string' ? JSON.stringify(error.path) : ''
    return { call: `${error.syscall}(${path})`, errno: error.code }
  }
  return failedCall(error.cause)
}

/** Why nothing was done. */
export function refusalJson({ reason, detail, remedy }: Refusal): Record<string, unknown> {
  return { refusal: { reason, detail, remedy } }
}

/** What failed. `message` is what was said, where it is more than the error's own. */
export function failureJson(error: unknown, message = errorLine(error)): Record<string, unknown> {
  return error instanceof Refused ? refusalJson(error.refusal) : { error: { message, ...failedCall(error) } }
}

/** Whether a command line that could not be parsed has --json among its options. */
export function asksJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).includes('--json')
}

/** Says what failed to a person, and to a program where it asks for it. `line` begins with 'Cannot'. */
export function sayFailure(io: CommandIo, name: string, json: boolean, line: string, error: unknown = null): void {
  if (json) io.stdout(`${safeJson(failureJson(error, line))}\n`)
  io.stderr(`fulcrum ${name}: ${line}\n`)
}

/** The same for a refusal. */
export function sayRefusal(io: CommandIo, name: string, json: boolean, refusal: Refusal): void {
  if (json) io.stdout(`${safeJson(refusalJson(refusal))}\n`)
  io.stderr(`fulcrum ${name}: ${refusal.detail}; ${refusal.remedy} [${refusal.reason}]\n`)
}
