// A RunPlan for people and as JSON: what `fulcrum run --dry-run` prints.
//
// Both actors, each line a system call as strace(1) prints it. Pure.

import { CLONE_FLAGS, nameFlags } from './flag-text.ts'
import type { RunPlan } from './run-plan.ts'
import { showStep } from './show-step.ts'

/** Lines; the first is the name with the reason. */
export function describeRunPlan(plan: RunPlan): string[] {
  const flags = plan.clone === 0 ? 'nothing new' : nameFlags(plan.clone, CLONE_FLAGS)
  const into = plan.intoCgroup === null ? '' : `, born in ${plan.intoCgroup.handle}`
  return [
    `${plan.name}: ${plan.reason}`,
    ...plan.notes.map((note) => `  note: ${note}`),
    '',
    'this process',
    ...(plan.host.length === 0 ? ['  nothing'] : plan.host.map((step) => `  ${showStep(step)}`)),
    '',
    `the new process (${flags}${into})`,
    ...plan.calls.flatMap(({ call, shown, goOn, label, ifZero, role }) => {
      const remarks = [
        ...(goOn === true ? ['may fail'] : []), ...(ifZero === undefined ? [] : [`${call === 'clone' ? 'the new one' : 'if 0,'} goes on at ${ifZero}`]),
        ...(role === 'command' ? ['the command'] : role === 'init' ? ['PID 1'] : []),
      ]
      return [...(label === undefined ? [] : [` ${label}:`]), `  ${shown}${remarks.length === 0 ? '' : `   # ${remarks.join(', ')}`}`]
    }),
  ]
}

/** The documented JSON shape; docs/run.md. */
export function runPlanToJson(plan: RunPlan): Record<string, unknown> {
  return {
    plan: plan.name,
    reason: plan.reason,
    notes: plan.notes,
    host: plan.host.map((step) => ({ op: step.op, call: showStep(step) })),
    child: {
      clone: nameFlags(plan.clone, CLONE_FLAGS),
      cgroup: plan.intoCgroup?.handle ?? null,
      calls: plan.calls.map(({ call, shown, label, goOn, ifZero, role }) => ({
        call: shown, name: call, ...(label === undefined ? {} : { label }), ...(goOn === true ? { mayFail: true } : {}),
        ...(ifZero === undefined ? {} : { newOneGoesOnAt: ifZero }), ...(role === undefined ? {} : { role }),
      })),
    },
  }
}
