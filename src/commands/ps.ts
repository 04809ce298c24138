// `fulcrum ps`: processes, where they came from, and what would be done with those of the initramfs.
//
// Says what `fulcrum kill` and the boot would do, by the same code; reads only.  docs/processes.md,
// proc_pid_stat(5), proc_pid_exe(5).

import { USER_HZ } from '../abi/process.ts'
import { attempt, errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { judgeProcesses } from '../processes/judge.ts'
import type { JudgeOptions, Judgement } from '../processes/judge.ts'
import { readPins } from '../processes/pins.ts'
import { EXIT_OK, EXIT_SYSTEM, type Command, type CommandIo } from './command.ts'
import { sayFailure } from './failure.ts'
import { parseProcessOptions, readJudgeOptions } from './process-options.ts'
import type { ProcessOptions } from './process-options.ts'
import { ageOf, parsePasswd, processJson, processTable } from './process-table.ts'
import type { Listed } from './process-table.ts'

/** Ticks since boot. Not CLOCK_MONOTONIC: start times count what the machine slept. */
function nowTicks(kernel: Kernel): number {
  const uptime = attempt(() => /^[\d.]+/.exec(kernel.readText('/proc/uptime'))?.[0])
  return uptime === null || uptime === undefined ? (Number(kernel.monotonicUs()) * USER_HZ) / 1_000_000 : Number(uptime) * USER_HZ
}

/** Adds what only a listing needs. */
export function listProcesses(kernel: Kernel, judgement: Judgement, withPins: boolean): Listed[] {
  const users = parsePasswd(attempt(() => kernel.readText('/etc/passwd')) ?? '')
  const now = nowTicks(kernel)
  return judgement.all.map((judged) => {
    const { pid, uid, startTicks, isKernelThread } = judged.facts
    return {
      ...judged,
      user: uid === null ? '?' : (users.get(uid) ?? String(uid)),
      ageSeconds: ageOf(startTicks, now),
      pins: withPins && !isKernelThread ? readPins(kernel, pid, judgement.context.initramfs) : null,
    }
  })
}

/** The processes of this machine as lines, without kernel threads; for the rescue console. */
export function describeProcesses(kernel: Kernel, options?: JudgeOptions): string[] {
  const judge = options ?? readJudgeOptions(kernel, { default: null, rules: null }).judge
  const all = listProcesses(kernel, judgeProcesses(kernel, judge), false)
  return processTable(all.filter((it) => it.finding.origin !== 'kernel'), false)
}

interface PsOptions extends ProcessOptions {
  readonly all: boolean
  readonly json: boolean
  readonly tree: boolean
  readonly pins: boolean
}

/** Throws UsageError. */
function parse(args: readonly string[]): PsOptions {
  const { has, common } = parseProcessOptions(args, [{ name: 'all', kind: 'flag', short: 'a' }, { name: 'tree', kind: 'flag' }, { name: 'pins', kind: 'flag' }])
  return { all: has('all'), json: has('json'), tree: has('tree'), pins: has('pins'), ...common }
}

function list(options: PsOptions, io: CommandIo): number {
  const kernel = io.kernel()
  const { judge, problem } = readJudgeOptions(kernel, options)
  if (problem !== null) {
    sayFailure(io, 'ps', options.json && options.rules !== null, problem)
    if (options.rules !== null) return EXIT_SYSTEM
  }
  const judgement = judgeProcesses(kernel, judge)
  const listed = listProcesses(kernel, judgement, options.pins).filter((it) => options.all || it.finding.origin !== 'kernel')
  if (options.json) io.stdout(`${JSON.stringify(listed.map(processJson), null, 2)}\n`)
  else io.stdout(`${processTable(listed, options.tree).join('\n')}\n`)
  return EXIT_OK
}

export const psCommand: Command = {
  name: 'ps',
  summary: 'list processes and where they came from',
  usage: ['fulcrum ps [-a] [--tree] [--pins] [--json] [--default keep|kill] [--rules FILE]'],
  help: `Lists processes with their origin: "initramfs", "root" (the file system that is "/" now), "other", or
"undecidable"; and with what "fulcrum kill" would do with them: keep, kill, or ignore what is not of the
initramfs; and why. The origin goes by the file system of the executable, which also holds where its path
lies. Be root to see all.

  -a, --all       kernel threads too (origin "kernel")
  --tree          children below their parents
  --pins          what each process keeps of the initramfs: executable, libraries, working and root directory,
                  descriptors, mount namespaces; with bytes
  --json          as JSON: an array of objects, see fulcrum-ps(1)
  --default WHAT  keep or kill processes of the initramfs that no rule speaks of
  --rules FILE    read this file instead of /etc/fulcrum/processes.toml
`,
  run(args, io) {
    const options = parse(args)
    try {
      return list(options, io)
    } catch (error) {
      sayFailure(io, 'ps', options.json, `Cannot list processes: ${errorLine(error)}`, error)
      return EXIT_SYSTEM
    }
  },
}
