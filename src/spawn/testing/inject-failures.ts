// Failure injection: a plan is started once for each of its steps and calls, with that one replaced by one that fails.
//
// Every start has to throw a SpawnError that names just this step, and has to leave nothing behind. The plan itself has to
// work: it is started first, which also makes what the spawner keeps.

import type { Kernel } from '../../kernel/kernel.ts'
import type { ChildCall, HostStep, RunPlan } from '../../plan/run/run-plan.ts'
import { SpawnError } from '../spawn-error.ts'
import type { Spawner } from '../spawner.ts'
import { leaks, snapshot } from './leaks.ts'

/** Names what is wrong, in words; empty when all is well. */
export interface Injected {
  /** 'host 3: open_tree(…)' */
  readonly where: string
  readonly wrong: readonly string[]
}

const FAILING_STEP: HostStep = { op: 'open', path: '/nonexistent/injected', flags: 0, as: 'injected' }

function failingCall({ label, role }: ChildCall): ChildCall {
  return { call: 'close', args: [-1], shown: 'close(-1)', ...(label === undefined ? {} : { label }), ...(role === undefined ? {} : { role }) }
}

function replaced<T>(list: readonly T[], index: number, by: T): T[] {
  return list.map((it, i) => (i === index ? by : it))
}

/** Starts the plan with one failure at each place in turn. `skip` leaves calls out, for instance the exit of an outer child. */
export function injectFailures(plan: RunPlan, spawner: Spawner, kernel: Kernel, skip: (call: ChildCall) => boolean = () => false): Injected[] {
  spawner.start(plan).wait()
  const before = snapshot(kernel, plan)
  const attemptOf = (where: string, broken: RunPlan, actor: 'host' | 'child', index: number): Injected => {
    const wrong: string[] = []
    try {
      const running = spawner.start(broken)
      wrong.push(`it started, and ended with ${JSON.stringify(running.wait())}`)
    } catch (error) {
      if (!(error instanceof SpawnError)) wrong.push(`threw ${String(error)}`)
      else if (error.actor !== actor || error.index !== index) wrong.push(`blames ${error.actor} ${error.index}: ${error.message}`)
    }
    return { where, wrong: [...wrong, ...leaks(kernel, before, plan)] }
  }
  return [
    { where: 'nothing injected', wrong: leaks(kernel, before, plan) },
    ...plan.host.map((_, i) => attemptOf(`host ${i}`, { ...plan, host: replaced(plan.host, i, FAILING_STEP) }, 'host', i)),
    ...plan.calls.flatMap((call, i) => (skip(call) ? [] : [attemptOf(`call ${i}: ${call.shown}`, { ...plan, calls: replaced(plan.calls, i, failingCall(call)) }, 'child', i)])),
  ]
}
