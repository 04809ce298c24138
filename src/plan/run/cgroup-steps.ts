// The cgroup that a command is born in, and its limits.
//
// Pure. The spawner makes missing parents and lets controllers through to them (cgroup.subtree_control); it removes the
// cgroup itself when the run is over.  cgroups(7), Documentation/admin-guide/cgroup-v2.rst

import type { Limits, RunFacts, RunRequest } from '../../facts/run/run-types.ts'
import type { Refusal } from '../../facts/refusal.ts'
import type { Handle, HostStep } from './run-plan.ts'

/** The period of cpu.max, microseconds. */
const CPU_PERIOD_US = 100_000

/** Limits as files and what is written to them, in the order of cgroup-v2.rst. */
export function limitFiles(limits: Limits): (readonly [name: string, text: string])[] {
  const { cpuMaxUs, cpuWeight, memoryMax, pidsMax } = limits
  const files: readonly (readonly [string, string | null])[] = [
    ['cpu.weight', cpuWeight === null ? null : String(cpuWeight)],
    ['cpu.max', cpuMaxUs === null ? null : `${cpuMaxUs} ${CPU_PERIOD_US}`],
    ['memory.max', memoryMax === null ? null : String(memoryMax)],
    ['pids.max', pidsMax === null ? null : String(pidsMax)],
  ]
  return files.flatMap(([name, text]) => (text === null ? [] : [[name, text] as const]))
}

/** The step and the handle that it makes; neither where no cgroup is asked for. checkCgroup() has to have passed. */
export function cgroupSteps(request: RunRequest, facts: RunFacts): { readonly steps: readonly HostStep[]; readonly into: Handle | null } {
  if (request.cgroupParent === null || facts.cgroup2 === null) return { steps: [], into: null }
  const parent = request.cgroupParent === '/' ? '' : request.cgroupParent
  const path = `${facts.cgroup2}${parent}/${request.name}`
  return { steps: [{ op: 'cgroup', path, files: limitFiles(request.limits), as: 'cgroup' }], into: { handle: 'cgroup' } }
}

/** Why there cannot be such a cgroup, or null. */
export function checkCgroup(request: RunRequest, facts: RunFacts): Refusal | null {
  const limits = limitFiles(request.limits)
  if (request.cgroupParent === null) {
    if (limits.length === 0) return null
    return { reason: 'cgroup-missing', detail: `Cannot limit '${request.name}' by ${limits.map(([name]) => name).join(', ')}: it was given no cgroup`, remedy: 'name a cgroup that its own is made in' }
  }
  const cannot = `Cannot make a cgroup for '${request.name}'`
  if (facts.cgroup2 === null) return { reason: 'cgroup-missing', detail: `${cannot}: cgroup v2 is mounted nowhere`, remedy: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup' }
  if (!facts.features.cloneIntoCgroup) return { reason: 'kernel-too-old', detail: `${cannot}: this kernel starts no process in one (CLONE_INTO_CGROUP)`, remedy: 'use Linux 5.7 or newer, or run it without limits' }
  const missing = [...new Set(limits.map(([name]) => name.slice(0, name.indexOf('.'))))].filter((name) => facts.cgroupControllers?.includes(name) === false)
  if (missing.length > 0) {
    const names = missing.map((name) => `'${name}'`).join(', ')
    return { reason: 'cgroup-missing', detail: `${cannot}: cgroup v2 at '${facts.cgroup2}' does not have the controller ${names}, which a limit needs`, remedy: 'run it without that limit, or see that no hierarchy of cgroup v1 holds the controller (cgroup_no_v1= on the kernel command line)' }
  }
  return null
}
