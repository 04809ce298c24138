// Ends something that runs: a signal, a wait, SIGKILL for all of it, and nothing left behind.
//
// For a container the signal is for its PID 1, which passes it on; for a service it is for every process of its cgroup, as
// systemd does it. Whoever waits for it cleans up; where nobody does, it is done here.  pidfd_send_signal(2), cgroups(7)

import { SIGCONT, SIGKILL } from '../abi/process.ts'
import { attempt } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { waitReadable } from '../kernel/wait-readable.ts'
import { removeCgroup } from '../spawn/cgroup.ts'
import { processesIn } from './cgroup-processes.ts'
import { Registry, markOf } from './registry.ts'
import type { RunEntry } from './registry.ts'
import { openTarget } from './target.ts'

export interface StopOptions {
  readonly signal: number
  /** How long the signal may take; 0 is SIGKILL at once. */
  readonly timeoutMs: number
}

export interface StopReport {
  readonly name: string
  readonly outcome: 'stopped' | 'killed' | 'survived'
  readonly tookMs: number
}

const KILL_MS = 5000
/** How long `fulcrum run` may take to clean up. */
const CLEAN_MS = 2000

/** To every process of the cgroup but `main`; each is looked at again once its pidfd is there. */
function signalCgroup(kernel: Kernel, cgroup: string, main: number, signal: number): void {
  for (const pid of processesIn(kernel, cgroup)) {
    if (pid === main || pid === 0) continue
    const pidfd = attempt(() => kernel.pidfdOpen(pid))
    if (pidfd === null) continue
    if (processesIn(kernel, cgroup).includes(pid)) attempt(() => kernel.pidfdSendSignal(pidfd, signal))
    kernel.close(pidfd)
  }
}

/** Throws TargetError, SyscallError. */
export function stopRun(kernel: Kernel, registry: Registry, entry: RunEntry, { signal, timeoutMs }: StopOptions): StopReport {
  const begin = kernel.monotonicUs()
  const target = openTarget(kernel, entry)
  let outcome: StopReport['outcome'] = 'stopped'
  try {
    if (timeoutMs > 0) {
      attempt(() => kernel.pidfdSendSignal(target.pidfd, signal))
      if (entry.kind === 'service' && entry.cgroup !== null) signalCgroup(kernel, entry.cgroup, target.pid, signal)
      // What is stopped cannot act on it.
      if (entry.kind === 'service') attempt(() => kernel.pidfdSendSignal(target.pidfd, SIGCONT))
    }
    if (timeoutMs === 0 || !waitReadable(kernel, target.pidfd, timeoutMs)) {
      outcome = 'killed'
      attempt(() => kernel.pidfdSendSignal(target.pidfd, SIGKILL))
      if (entry.cgroup !== null) attempt(() => kernel.writeFile(`${entry.cgroup ?? ''}/cgroup.kill`, '1'))
      if (!waitReadable(kernel, target.pidfd, KILL_MS)) outcome = 'survived'
    }
  } finally {
    target.close()
  }
  if (outcome !== 'survived') cleanUp(kernel, registry, entry)
  return { name: entry.name, outcome, tookMs: Number((kernel.monotonicUs() - begin) / 1000n) }
}

/** `fulcrum run` that waits for it removes its entry last; without one the entry is ours to remove. */
function cleanUp(kernel: Kernel, registry: Registry, entry: RunEntry): void {
  const { supervisor } = entry
  for (let waited = 0; waited < CLEAN_MS && supervisor !== null && markOf(kernel, supervisor.pid)?.startTicks === supervisor.startTicks; waited += 5) {
    if (registry.find(entry.name) === null) return
    kernel.sleepMs(5)
  }
  if (entry.cgroup !== null && kernel.exists(entry.cgroup)) removeCgroup(kernel, entry.cgroup)
  registry.release(entry)
}
