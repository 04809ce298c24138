// What is in a cgroup: the processes, also of the cgroups below, and how much memory they have.
//
// Pids are those of this pid namespace; 0 is one that it does not show.  cgroups(7)

import { S_IFDIR, S_IFMT } from '../abi/process.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

type Doors = Pick<Kernel, 'readText' | 'readdir' | 'lstat'>

/** All processes in it; none when it is gone. */
export function processesIn(kernel: Doors, cgroup: string): number[] {
  const own = (attempt(() => kernel.readText(`${cgroup}/cgroup.procs`)) ?? '').split('\n').filter((line) => line !== '').map(Number)
  const below = (attempt(() => kernel.readdir(cgroup)) ?? []).filter((name) => {
    const stat = attempt(() => kernel.lstat(`${cgroup}/${name}`))
    return stat !== null && (stat.mode & S_IFMT) === S_IFDIR
  })
  return [...own, ...below.flatMap((name) => processesIn(kernel, `${cgroup}/${name}`))]
}

/** Bytes by memory.current; where that controller is not on, what the processes have resident, shared pages counted each time. */
export function memoryOf(kernel: Doors, cgroup: string): number {
  const current = attempt(() => Number(kernel.readText(`${cgroup}/memory.current`)))
  if (current !== null && Number.isFinite(current)) return current
  return processesIn(kernel, cgroup).reduce((sum, pid) => sum + residentOf(kernel, pid), 0)
}

/** VmRSS of proc_pid_status(5) in bytes; 0 for what has none. */
export function residentOf(kernel: Pick<Kernel, 'readText'>, pid: number): number {
  const status = attempt(() => kernel.readText(`/proc/${pid}/status`)) ?? ''
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}
