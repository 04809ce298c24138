// What a process may leave behind: descriptors, children, mounts, cgroups. A snapshot before and one after, compared.
//
// The test process becomes the reaper of its descendants, so that a process which lost its parent is still found.

import { attempt } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { RunPlan } from '../../plan/run/run-plan.ts'

const PR_SET_CHILD_SUBREAPER = 36

export type Snapshot = readonly string[]

/** Everything there is now, one line each. `plan` names the cgroups to look for. */
export function snapshot(kernel: Kernel, plan?: RunPlan): Snapshot {
  kernel.prctl(PR_SET_CHILD_SUBREAPER, 1)
  const descriptors = kernel.readdir('/proc/self/fd').flatMap((fd) => {
    const target = attempt(() => kernel.readlink(`/proc/self/fd/${fd}`))
    // The directory that is being read has gone by now.
    return target === null ? [] : [`descriptor ${fd}: ${target}`]
  })
  const children = kernel.readdir('/proc/self/task').flatMap((task) => (attempt(() => kernel.readText(`/proc/self/task/${task}/children`)) ?? '').split(' '))
  const mounts = kernel.readText('/proc/self/mountinfo').trimEnd().split('\n')
  const cgroups = (plan?.host ?? []).flatMap((step) => (step.op === 'cgroup' && kernel.exists(step.path) ? [step.path] : []))
  return [
    ...descriptors,
    ...children.filter((pid) => pid !== '').map((pid) => `child ${pid}`),
    ...mounts.map((line) => `mount ${line}`),
    ...cgroups.map((path) => `cgroup ${path}`),
  ]
}

/** What is there now and was not before, or the other way round. */
export function leaks(kernel: Kernel, before: Snapshot, plan?: RunPlan): string[] {
  const now = snapshot(kernel, plan)
  return [...now.filter((line) => !before.includes(line)).map((line) => `new: ${line}`), ...before.filter((line) => !now.includes(line)).map((line) => `gone: ${line}`)]
}
