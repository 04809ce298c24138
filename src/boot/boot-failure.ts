// BootFailure: the one exception with which a phase of the boot gives up.
//
// It carries what the rescue console and the trace need to tell; anything else that is thrown is
// wrapped by toFailure with the phase it happened in.

import { StepError } from '../execute/execute.ts'
import type { Plan, Refusal } from '../plan/step.ts'
import type { Failure } from './rescue/failure.ts'

export class BootFailure extends Error {
  readonly failure: Failure

  constructor(failure: Failure, message: string) {
    super(message)
    this.name = 'BootFailure'
    this.failure = failure
  }
}

/** A failure with a reason of our own instead of an errno. */
export function refusalFailure(point: string, refusal: Refusal, plan: Plan | null, report: readonly string[]): BootFailure {
  return new BootFailure({ point, plan, stepIndex: null, error: null, refusal, report }, refusal.detail)
}

/** A failure behind an exception. */
export function errorFailure(point: string, error: unknown, report: readonly string[]): BootFailure {
  const step = error instanceof StepError ? error : null
  const message = error instanceof Error ? error.message : String(error)
  return new BootFailure({ point, plan: step?.plan ?? null, stepIndex: step?.index ?? null, error, refusal: null, report }, message)
}

/** Whatever was thrown in a phase, as a Failure. */
export function toFailure(point: string, thrown: unknown): Failure {
  return thrown instanceof BootFailure ? thrown.failure : errorFailure(point, thrown, []).failure
}

/** Runs a phase; what it throws becomes a BootFailure of this point. */
export function inPhase<T>(point: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw error instanceof BootFailure ? error : errorFailure(point, error, [])
  }
}
