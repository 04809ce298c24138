// `fulcrum mounts`: the mount tree as it really is, for people, as JSON and as a picture.
//
// findmnt(8) does not show what covers what nor who the peers are, and an initramfs has none. The rescue console
// prints the same lines.  docs/mounts.md

import { drawTree } from '../facts/mounts/draw.ts'
import { drawHtml, drawSvg } from '../facts/mounts/picture.ts'
import { printable, safeJson } from '../facts/mounts/printable.ts'
import { toSaved } from '../facts/mounts/saved.ts'
import { errorLine } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { readByMountInfo, readMounts } from '../mounts/read-mounts.ts'
import { EXIT_OK, EXIT_SYSTEM, EXIT_USAGE, type Command, type CommandIo } from './command.ts'
import { runDiff } from './mounts-diff.ts'

/** The visible mounts of this process as lines. Throws SyscallError when /proc is not mounted. */
export function describeMounts(kernel: Pick<Kernel, 'readText'>): string[] {
  return drawTree(readByMountInfo(kernel, 'self'))
}

type Form = 'text' | 'json' | 'svg' | 'html'
type Colour = 'auto' | 'always' | 'never'

interface Wish {
  readonly form: Form
  readonly colour: Colour
  readonly pid: string
}

/** Throws Error with what is wrong. */
function parseArgs(args: readonly string[]): Wish {
  let form: Form = 'text'
  let colour: Colour = 'auto'
  const words: string[] = []
  for (const arg of args) {
    if (arg === '--json') form = 'json'
    else if (arg === '--svg') form = 'svg'
    else if (arg === '--html') form = 'html'
    else if (arg === '--color=always') colour = 'always'
    else if (arg === '--color=never') colour = 'never'
    else if (arg === '--color=auto') colour = 'auto'
    else words.push(arg)
  }
  const [pid = 'self', ...more] = words
  if (more.length > 0 || !/^(self|[1-9]\d*)$/.test(pid)) {
    throw new Error(`Cannot understand '${printable(more[0] ?? pid)}': expected a process id`)
  }
  return { form, colour, pid }
}

/** Whether standard output takes colour. NO_COLOR: https://no-color.org */
function wantsColour(colour: Colour, io: CommandIo): boolean {
  if (colour !== 'auto') return colour === 'always'
  return (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb' && io.kernel().tcgetattr(toFd(1)) !== null
}

function takesUtf8(env: CommandIo['env']): boolean {
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '')
}

function show(wish: Wish, io: CommandIo): void {
  const saved = readMounts(io.kernel(), wish.pid)
  if (wish.form === 'json') io.stdout(`${safeJson(toSaved(saved))}\n`)
  else if (wish.form === 'svg') io.stdout(drawSvg(saved.tree))
  else if (wish.form === 'html') io.stdout(drawHtml(saved.tree))
  else io.stdout(`${drawTree(saved.tree, { colour: wantsColour(wish.colour, io), lines: takesUtf8(io.env) }).join('\n')}\n`)
}

export const mountsCommand: Command = {
  name: 'mounts',
  summary: 'show the mount tree',
  usage: ['fulcrum mounts [--json|--svg|--html] [--color=auto|always|never] [PID]', 'fulcrum mounts diff [--json] A B'],
  help: `Prints the mounts that a process sees (this one, or PID) as a tree: where, id, file system type, source
with the bound directory in brackets, options, propagation with the peers that are listed too.
"(hidden by 31)" cannot be reached by a path, because the mount with the id 31 lies on it or above it;
"(no path)" lies beneath "/", which only root sees, since Linux 6.8; "fs-ro" is a read-only file system
under a mount that is not.

diff says what changed from A to B, two files with the output of --json or copies of a mountinfo: "+" is
added, "-" removed, "~" changed. It exits with 1 if there is a difference.

  --json        as JSON, which fulcrum mounts diff reads (docs/mounts.md)
  --svg         as a picture
  --html        as a page with the picture and a table, which loads nothing
  --color=WHEN  always, never, or auto: on a terminal
`,
  run(args, io) {
    if (args[0] === 'diff') return runDiff(args.slice(1), io)
    let wish: Wish
    try {
      wish = parseArgs(args)
    } catch (error) {
      io.stderr(`fulcrum mounts: ${errorLine(error)}\n`)
      return EXIT_USAGE
    }
    try {
      show(wish, io)
      return EXIT_OK
    } catch (error) {
      io.stderr(`fulcrum mounts: Cannot read the mounts of process '${wish.pid}': ${errorLine(error)}\n`)
      return EXIT_SYSTEM
    }
  },
}
