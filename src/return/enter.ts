// Enters the kept initramfs from a running root: facts, plan, execution, and undo when a step fails.
//
// Works for any process: pivot_root(2) takes PID 1 along. Nothing of the running root is lost by it, it is at
// /oldroot afterwards, with everything mounted on it but the API file systems.  docs/return.md.

import { executePlan, executeUndo, StepError, type Handles } from '../execute/execute.ts'
import { Trace } from '../execute/trace.ts'
import { Refused } from '../facts/refused.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { planReturn, planReturnUndo } from '../plan/return.ts'
import type { PlanResult } from '../plan/step.ts'
import { readReturnFacts } from './read-return-facts.ts'

export { isInitramfs } from './read-return-facts.ts'

/** It will not be done, and nothing was. */
export class ReturnRefused extends Refused {
  override readonly name = 'ReturnRefused'
}

/** The plan to enter from here, or why not. Throws SyscallError without /proc. */
export function planEnter(kernel: Kernel): PlanResult {
  const facts = readReturnFacts(kernel)
  return planReturn({ console: facts.pid === 1 ? '/dev/console' : null }, facts)
}

/**
 * Makes the kept initramfs "/", for PID 1 as well, and the running root /oldroot. Throws ReturnRefused, or
 * StepError after everything was undone; `print` gets notes, and what could not be undone.
 */
export function enterInitramfs(kernel: Kernel, print: (line: string) => void): void {
  const { plan, refusal } = planEnter(kernel)
  if (plan === null) throw new ReturnRefused(refusal)
  for (const note of plan.notes) print(note)
  const trace = new Trace(() => kernel.monotonicUs())
  const handles: Handles = new Map()
  try {
    executePlan(kernel, plan, trace, handles)
  } catch (error) {
    if (error instanceof StepError) {
      for (const line of executeUndo(kernel, planReturnUndo(plan.steps, error.completed), trace, handles)) print(`Cannot undo: ${line}, ignoring`)
    }
    throw error
  }
}
