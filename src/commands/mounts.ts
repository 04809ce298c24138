// `fulcrum mounts`: the mount tree as it really is, for people, as JSON and as a picture.
//
// findmnt(8) does not show what covers what nor who the peers are, and an initramfs has none. The rescue console
// prints the same lines.  docs/mounts.md

import { drawTree } from '../facts/mounts/draw.ts'
import type { MountNode } from '../facts/mounts/mount-tree.ts'
import { namespaceLines, namespacesToSaved, seenBy, seenByText } from '../facts/mounts/namespaces.ts'
import { drawHtml, drawSvg } from '../facts/mounts/picture.ts'
import { printable, safeJson } from '../facts/mounts/printable.ts'
import { toSaved } from '../facts/mounts/saved.ts'
import { errorLine } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { busyLines, busyToJson, readBusy } from '../mounts/read-busy.ts'
import { readByMountInfo, readMounts } from '../mounts/read-mounts.ts'
import { readNamespaces } from '../mounts/read-namespaces.ts'
import { EXIT_OK, EXIT_SYSTEM, type Command, type CommandIo } from './command.ts'
import { sayFailure } from './failure.ts'
import { runDiff } from './mounts-diff.ts'
import { parseOptionList, UsageError } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'

/** The visible mounts of this process as lines. Throws SyscallError when /proc is not mounted. */
export function describeMounts(kernel: Pick<Kernel, 'readText'>): string[] {
  return drawTree(readByMountInfo(kernel, 'self'))
}

const forms = ['json', 'svg', 'html'] as const
const colours = ['auto', 'always', 'never'] as const
type Form = 'text' | (typeof forms)[number]
type Colour = (typeof colours)[number]

const specs: readonly OptionSpec[] = [
  ...forms.map((name) => ({ name, kind: 'flag' as const })),
  { name: 'color', kind: 'value' }, { name: 'all-namespaces', kind: 'flag' }, { name: 'busy', kind: 'value' },
]

interface Wish {
  readonly form: Form
  readonly colour: Colour
  readonly pid: string
  readonly all: boolean
  /** A path, or null. */
  readonly busy: string | null
}

/** Throws UsageError. */
function parse(args: readonly string[]): Wish {
  const { options, words, command } = parseOptionList(args, specs)
  const has = (name: string): boolean => options.some((it) => it.name === name)
  const value = (name: string): string | null => options.findLast((it) => it.name === name)?.value ?? null
  const [form = 'text', otherForm] = forms.filter(has)
  if (otherForm !== undefined) throw new UsageError(`Cannot do both: --${form} and --${otherForm}`)
  const given = value('color') ?? 'auto'
  const colour = colours.find((it) => it === given)
  if (colour === undefined) throw new UsageError(`Cannot understand --color '${given}': expected ${colours.join(', ')}`)
  const [pid = 'self', ...more] = [...words, ...(command ?? [])]
  if (more.length > 0 || !/^(self|[1-9]\d*)$/.test(pid)) {
    throw new UsageError(`Cannot understand '${printable(more[0] ?? pid)}': expected ${more.length > 0 ? 'one' : 'a'} process id`)
  }
  const all = has('all-namespaces')
  const busy = value('busy')
  if (all && busy !== null) throw new UsageError('Cannot do both: --all-namespaces and --busy')
  if ((all || busy !== null) && (pid !== 'self' || form === 'svg' || form === 'html')) {
    throw new UsageError('Cannot do both: --all-namespaces and --busy are about this process, as text or JSON')
  }
  return { form, colour, pid, all, busy }
}

/** Whether standard output takes colour. NO_COLOR: https://no-color.org */
function wantsColour(colour: Colour, io: CommandIo): boolean {
  if (colour !== 'auto') return colour === 'always'
  return (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb' && io.kernel().tcgetattr(toFd(1)) !== null
}

function takesUtf8(env: CommandIo['env']): boolean {
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '')
}

/** The text or JSON that is wished for. Throws Error with the cause. */
function show(wish: Wish, io: CommandIo): string {
  const kernel = io.kernel()
  const saved = readMounts(kernel, wish.pid)
  const json = wish.form === 'json'
  if (wish.busy !== null) {
    const busy = readBusy(kernel, saved.tree, wish.busy)
    return json ? safeJson(busyToJson(busy)) : busyLines(busy).join('\n')
  }
  const others = wish.all ? readNamespaces(kernel) : null
  if (json) return safeJson(others === null ? toSaved(saved) : namespacesToSaved(saved, others))
  if (wish.form === 'svg') return drawSvg(saved.tree)
  if (wish.form === 'html') return drawHtml(saved.tree)
  const look = { colour: wantsColour(wish.colour, io), lines: takesUtf8(io.env) }
  if (others === null) return drawTree(saved.tree, look).join('\n')
  const who = seenBy(others)
  const extra = { heading: 'ELSEWHERE', text: (m: MountNode) => seenByText(who(m)) }
  return [...drawTree(saved.tree, { ...look, extra }), '', ...namespaceLines(others)].join('\n')
}

export const mountsCommand: Command = {
  name: 'mounts',
  summary: 'show the mount tree',
  usage: ['fulcrum mounts [--json|--svg|--html] [--color=auto|always|never] [PID]', 'fulcrum mounts [--json] --all-namespaces', 'fulcrum mounts [--json] --busy PATH', 'fulcrum mounts diff [--json] A B'],
  help: `Prints the mounts that a process sees (this one, or PID) as a tree: where, id, file system type, source
with the bound directory in brackets, options, propagation with the peers that are listed too.
"(hidden by 31)" cannot be reached by a path, because the mount with the id 31 lies on it or above it;
"(no path)" lies beneath "/" or outside of a chroot, which only root sees, since Linux 6.8; "fs-ro" is a
read-only file system under a mount that is not.

diff says what changed from A to B, two files with the output of --json or copies of a mountinfo: "+" is
added, "-" removed, "~" changed. It exits with 1 if there is a difference.

  --json        as JSON, which fulcrum mounts diff reads (docs/mounts.md)
  --svg         as a picture
  --html        as a page with the picture and a table, which loads nothing
  --all-namespaces
                adds how many other mount namespaces have the file system of each mount, how many of them
                are linked with it by propagation, and a list of the namespaces; those without processes with
                what keeps them, since Linux 6.12
  --busy PATH   what keeps the mount of PATH busy: processes, mounts on it, swap files, loop devices
  --color=WHEN  always, never, or auto: on a terminal
`,
  run(args, io) {
    if (args[0] === 'diff') return runDiff(args.slice(1), io)
    const wish = parse(args)
    try {
      io.stdout(`${show(wish, io).trimEnd()}\n`)
      return EXIT_OK
    } catch (error) {
      const what = wish.busy === null ? `read the mounts of process '${wish.pid}'` : `see what keeps '${printable(wish.busy)}' busy`
      sayFailure(io, 'mounts', wish.form === 'json', `Cannot ${what}: ${printable(errorLine(error))}`, error)
      return EXIT_SYSTEM
    }
  },
}
