// `fulcrum replace`: another file system in the place of a mount, without a moment in between.
//
// mount(8) can only cover or uncover, and an unmount shows what lies below.  docs/replace.md, fulcrum-replace(1)

import { S_IFBLK, S_IFMT, S_IFREG } from '../abi/process.ts'
import { Trace } from '../execute/trace.ts'
import { printable, safeJson } from '../facts/mounts/printable.ts'
import type { Refusal } from '../facts/refusal.ts'
import type { ReplaceSource } from '../facts/replace/replace-types.ts'
import { attempt, errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { describeReplacePlan } from '../plan/replace-step.ts'
import { ReplaceError } from '../replace/execute-replace.ts'
import { finishReplace, planOnly, replaceMount, rollBackReplace } from '../replace/replace.ts'
import type { MountWords, ReplaceOutcome, ReplaceReport } from '../replace/replace.ts'
import { EXIT_OK, EXIT_REFUSED, EXIT_SYSTEM, type Command, type CommandIo } from './command.ts'
import { refusalJson, sayFailure, sayRefusal } from './failure.ts'
import { UsageError } from './option-list.ts'
import { parseReplaceArguments } from './replace-arguments.ts'
import type { ReplaceWish } from './replace-arguments.ts'

/** Done, but there are namespaces that had the old mount and do not see the new one. */
export const EXIT_NOT_EVERYWHERE = 2

const mountText = ({ fstype, source, root }: MountWords): string => printable(`${fstype} ${source}${root === '/' ? '' : `[${root}]`}`)

const VERBS = { replaced: 'replaced by', pending: 'stays on top of', finished: 'replaced by', 'rolled-back': 'rolled back to' } as const
const VERDICTS = { flipped: 'flipped', pending: 'pending', covered: 'covered', private: 'stays behind', behind: 'stays behind' } as const

function reportLines(report: ReplaceReport): string[] {
  const { target, action, old, new: fresh, places, notes, unknownProcesses } = report
  const rows = places.map((one) => {
    const who = `${one.namespace}  ${one.pid === null ? 'no process' : `pid ${one.pid} (${one.command})`}${one.processes > 1 ? ` and ${one.processes - 1} more` : ''}`
    return `  ${VERDICTS[one.verdict].padEnd(12)}  ${printable(who)}${one.own ? ', this one' : ''}, at ${printable(one.mountPoint)}${one.why === '' ? '' : `: ${printable(one.why)}`}`
  })
  return [
    `${printable(target)}: ${mountText(old)} ${VERBS[action]} ${mountText(fresh)}`,
    ...rows,
    ...notes.map((note) => `  note: ${printable(note)}`),
    ...(unknownProcesses === 0 ? [] : [`  processes that could not be looked at: ${unknownProcesses}`]),
  ]
}

function isEverywhere({ action, places }: ReplaceReport): boolean {
  return places.every(({ verdict }) => verdict === 'flipped' || (verdict === 'pending' && action === 'pending'))
}

function refused(refusal: Refusal, json: boolean, io: CommandIo): number {
  if (json) io.stdout(`${safeJson({ format: 'fulcrum-replace', version: 1, ...refusalJson(refusal) })}\n`)
  sayRefusal(io, 'replace', false, { ...refusal, detail: printable(refusal.detail), remedy: printable(refusal.remedy) })
  return EXIT_REFUSED
}

function show(outcome: ReplaceOutcome, json: boolean, io: CommandIo): number {
  const { report, refusal } = outcome
  if (report === null) return refused(refusal, json, io)
  io.stdout(json ? `${safeJson({ format: 'fulcrum-replace', version: 1, ...report })}\n` : `${reportLines(report).join('\n')}\n`)
  return isEverywhere(report) ? EXIT_OK : EXIT_NOT_EVERYWHERE
}

/** With --type, SOURCE is a device or image where it is one, otherwise a name for the file system. */
function sourceOf(kernel: Kernel, wish: Extract<ReplaceWish, { action: 'replace' }>): ReplaceSource {
  const { source, request: { fstype } } = wish
  if (source.kind !== 'path' || fstype === null) return source
  const type = (attempt(() => kernel.stat(source.path))?.mode ?? 0) & S_IFMT
  return type === S_IFREG || type === S_IFBLK ? source : { kind: 'type', fstype, source: source.path }
}

function act(wish: ReplaceWish, io: CommandIo): number {
  const kernel = io.kernel()
  const trace = new Trace(() => kernel.monotonicUs())
  if (wish.action !== 'replace') return show(wish.action === 'finish' ? finishReplace(kernel, wish.target) : rollBackReplace(kernel, wish.target, trace), wish.json, io)
  const request = { ...wish.request, source: sourceOf(kernel, wish) }
  if (wish.dryRun) {
    const { plan, refusal } = planOnly(kernel, request)
    if (refusal !== null) return refused(refusal, wish.json, io)
    if (plan !== null) io.stdout(wish.json ? `${safeJson({ format: 'fulcrum-replace', version: 1, plan })}\n` : `${describeReplacePlan(plan).map(printable).join('\n')}\n`)
    return EXIT_OK
  }
  const outcome = replaceMount(kernel, request, trace, (plan) => {
    // Said before it is done.
    if (plan.name === 'window') io.stderr(`fulcrum replace: ${printable(plan.reason)}: ${plan.notes.map(printable).join('; ')}\n`)
  })
  return show(outcome, wish.json, io)
}

export const replaceCommand: Command = {
  name: 'replace',
  summary: 'put another file system in the place of a mount, unseen',
  usage: [
    'fulcrum replace [options] SOURCE TARGET',
    'fulcrum replace [options] --layer DIR|IMAGE... [--base DIR|IMAGE] TARGET',
    'fulcrum replace [--json] --finish TARGET',
    'fulcrum replace [--json] --rollback TARGET',
  ],
  help: `Mounts SOURCE beneath the mount on TARGET and lifts that one off: every reader sees the old or the new one, never
what lies below. Mounts on TARGET are carried over, and every mount namespace is looked at afterwards. A failure
leaves everything as it was. Exit status 2: done, but some namespaces stay behind.

SOURCE is a directory, a file (on a file), an image of a file system, or a block device. TARGET is a mount point;
"/" is replaced for all processes of this namespace whose root it is.

  --layer X     lay X (its directory TARGET, if it has one) over the target; the first is on top
  --base X      lay over X instead
  --type TYPE   file system type of SOURCE; or make one of this type, with SOURCE as its name
  --options LIST
                mount options, as of mount -o
  --read-only   as --options ro
  --recursive   with the mounts on the directory SOURCE
  --drop-submounts
                let the mounts on TARGET go
  --make-mountpoints
                make their places in the new file system
  --keep-old    leave the old mount on top: --finish lifts it, also inside of a service's namespace
  --keep-for-rollback
                keep the old mount in /run/fulcrum/replace
  --finish      lift the old mount
  --rollback    take the last replacement back: one that waits for --finish, one whose old mount was kept, or layers
  --allow-window
                where the kernel cannot do it: unmount and mount; readers see what lies below for a moment
  -n, --dry-run print the plan
  --json        print the report as JSON (docs/replace.md)
`,
  run(args, io) {
    const wish = parseReplaceArguments(args)
    if (typeof wish === 'string') throw new UsageError(printable(wish))
    try {
      return act(wish, io)
    } catch (error) {
      sayFailure(io, 'replace', wish.json, printable(errorLine(error)), error)
      if (error instanceof ReplaceError) {
        io.stderr(error.left.length === 0 ? 'fulcrum replace: everything is as it was\n' : `fulcrum replace: could not be taken back: ${error.left.map(printable).join('; ')}\n`)
      }
      return EXIT_SYSTEM
    }
  },
}
