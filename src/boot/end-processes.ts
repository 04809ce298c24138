// The boot's dealing with processes, right before the switch: each of the initramfs is kept or ended.
//
// After the last hook and after the plan, because whether the initramfs is kept decides about those that no rule
// speaks of: kept with it, ended without it (they would pin what is to be freed). What the root depends on is then
// marked for systemd. Nothing here stops a boot: a process that cannot be ended or marked is told, and stays.
// docs/processes.md.

import { SYSROOT } from '../facts/switch-types.ts'
import { lastWord, parseBoolean } from '../facts/cmdline.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Keep } from '../facts/switch-types.ts'
import { endProcesses } from '../processes/end-processes.ts'
import type { EndResult } from '../processes/end-processes.ts'
import { mayHaveProcesses } from '../processes/children.ts'
import { readRulesFile } from '../processes/judge.ts'
import type { Judged } from '../processes/judge.ts'
import { makeSurvivorCgroup, markForSurvival, systemdVersion } from '../processes/mark.ts'
import { readPins } from '../processes/pins.ts'
import { plainExe } from '../processes/process-facts.ts'
import type { KillOptions } from '../processes/kill.ts'
import type { BootState } from './boot-state.ts'

/** A boot waits less than a person: two seconds for SIGTERM, one for SIGKILL. */
const BOOT_TIMEOUTS: KillOptions = { timeoutMs: 2000, killTimeoutMs: 1000 }

/** What of a boot it takes: also that of another /init, whose switch is ours. */
export type EndingState = Pick<BootState, 'kernel' | 'trace' | 'log' | 'parameters' | 'line'>

function nameOf({ facts }: Judged): string {
  return facts.exe.link === null ? facts.comm : plainExe(facts.exe.link)
}

function tell(state: EndingState, { first, reports }: EndResult): void {
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

/** Where systemd would take a cgroup2 that is mounted already for the hierarchy that it is not to use. */
function wantsOldCgroups(state: EndingState): boolean {
  const word = lastWord(state.line, 'systemd.unified_cgroup_hierarchy')
  return word !== undefined && parseBoolean(word.value) === false
}

/** Marks what has to outlive the real root, and tells what of it would keep that from being unmounted. */
function markSurvivors(state: EndingState, newRoot: string, { first }: EndResult): void {
  const { kernel, trace, log } = state
  const survivors = first.all.filter(({ facts, decision }) => decision.survives === true && facts.pid !== 1)
  if (survivors.length === 0) return
  const version = systemdVersion(kernel, newRoot)
  const cgroup = wantsOldCgroups(state) ? { path: null, problem: null } : makeSurvivorCgroup(kernel, version)
  if (cgroup.problem !== null) log.warn(`${cgroup.problem}, ignoring`)
  for (const judged of survivors) {
    const { pid } = judged.facts
    const { at, cgroup: inCgroup, oom, wakes, problems } = markForSurvival(kernel, pid, cgroup.path)
    const pins = readPins(kernel, pid, first.context.root).map((pin) => `${pin.kind} ${pin.what}`)
    trace.note('processes', `mark ${pid} ${nameOf(judged)}`, { at, cgroup: inCgroup, oom, ...(wakes === null ? {} : { wakes }), ...(problems.length === 0 ? {} : { problems }), ...(pins.length === 0 ? {} : { pins }) })
    const marks = [at ? "'@'" : '', inCgroup ? `cgroup ${cgroup.path}` : '', oom ? 'spared when memory is short' : '', wakes === true ? 'woken by requests' : ''].filter((it) => it !== '')
    log.info(`process ${pid} ${nameOf(judged)}: marked to survive: ${marks.length === 0 ? 'not at all' : marks.join(', ')}`)
    for (const problem of problems) log.warn(problem)
    if (pins.length > 0) log.warn(`Cannot unmount the root while process ${pid} (${nameOf(judged)}) lives: it keeps ${pins.join(', ')} of it`)
  }
}

/** Decides about every process of the initramfs, ends those that are not to be kept, marks those that must be. Never throws. */
export function endProcessesBeforeSwitch(state: EndingState, keep: Keep, newRoot = SYSROOT): void {
  const { kernel, trace, log, parameters } = state
  if (!mayHaveProcesses(kernel)) {
    trace.note('processes', 'none')
    return
  }
  try {
    const { file, problem } = readRulesFile(kernel)
    if (problem !== null) log.warn(`${problem}, ignoring`)
    const options = { rules: parameters.processRules, file, keep, default: null, newRoot }
    const timeouts = { ...BOOT_TIMEOUTS, ...(file.timeoutMs === null ? {} : { timeoutMs: file.timeoutMs }) }
    const result = trace.measure('processes', 'decide and end', () => endProcesses(kernel, options, timeouts), ({ reports }) => ({
      ended: reports.filter((it) => it.outcome !== 'survived').length,
      survived: reports.filter((it) => it.outcome === 'survived').length,
    }))
    tell(state, result)
    if (parameters.processMarks) markSurvivors(state, newRoot, result)
  } catch (error) {
    log.warn(`Cannot look at processes: ${errorLine(error)}, ignoring`)
  }
}
