// What stopped a boot, and how that is told.
//
// A Failure is filled by the boot code and read by the rescue console, by the trace and by tests. The
// text names the point, the plan, the step, the error, what usually is behind it and what to do.

import { StepError } from '../../execute/execute.ts'
import { SyscallError, errorLine } from '../../kernel/errors.ts'
import { describeStep } from '../../plan/step.ts'
import type { Plan, Refusal } from '../../plan/step.ts'

/** Why the rescue console opens. With neither error nor refusal it is a stop that was asked for (rd.break=). */
export interface Failure {
  /** Where the boot stands, for instance 'pre-mount', 'root-device', 'mount', 'switch'. */
  readonly point: string
  /** The plan that was being executed or was to be, or null. */
  readonly plan: Plan | null
  /** Index of the step that failed, or null when none did. */
  readonly stepIndex: number | null
  readonly error: unknown
  readonly refusal: Refusal | null
  /** What was seen: devices, near misses, what an undo left. */
  readonly report: readonly string[]
}

/** True for a stop that was asked for: the boot can go on from there. */
export function isBreak(failure: Failure): boolean {
  return failure.refusal === null && (failure.error === null || failure.error === undefined)
}

/** The innermost error: what the kernel said, below StepError and other wrappers. */
export function rootCause(error: unknown): unknown {
  let cause = error
  for (let depth = 0; depth < 8 && cause instanceof Error && cause.cause !== undefined; depth++) cause = cause.cause
  return cause
}

function errorLines(failure: Failure): string[] {
  if (failure.error === null || failure.error === undefined) return []
  const cause = rootCause(failure.error)
  // The step is printed by itself; its error must not be printed twice.
  const outer = failure.error instanceof StepError || cause === failure.error ? [] : [firstLine(failure.error)]
  if (!(cause instanceof SyscallError)) return [...outer, `error:  ${errorLine(cause)}`]
  return [...outer, `error:  ${cause.message}`, ...(cause.hint === undefined ? [] : [`hint:   ${cause.hint}`])]
}

function firstLine(error: unknown): string {
  return errorLine(error).split('\n', 1)[0] ?? ''
}

/** The plan with the failed step marked: '+' done, '!' failed, '.' not begun. */
export function describeProgress(plan: Plan, stepIndex: number | null): string[] {
  const mark = (i: number): string => (stepIndex === null || i > stepIndex ? '.' : i === stepIndex ? '!' : '+')
  const lines = [`plan '${plan.name}': ${plan.reason}`]
  plan.steps.forEach((step, i) => {
    if (i === plan.pointOfNoReturn) lines.push('     -- point of no return --')
    lines.push(` ${mark(i)} ${String(i + 1).padStart(2)}. ${describeStep(step)}`)
  })
  if (plan.exec !== null) lines.push(` ${mark(plan.steps.length)} ${String(plan.steps.length + 1).padStart(2)}. ${describeStep(plan.exec)}`)
  for (const note of plan.notes) lines.push(`   note: ${note}`)
  return lines
}

/** The failure as lines of text, for the console and for `why`. */
export function describeFailure(failure: Failure): string[] {
  if (isBreak(failure)) {
    return [`Stopped at '${failure.point}', as asked`, ...failure.report.map((line) => `  ${line}`)]
  }
  const lines = [`Cannot boot: stopped at '${failure.point}'`]
  const { plan, stepIndex, refusal } = failure
  if (refusal !== null) {
    lines.push(`  reason: ${refusal.detail} [${refusal.reason}]`, `  remedy: ${refusal.remedy}`)
  }
  if (plan !== null && stepIndex !== null) {
    const step = plan.steps[stepIndex] ?? plan.exec
    const total = plan.steps.length + (plan.exec === null ? 0 : 1)
    lines.push(`  plan:   '${plan.name}', ${plan.reason}`)
    if (step !== null) lines.push(`  step:   ${stepIndex + 1} of ${total}: ${describeStep(step)}`)
  }
  lines.push(...errorLines(failure).map((line) => `  ${line}`), ...failure.report.map((line) => `  ${line}`))
  return lines
}
