// startRun and startRuns: the whole way from a request to a running command. Facts, plan, start.
//
// What the plan could not know is decided here: that the mounts of the host changed while a root was copied, and that
// this process stands where no small namespace can be made. Then the next plan is tried; each attempt leaves nothing.

import { readRunFacts } from '../facts/run/run-facts.ts'
import type { RunFacts, RunRequest } from '../facts/run/run-types.ts'
import { Refused } from '../facts/refused.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { planContainer } from '../plan/run/container.ts'
import type { RunPlan, RunPlanResult } from '../plan/run/run-plan.ts'
import { MOUNTS_CHANGED, planService } from '../plan/run/service.ts'
import { containerRefusal } from './container-refusal.ts'
import { SpawnError } from './spawn-error.ts'
import type { Spawner } from './spawner.ts'
import type { RunningChild } from './spawner-types.ts'

/** How often a copy of a few mounts may be overtaken by an event before the host's whole namespace is copied. */
const ATTEMPTS_BY_COPY = 3
/** For binds there is no other way. */
const ATTEMPTS = 30

/** What is needed of a Spawner. */
export type Starter = Pick<Spawner, 'features' | 'start'>

/** It was refused: nothing was started. */
export class RunRefused extends Refused {
  override readonly name = 'RunRefused'
}

/** Plans whatever kind is asked for. */
export function planRun(request: RunRequest, facts: RunFacts): RunPlanResult {
  return request.kind === 'service' ? planService(request, facts) : planContainer(request, facts)
}

/** The plan for this request, here and now. Throws RunRefused, and SyscallError when the facts cannot be read. */
export function readRunPlan(kernel: Kernel, spawner: Pick<Spawner, 'features'>, request: RunRequest): RunPlan {
  const { plan, refusal } = planRun(request, readRunFacts(kernel, request, spawner.features))
  if (plan === null) throw new RunRefused(refusal)
  return plan
}

/** What to try after this failure, or null. */
function nextRequest(request: RunRequest, { plan, actor, index, cause }: SpawnError, attempt: number): RunRequest | null {
  const small = plan.name === 'service-pivot-template' && request.kind === 'service'
  if (actor === 'child' && plan.calls[index]?.label === MOUNTS_CHANGED) {
    if (small && attempt >= ATTEMPTS_BY_COPY) return { ...request, engine: 'pivot' }
    return attempt < ATTEMPTS ? request : null
  }
  // Unbindable: open_tree(2) does not copy it, clone(2) does.
  if (request.kind === 'service' && request.engine === 'auto' && actor === 'host' && plan.host[index]?.op === 'open-tree' && cause.code === 'EINVAL') {
    return { ...request, engine: 'pivot' }
  }
  // In the initramfs before Linux 7.0 pivot_root(2) works for nobody; in a chroot nothing does, and the next plan says so.
  if (small && actor === 'host' && plan.host[index]?.op === 'template-namespace' && cause.code === 'EINVAL') return { ...request, engine: 'move' }
  return null
}

/**
 * Starts the command. Throws RunRefused, SpawnError (the plan, the call and the errno), and SyscallError when the facts
 * cannot be read; nothing is left behind then.
 */
export function startRun(kernel: Kernel, spawner: Starter, request: RunRequest): RunningChild {
  let wanted = request
  for (let attempt = 1; ; attempt += 1) {
    try {
      return spawner.start(readRunPlan(kernel, spawner, wanted))
    } catch (error) {
      wanted = nextOrThrow(wanted, error, attempt)
    }
  }
}

/** What to try after this failure. Throws RunRefused where the kernel's answer means one, else the failure itself. */
function nextOrThrow(request: RunRequest, error: unknown, attempt: number): RunRequest {
  if (!(error instanceof SpawnError)) throw error
  const refusal = containerRefusal(request, error)
  if (refusal !== null) throw new RunRefused(refusal)
  const next = nextRequest(request, error, attempt)
  if (next === null) throw error
  return next
}

/** The value, or the Error that was thrown instead. */
function orError<T>(body: () => T): T | Error {
  try {
    return body()
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
}

/**
 * Starts many commands, which set themselves up at the same time on all processors: faster than one startRun after the
 * other. One answer for each request, in their order: what runs, or the Error that startRun would have thrown.
 */
export function startRuns(kernel: Kernel, spawner: Starter & Pick<Spawner, 'startAll'>, requests: readonly RunRequest[]): (RunningChild | Error)[] {
  const planned = requests.map((request) => ({ request, plan: orError(() => readRunPlan(kernel, spawner, request)) }))
  const ready = planned.flatMap(({ plan }) => (plan instanceof Error ? [] : [plan]))
  const started = spawner.startAll(ready).values()
  return planned.map(({ request, plan }) => {
    const answer = plan instanceof Error ? plan : started.next().value
    if (!(answer instanceof SpawnError)) return answer ?? new Error('Cannot start: the spawner gave too few answers')
    return orError(() => startRun(kernel, spawner, nextOrThrow(request, answer, 1)))
  })
}
