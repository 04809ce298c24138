// Ends every process that policy says to kill, and those that they start meanwhile.
//
// A process can have a child between being judged and being killed, so all are judged again until nobody is left to
// kill, a few times at most: what starts faster than it ends is reported, not chased for ever.

import type { Kernel } from '../kernel/kernel.ts'
import { judgeProcesses } from './judge.ts'
import type { JudgeOptions, Judgement, Judged } from './judge.ts'
import { killProcesses } from './kill.ts'
import type { KillOptions, KillReport } from './kill.ts'

const MAX_ROUNDS = 3

export interface EndResult {
  /** What was true before the first signal. */
  readonly first: Judgement
  readonly reports: readonly KillReport[]
}

/** Those that are to be killed, children before their parents, who could start them again. */
export function victimsOf(judgement: Judgement): Judged[] {
  return judgement.all.filter((it) => it.decision.decision === 'kill').reverse()
}

/** As PID 1: reaps what has ended and was left to us, each by its own pid. Nothing of Node's is among the judged initramfs processes. */
function reapOrphans(kernel: Kernel, judgement: Judgement): void {
  const self = kernel.getpid()
  if (self !== 1) return
  for (const { facts, finding } of judgement.all) {
    if (facts.ppid === self && facts.state === 'Z' && finding.origin === 'initramfs') kernel.reap(facts.pid)
  }
}

/** Judges, kills, judges again. Throws SyscallError when processes cannot be read at all. */
export function endProcesses(kernel: Kernel, options: JudgeOptions, kill: KillOptions): EndResult {
  const first = judgeProcesses(kernel, options)
  const reports: KillReport[] = []
  const tried = new Set<string>()
  let judgement = first
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const victims = victimsOf(judgement).filter(({ facts }) => !tried.has(`${facts.pid} ${facts.startTicks}`))
    if (victims.length === 0) break
    for (const report of killProcesses(kernel, victims.map((it) => it.facts), kill)) {
      reports.push(report)
      // One that has become another program is judged anew.
      if (report.outcome !== 'survived') continue
      const victim = victims.find(({ facts }) => facts.pid === report.pid)
      if (victim !== undefined) tried.add(`${report.pid} ${victim.facts.startTicks}`)
    }
    judgement = judgeProcesses(kernel, options)
  }
  reapOrphans(kernel, judgement)
  return { first, reports }
}
