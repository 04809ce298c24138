// Ends what runs in the root before it is left: SIGTERM, a wait, SIGKILL, each process by pidfd.
//
// Before, and not from inside of the initramfs: pivot_root takes the root directories of all processes along, and
// one that saves its state when it is told to end must still find its files. Processes of the initramfs and those
// that systemd would spare are left to /shutdown, which knows what the root's device needs.  docs/return.md.

import type { Kernel } from '../kernel/kernel.ts'
import { judgeProcesses, recordedKeep, systemRulesFile } from '../processes/judge.ts'
import type { Judged } from '../processes/judge.ts'
import { killProcesses } from '../processes/kill.ts'
import type { KillReport } from '../processes/kill.ts'
import { markOf } from '../processes/policy.ts'
import { hasEnded } from '../processes/process-facts.ts'

/** What starts faster than it ends is reported, not chased for ever. */
const MAX_ROUNDS = 3
const KILL_TIMEOUT_MS = 2000

/** Processes of the root and of anything else that is not the initramfs, children before their parents. */
export function rootProcesses(all: readonly Judged[], self: number): Judged[] {
  return all
    .filter(({ facts, finding }) => facts.pid !== 1 && facts.pid !== self && !facts.isKernelThread && !hasEnded(facts) && finding.origin !== 'initramfs')
    .filter(({ facts }) => markOf(facts) === null)
    .reverse()
}

/** Ends them; `timeoutMs` is how long SIGTERM may take. Throws SyscallError when processes cannot be read at all. */
export function endRootProcesses(kernel: Kernel, timeoutMs: number): KillReport[] {
  const reports: KillReport[] = []
  const tried = new Set<string>()
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { file } = systemRulesFile(kernel)
    const { all } = judgeProcesses(kernel, { rules: [], file, keep: recordedKeep(kernel), default: null })
    const victims = rootProcesses(all, kernel.getpid()).filter(({ facts }) => !tried.has(`${facts.pid} ${facts.startTicks}`))
    if (victims.length === 0) break
    for (const { facts } of victims) tried.add(`${facts.pid} ${facts.startTicks}`)
    // Those of a later round were started by somebody who was told to end: no second grace.
    reports.push(...killProcesses(kernel, victims.map((it) => it.facts), { timeoutMs: round === 0 ? timeoutMs : 0, killTimeoutMs: KILL_TIMEOUT_MS }))
  }
  return reports
}
