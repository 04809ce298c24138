// A RunPlan for people and as JSON: what `fulcrum run --dry-run` prints.
//
// Both actors, each line a system call as strace(1) prints it. Pure.

import { CLONE_FLAGS, nameFlags } from './flag-text.ts'
import type { ChildCall, RunPlan } from './run-plan.ts'
import { showStep } from './show-step.ts'

/** '2, 9, 11 to 17'. */
function ranges(numbers: readonly number[]): string {
  const found: { from: number; to: number }[] = []
  for (const n of numbers) {
    const last = found.at(-1)
    if (last !== undefined && last.to === n - 1) last.to = n
    else found.push({ from: n, to: n })
  }
  return found.map(({ from, to }) => (from === to ? String(from) : `${from} to ${to}`)).join(', ')
}

const BOUNDING = /^prctl\(PR_CAPBSET_DROP, (\d+), 0, 0, 0\)$/

/** Calls that differ in a number only are one line: a bounding set is dropped by dozens of them. */
function folded(calls: readonly ChildCall[]): (ChildCall | { readonly dropped: number[] })[] {
  const lines: (ChildCall | { readonly dropped: number[] })[] = []
  for (const call of calls) {
    const number = call.label === undefined ? BOUNDING.exec(call.shown)?.[1] : undefined
    const last = lines.at(-1)
    if (number === undefined) lines.push(call)
    else if (last !== undefined && 'dropped' in last) last.dropped.push(Number(number))
    else lines.push({ dropped: [Number(number)] })
  }
  return lines
}

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
    ...folded(plan.calls).flatMap((line) => {
      if ('dropped' in line) return [`  prctl(PR_CAPBSET_DROP, N, 0, 0, 0)   # N: ${ranges(line.dropped)}`]
      const { call, shown, goOn, label, ifZero, role } = line
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
