// `fulcrum kill`: ends the processes of the initramfs that policy does not keep.
//
// By pidfd only, SIGTERM first, with a deadline and a report of what survived; --dry-run says what would be done.
// What is kept and why is `fulcrum ps`.  docs/processes.md, pidfd_send_signal(2).

import { endProcesses, victimsOf } from '../processes/end-processes.ts'
import { judgeProcesses } from '../processes/judge.ts'
import type { Judged } from '../processes/judge.ts'
import { DEFAULT_KILL_TIMEOUTS } from '../processes/kill.ts'
import type { KillReport } from '../processes/kill.ts'
import { EXIT_OK, EXIT_REFUSED, EXIT_SYSTEM, type Command, type CommandIo } from './command.ts'
import { sayFailure, sayRefusal } from './failure.ts'
import { UsageError } from './option-list.ts'
import { parseProcessOptions, readJudgeOptions } from './process-options.ts'
import type { ProcessOptions } from './process-options.ts'
import { exeText } from './process-table.ts'

interface KillCommandOptions extends ProcessOptions {
  readonly dryRun: boolean
  readonly json: boolean
  readonly timeoutMs: number | null
}

/** Throws UsageError. */
function parse(args: readonly string[]): KillCommandOptions {
  const { has, value, common } = parseProcessOptions(args, [{ name: 'dry-run', kind: 'flag', short: 'n' }, { name: 'timeout', kind: 'value' }])
  const timeout = value('timeout')
  if (timeout !== null && !/^\d{1,9}$/.test(timeout)) throw new UsageError(`Cannot understand --timeout '${timeout}': expected milliseconds`)
  return { dryRun: has('dry-run'), json: has('json'), timeoutMs: timeout === null ? null : Number(timeout), ...common }
}

function judgedJson(judged: Judged): Record<string, unknown> {
  const { facts, finding, decision } = judged
  return { pid: facts.pid, exe: facts.exe.link, comm: facts.comm, origin: finding.origin, decision: decision.decision, reason: decision.reason }
}

const OUTCOMES: Readonly<Record<KillReport['outcome'], string>> = {
  terminated: 'ended by SIGTERM', killed: 'ended by SIGKILL', gone: 'had ended before', changed: 'executes another program now: left alone', survived: 'survived',
}

function reportLine({ pid, name, outcome, tookUs, detail }: KillReport): string {
  const after = outcome === 'terminated' || outcome === 'killed' ? ` after ${Math.round(tookUs / 1000)} ms` : ''
  return `${pid} ${name}: ${OUTCOMES[outcome]}${after}${detail === null ? '' : `: ${detail}`}\n`
}

function dryRun(victims: readonly Judged[], kept: readonly Judged[], json: boolean, io: CommandIo): number {
  if (json) {
    io.stdout(`${JSON.stringify({ dryRun: true, kill: victims.map(judgedJson), keep: kept.map(judgedJson) }, null, 2)}\n`)
    return EXIT_OK
  }
  for (const judged of [...victims, ...kept]) {
    io.stdout(`${judged.facts.pid} ${exeText(judged)}: would ${judged.decision.decision}: ${judged.decision.reason}\n`)
  }
  if (victims.length === 0) io.stdout('nothing to kill\n')
  return EXIT_OK
}

function killThem(options: KillCommandOptions, io: CommandIo): number {
  const kernel = io.kernel()
  const { judge, problem } = readJudgeOptions(kernel, options)
  if (problem !== null) {
    // A rule that cannot be read may be one that keeps.
    sayFailure(io, 'kill', options.json, problem)
    return EXIT_SYSTEM
  }
  const isKept = ({ facts, decision }: Judged): boolean => decision.decision === 'keep' && facts.pid !== 1
  if (options.dryRun) {
    const judgement = judgeProcesses(kernel, judge)
    return dryRun(victimsOf(judgement), judgement.all.filter(isKept), options.json, io)
  }
  if (kernel.getuid() !== 0) {
    sayRefusal(io, 'kill', options.json, { reason: 'no-permission', detail: 'Cannot kill processes of the initramfs: root is needed', remedy: 'run as root' })
    return EXIT_REFUSED
  }
  const timeoutMs = options.timeoutMs ?? judge.file.timeoutMs ?? DEFAULT_KILL_TIMEOUTS.timeoutMs
  const { first, reports } = endProcesses(kernel, judge, { ...DEFAULT_KILL_TIMEOUTS, timeoutMs })
  const survivors = reports.filter((it) => it.outcome === 'survived')
  if (options.json) {
    io.stdout(`${JSON.stringify({ dryRun: false, reports, survivors: survivors.length, keep: first.all.filter(isKept).map(judgedJson) }, null, 2)}\n`)
  } else {
    for (const report of reports) io.stdout(reportLine(report))
    if (reports.length === 0) io.stdout('nothing to kill\n')
  }
  for (const { pid, name, detail } of survivors) io.stderr(`fulcrum kill: Cannot end process ${pid} (${name}): ${detail ?? 'unknown'}\n`)
  return survivors.length === 0 ? EXIT_OK : EXIT_SYSTEM
}

export const killCommand: Command = {
  name: 'kill',
  summary: 'end the processes of the initramfs that are not to be kept',
  usage: ['fulcrum kill [--dry-run] [--json] [--timeout MS] [--default keep|kill] [--rules FILE]'],
  help: `Ends the processes that came from the initramfs and are not kept. Kept are PID 1, this command, what systemd
would spare, what the root's device depends on, what a rule keeps, and, as long as the initramfs is kept, all
that no rule speaks of; "fulcrum ps" shows each with its reason. Processes of the real root are never touched.
SIGTERM, a wait, then SIGKILL. Ends with 111 if a process survived.

  -n, --dry-run   say what would be done
  --json          as JSON, see fulcrum-kill(1)
  --timeout MS    how long SIGTERM may take, in milliseconds; default 5000, 0 is SIGKILL at once
  --default WHAT  keep or kill processes of the initramfs that no rule speaks of
  --rules FILE    read this file instead of /etc/fulcrum/processes.toml
`,
  run(args, io) {
    return killThem(parse(args), io)
  },
}
