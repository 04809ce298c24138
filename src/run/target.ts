// Something that runs, taken hold of: descriptors that mean this process and its namespaces, whoever gets its pid later.
//
// What `enter`, `bind` and `stop` have in common. All is opened first and the process checked after that: had it been
// another one, its start time would differ.  pidfd_open(2), setns(2), namespaces(7)

import { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS, O_DIRECTORY, O_PATH } from '../abi/process.ts'
import { cgroup2Mount } from '../facts/run/run-facts.ts'
import { Refused } from '../facts/refused.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { parseCgroup } from '../processes/process-facts.ts'
import { markOf } from './registry.ts'
import type { RunEntry } from './registry.ts'

/** Thrown when it does not run any more, or cannot be reached from here. */
export class TargetError extends Refused {}

export interface Target {
  readonly pid: number
  readonly pidfd: Fd
  /** Its root directory, O_PATH. */
  readonly root: Fd
  /** CLONE_NEW* of the namespaces that are not ours. */
  readonly namespaces: number
  /** Directory of the cgroup that it is in now, or null. */
  readonly cgroup: string | null
  close(): void
}

const NAMESPACES = [
  ['user', CLONE_NEWUSER], ['mnt', CLONE_NEWNS], ['pid', CLONE_NEWPID], ['ipc', CLONE_NEWIPC], ['uts', CLONE_NEWUTS], ['net', CLONE_NEWNET],
  ['cgroup', CLONE_NEWCGROUP],
] as const

/** Opens what an entry names. Throws TargetError, SyscallError. */
export function openTarget(kernel: Pick<Kernel, 'pidfdOpen' | 'open' | 'close' | 'readText' | 'readlink' | 'statfs'>, entry: RunEntry): Target {
  const gone = new TargetError({ reason: 'not-running', detail: `Cannot find '${entry.name}': it has ended`, remedy: 'start it again' })
  const { process } = entry
  if (process === null) throw new TargetError({ reason: 'not-running', detail: `Cannot reach '${entry.name}': it is still being started`, remedy: 'try again in a moment' })
  const { pid } = process
  if (markOf(kernel, pid)?.startTicks !== process.startTicks) throw gone
  const pidfd = kernel.pidfdOpen(pid)
  const opened: Fd[] = [pidfd]
  const close = (): void => opened.splice(0).forEach((fd) => kernel.close(fd))
  try {
    const root = kernel.open(`/proc/${pid}/root`, O_PATH | O_DIRECTORY)
    opened.push(root)
    const namespaces = NAMESPACES.filter(([name]) => kernel.readlink(`/proc/${pid}/ns/${name}`) !== kernel.readlink(`/proc/self/ns/${name}`))
    const inCgroup = parseCgroup(kernel.readText(`/proc/${pid}/cgroup`))
    const mounted = cgroup2Mount(kernel)
    if (markOf(kernel, pid)?.startTicks !== process.startTicks) throw gone
    return {
      pid, pidfd, root, close,
      namespaces: namespaces.reduce((all, [, flag]) => all | flag, 0),
      cgroup: mounted === null || inCgroup === null ? null : `${mounted}${inCgroup === '/' ? '' : inCgroup}`,
    }
  } catch (error) {
    close()
    throw markOf(kernel, pid) === null ? gone : error
  }
}
