// The boot's dealing with processes, right before the switch: each of the initramfs is kept or ended.
//
// After the last hook and after the plan, because whether the initramfs is kept decides about those that no rule
// speaks of: kept with it, ended without it (they would pin what is to be freed). Nothing here stops a boot: a
// process that cannot be ended is told, and stays.  docs/processes.md.

import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Keep } from '../facts/switch-types.ts'
import { endProcesses } from '../processes/end-processes.ts'
import type { EndResult } from '../processes/end-processes.ts'
import { readRulesFile } from '../processes/judge.ts'
import type { Judged } from '../processes/judge.ts'
import { attempt } from '../processes/read-origin.ts'
import { plainExe } from '../processes/process-facts.ts'
import type { KillOptions } from '../processes/kill.ts'
import type { BootState } from './boot-state.ts'

/** A boot waits less than a person: two seconds for SIGTERM, one for SIGKILL. */
const BOOT_TIMEOUTS: KillOptions = { timeoutMs: 2000, killTimeoutMs: 1000 }

function nameOf({ facts }: Judged): string {
  return facts.exe.link === null ? facts.comm : plainExe(facts.exe.link)
}

function tell(state: BootState, { first, reports }: EndResult): void {
  const { trace, log } = state
  for (const judged of first.all) {
    const { facts, finding, decision } = judged
    if (decision.decision === 'ignore' || facts.pid === 1) continue
    const what = `${decision.decision} ${facts.pid} ${nameOf(judged)}`
    trace.note('processes', what, { reason: decision.reason, origin: finding.origin, evidence: finding.evidence })
    log.info(`process ${facts.pid} ${nameOf(judged)}: ${decision.decision}: ${decision.reason}`)
  }
  for (const { pid, name, outcome, tookUs, detail } of reports) {
    trace.note('processes', `${outcome} ${pid} ${name}`, { tookUs, ...(detail === null ? {} : { detail }) })
    if (outcome === 'survived') log.warn(`Cannot end process ${pid} (${name}): ${detail ?? 'unknown'}, ignoring`)
  }
}

/**
 * False when there is nothing but PID 1 and kernel threads: everything else descends from PID 1. Costs a tenth of
 * reading all processes, and most boots end here. True where it cannot be said (CONFIG_PROC_CHILDREN).
 * proc_tid_children(5).
 */
function mayHaveProcesses(kernel: Pick<Kernel, 'readdir' | 'readText'>): boolean {
  const threads = attempt(() => kernel.readdir('/proc/1/task'))
  return threads === null || threads.some((tid) => attempt(() => kernel.readText(`/proc/1/task/${tid}/children`).trim()) !== '')
}

/** Decides about every process of the initramfs and ends those that are not to be kept. Never throws. */
export function endProcessesBeforeSwitch(state: BootState, keep: Keep): void {
  const { kernel, trace, log, parameters } = state
  if (!mayHaveProcesses(kernel)) {
    trace.note('processes', 'none')
    return
  }
  try {
    const { file, problem } = readRulesFile(kernel)
    if (problem !== null) log.warn(`${problem}, ignoring`)
    const options = { rules: parameters.processRules, file, keep, default: null }
    const timeouts = { ...BOOT_TIMEOUTS, ...(file.timeoutMs === null ? {} : { timeoutMs: file.timeoutMs }) }
    const result = trace.measure('processes', 'decide and end', () => endProcesses(kernel, options, timeouts), ({ reports }) => ({
      ended: reports.filter((it) => it.outcome !== 'survived').length,
      survived: reports.filter((it) => it.outcome === 'survived').length,
    }))
    tell(state, result)
  } catch (error) {
    log.warn(`Cannot look at processes: ${errorLine(error)}, ignoring`)
  }
}
