// SpawnError: which step of a RunPlan has failed, and why.
//
// Everything that the plan has made is gone when it is thrown. `shown` is the call as strace(1) prints it, with the names
// that the plan has for descriptors.

import { SyscallError } from '../kernel/errors.ts'
import { raw } from '../kernel/syscall-arg.ts'
import type { ChildCall, RunPlan } from '../plan/run/run-plan.ts'

/** 'command': the execve of what was asked for; 'init': that of PID 1; 'clone': the child itself; null: anything else. */
export type FailedRole = 'command' | 'init' | 'clone' | null

export class SpawnError extends Error {
  readonly plan: RunPlan
  readonly actor: 'host' | 'child'
  /** Of plan.host or plan.calls; -1 for the first clone itself, plan.host.length for what comes after the host steps. */
  readonly index: number
  readonly shown: string
  override readonly cause: SyscallError
  readonly role: FailedRole

  constructor(plan: RunPlan, failed: { actor: 'host' | 'child'; index: number; shown: string; cause: SyscallError; role: FailedRole }) {
    const { cause, shown } = failed
    const why = cause.message.slice(cause.message.lastIndexOf('): ') + 3)
    const hint = cause.hint === undefined ? '' : `; ${cause.hint}`
    const who = failed.actor === 'host' ? 'this process' : 'the new process'
    super(`Cannot start the command (plan '${plan.name}'): ${shown}, by ${who}: ${why}${hint}`)
    this.name = 'SpawnError'
    this.plan = plan
    // Not in what console.log prints: it is long.
    Object.defineProperty(this, 'plan', { enumerable: false })
    this.actor = failed.actor
    this.index = failed.index
    this.shown = shown
    this.cause = cause
    this.role = failed.role
  }
}

/** The SyscallError of a child's call that returned -errno. */
export function errorOfCall({ call, shown }: ChildCall, errno: number): SyscallError {
  return new SyscallError(call, [raw(shown.slice(call.length + 1, -1))], errno)
}
