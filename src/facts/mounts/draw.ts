// A MountTree as lines of text: one mount a line, indented by what it lies on.
//
// Pure. Colour and lines between the mounts are the caller's choice: the rescue console has neither.

import type { MountNode, MountTree } from './mount-tree.ts'
import { mountWords } from './words.ts'

export interface DrawOptions {
  /** ANSI colours: mount points bold, hidden mounts dim, propagation coloured. */
  readonly colour?: boolean
  /** Box-drawing lines, for a UTF-8 terminal; blanks otherwise. */
  readonly lines?: boolean
  /** One more column: its heading, and its text for a mount. */
  readonly extra?: { readonly heading: string; readonly text: (m: MountNode) => string }
}

/** What stands before the names, from the nodes' depths: '│ ├─'. */
function branches(nodes: readonly MountNode[], lines: boolean): string[] {
  if (!lines) return nodes.map((m) => '  '.repeat(m.depth))
  // From below: a branch goes on where a later line has the same depth before one of less.
  const open: boolean[] = []
  const found: string[] = []
  for (const m of [...nodes].reverse()) {
    const before = Array.from({ length: Math.max(0, m.depth - 1) }, (_, i) => (open[i + 1] === true ? '│ ' : '  ')).join('')
    found.push(m.depth === 0 ? '' : `${before}${open[m.depth] === true ? '├─' : '└─'}`)
    open.length = m.depth + 1
    open[m.depth] = true
  }
  return found.reverse()
}

const HEADINGS = ['MOUNT POINT', 'ID', 'TYPE', 'SOURCE', 'OPTIONS', 'PROPAGATION']
const paint = (code: string, text: string): string => (text.trim() === '' ? text : `\u001b[${code}m${text}\u001b[0m`)

function colourOf(m: MountNode, column: number): string | undefined {
  if (m.hidden) return '2'
  if (column === 0) return m.isRoot ? '1;32' : '1'
  if (column === 2) return '36'
  if (column === 4) return m.options.includes('ro') || m.superOptions.includes('ro') ? '33' : undefined
  if (column !== 5) return undefined
  return m.propagation.shared !== undefined ? '35' : m.propagation.master !== undefined ? '34' : undefined
}

/** The lines, with a heading: mount point, id, type, source, options, propagation, remarks. */
export function drawTree(tree: MountTree, options: DrawOptions = {}): string[] {
  const words = mountWords(tree)
  const before = branches(tree.nodes, options.lines === true)
  const { extra } = options
  const rows = tree.nodes.map((m, i) => {
    const w = words(m)
    return [`${before[i] ?? ''}${w.name}`, String(m.id), w.fstype, w.source, w.options, w.propagation, ...(extra === undefined ? [] : [extra.text(m)]), w.remarks]
  })
  const all = [[...HEADINGS, ...(extra === undefined ? [] : [extra.heading]), ''], ...rows]
  const widths = (all[0] ?? []).map((_, i) => all.reduce((width, row) => Math.max(width, (row[i] ?? '').length), 0))
  return all.map((row, line) => {
    const m = tree.nodes[line - 1]
    const cells = row.map((cell, i) => {
      const padded = i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)
      const colour = options.colour === true && m !== undefined ? colourOf(m, i) : undefined
      return colour === undefined ? padded : paint(colour, padded)
    })
    return cells.join('  ').trimEnd()
  })
}
