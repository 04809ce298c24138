// Ends processes: SIGTERM, a wait, SIGKILL, a wait, a report of who survived.
//
// Every signal goes through a pidfd that was opened before the facts were read again and found to be the same, so
// a pid that was given to somebody else meanwhile costs nobody his life. What ends and is our child is reaped by its
// own pid, so that no child of Node's is stolen.  pidfd_open(2), pidfd_send_signal(2), poll(2), waitpid(2).

import { SIGCONT, SIGKILL, SIGTERM } from '../abi/process.ts'
import { attempt, errorLine, isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import type { ProcessFacts } from './process-facts.ts'
import { readExe, readStat } from './read-processes.ts'
import type { ProcessDoors } from './read-processes.ts'

/** How one process ended, or that it did not. */
export interface KillReport {
  readonly pid: number
  readonly name: string
  /** 'gone': ended before a signal; 'changed': another program by then, left alone. */
  readonly outcome: 'terminated' | 'killed' | 'gone' | 'changed' | 'survived'
  /** From the first signal to its end; to the deadline for a survivor. Microseconds. */
  readonly tookUs: number
  /** Why it survived. */
  readonly detail: string | null
}

export interface KillOptions {
  /** How long SIGTERM may take, in milliseconds; 0 goes to SIGKILL at once. */
  readonly timeoutMs: number
  /** How long SIGKILL may take. */
  readonly killTimeoutMs: number
  /** Called at least every `tickMs` (default 1000) while it is waited: feeds a watchdog. */
  readonly tick?: () => void
  readonly tickMs?: number
}

export const DEFAULT_KILL_TIMEOUTS: KillOptions = { timeoutMs: 5000, killTimeoutMs: 2000 }

interface Target {
  readonly facts: ProcessFacts
  readonly pidfd: Fd
}

type Doors = Pick<Kernel, 'pidfdOpen' | 'pidfdSendSignal' | 'poll' | 'close' | 'reap' | 'monotonicUs' | 'readText'> & ProcessDoors

/** Opens the process that the facts are about; 'gone' or 'changed' when the pid means something else by now. */
function take(kernel: Doors, facts: ProcessFacts): Target | 'gone' | 'changed' {
  let pidfd: Fd
  try {
    pidfd = kernel.pidfdOpen(facts.pid)
  } catch (error) {
    if (isErrno(error, 'ESRCH', 'EINVAL')) return 'gone'
    throw error
  }
  // The order matters: from here on the pid cannot mean another process than the descriptor, unless this one ended.
  const now = attempt(() => readStat(kernel, facts.pid))
  const verdict = now === null || now.startTicks !== facts.startTicks || now.state === 'Z' ? 'gone' : hasChanged(kernel, facts) ? 'changed' : null
  if (verdict === null) return { facts, pidfd }
  kernel.close(pidfd)
  return verdict
}

/** It has executed another program since it was judged: what was decided is about somebody else. */
function hasChanged(kernel: Doors, { pid, exe }: ProcessFacts): boolean {
  const now = readExe(kernel, pid, null)
  return now.dev !== exe.dev || now.ino !== exe.ino
}

/** Sends to all; one that is gone already is fine, one that may not be sent to leaves `targets`. */
function signalAll(kernel: Doors, targets: Set<Target>, signal: number, onRefusal: (target: Target, problem: string) => void): void {
  for (const target of [...targets]) {
    try {
      kernel.pidfdSendSignal(target.pidfd, signal)
    } catch (error) {
      if (isErrno(error, 'ESRCH')) continue
      targets.delete(target)
      onRefusal(target, errorLine(error))
    }
  }
}

/** Waits until all have ended or the time is over; `onEnd` is called for each that ends, and it leaves `targets`. */
function waitForEnds(kernel: Doors, targets: Set<Target>, timeoutMs: number, { tick, tickMs = 1000 }: KillOptions, onEnd: (target: Target) => void): void {
  const deadline = kernel.monotonicUs() + BigInt(timeoutMs) * 1000n
  while (targets.size > 0) {
    const leftUs = deadline - kernel.monotonicUs()
    const byFd = new Map([...targets].map((target) => [target.pidfd, target]))
    const leftMs = leftUs <= 0n ? 0 : Math.ceil(Number(leftUs) / 1000)
    // EINTR is a wait that was too short.
    const results = attempt(() => kernel.poll([...byFd.keys()], tick === undefined ? leftMs : Math.min(leftMs, tickMs))) ?? []
    tick?.()
    for (const { fd, revents } of results) {
      const target = byFd.get(fd)
      if (revents === 0 || target === undefined) continue
      targets.delete(target)
      onEnd(target)
    }
    if (leftUs <= 0n) return
  }
}

/** A zombie child of ours is reaped; one of another parent is that parent's. */
function finish(kernel: Doors, target: Target): void {
  kernel.reap(target.facts.pid)
  kernel.close(target.pidfd)
}

/**
 * How many are ended at a time: each has a descriptor until it has ended, a process may have 1024 by default, and each
 * poll looks at all that are left.
 */
const MAX_AT_ONCE = 512

/** Ends these processes. Never throws for one of them; the reports are in the order of `victims`. */
export function killProcesses(kernel: Doors, victims: readonly ProcessFacts[], options: KillOptions): KillReport[] {
  const reports: KillReport[] = []
  for (let i = 0; i < victims.length; i += MAX_AT_ONCE) reports.push(...killSome(kernel, victims.slice(i, i + MAX_AT_ONCE), options))
  return reports
}

function killSome(kernel: Doors, victims: readonly ProcessFacts[], options: KillOptions): KillReport[] {
  const start = kernel.monotonicUs()
  const reports = new Map<number, KillReport>()
  const report = (facts: ProcessFacts, outcome: KillReport['outcome'], detail: string | null = null): void => {
    reports.set(facts.pid, { pid: facts.pid, name: facts.comm, outcome, tookUs: Number(kernel.monotonicUs() - start), detail })
  }
  const targets = new Set<Target>()
  for (const facts of victims) {
    try {
      const taken = take(kernel, facts)
      if (typeof taken === 'string') report(facts, taken)
      else targets.add(taken)
    } catch (error) {
      report(facts, 'survived', errorLine(error))
    }
  }
  const ended = (outcome: 'terminated' | 'killed') => (target: Target): void => {
    finish(kernel, target)
    report(target.facts, outcome)
  }
  const refused = (target: Target, problem: string): void => {
    report(target.facts, 'survived', problem)
    kernel.close(target.pidfd)
  }
  if (options.timeoutMs > 0) {
    signalAll(kernel, targets, SIGTERM, refused)
    // One that is stopped takes SIGTERM only when it goes on.
    signalAll(kernel, targets, SIGCONT, refused)
    waitForEnds(kernel, targets, options.timeoutMs, options, ended('terminated'))
  }
  signalAll(kernel, targets, SIGKILL, refused)
  waitForEnds(kernel, targets, options.killTimeoutMs, options, ended('killed'))
  for (const { facts, pidfd } of targets) {
    const state = attempt(() => readStat(kernel, facts.pid))?.state ?? '?'
    report(facts, 'survived', `SIGKILL had no effect in ${options.killTimeoutMs} ms (state ${state})`)
    kernel.close(pidfd)
  }
  return victims.flatMap((facts) => reports.get(facts.pid) ?? [])
}
