// A MountTree as a picture: SVG, or an HTML page around it, that a person can put in a bug report.
//
// Pure and the same for the same tree: no script, no font file, nothing is fetched. The tree grows from left to right;
// hidden mounts are dashed, and each peer group has a colour, which its slaves wear as a frame.

import type { MountNode, MountTree } from './mount-tree.ts'
import { mountWords } from './words.ts'
import type { MountWords } from './words.ts'
import { printable } from './printable.ts'

/** Pixels. A character of the monospaced font is a little narrower than CHAR. */
const ROW = 46
const BOX = 36
const CHAR = 7.3
const GAP = 36
const MARGIN = 16
/** Longest line in a box; the whole text is in its title. */
const LONGEST = 52
const FOOT = 26

/** Fill and frame that are told apart in print and by most colour-blind people; groups beyond repeat. */
const COLOURS: readonly (readonly [string, string])[] = [
  ['#dbe9f6', '#2f6ea5'], ['#fde3c8', '#b3610f'], ['#dcefdc', '#2f7d3b'], ['#f6d9e6', '#a3336b'],
  ['#e6e0f3', '#62489b'], ['#f3efc3', '#857600'], ['#d5eff0', '#1b7a7f'], ['#ecdcd2', '#7c4a2c'],
]
const PLAIN: readonly [string, string] = ['#ffffff', '#555555']

/** Text for XML; control characters are escaped before, by the words. */
function xml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

function short(text: string): string {
  // By characters, so that no pair is cut in two.
  const characters = [...text]
  return characters.length <= LONGEST ? text : `${characters.slice(0, LONGEST - 1).join('')}…`
}

interface Box {
  readonly m: MountNode
  readonly words: MountWords
  readonly lines: readonly [string, string]
  readonly y: number
}

function boxesOf(tree: MountTree): Box[] {
  const words = mountWords(tree)
  return tree.nodes.map((m, row) => {
    const w = words(m)
    const second = [String(m.id), w.fstype, w.source === w.fstype ? '' : w.source, m.options.includes('ro') ? 'ro' : '', w.remarks].filter((one) => one !== '').join('  ')
    return { m, words: w, lines: [short(w.name), short(second)], y: MARGIN + row * ROW }
  })
}

/** Where each depth begins, and how wide its boxes are. */
function columnsOf(boxes: readonly Box[]): { x: number; width: number }[] {
  const widths: number[] = []
  for (const { m, lines } of boxes) widths[m.depth] = Math.max(widths[m.depth] ?? 0, ...lines.map((l) => Math.ceil(l.length * CHAR) + 16))
  let x = MARGIN
  return Array.from(widths, (width = 0) => {
    const column = { x, width }
    x += width + GAP
    return column
  })
}

function coloursOf(tree: MountTree): (m: MountNode) => readonly [string, string] {
  const order = new Map(tree.groups.map((group, i) => [group.id, COLOURS[i % COLOURS.length] ?? PLAIN]))
  return ({ propagation: { shared, master } }) => {
    const own = shared === undefined ? PLAIN : (order.get(shared) ?? PLAIN)
    const from = master === undefined ? own : (order.get(master) ?? PLAIN)
    return [own[0], from[1]]
  }
}

function drawBox(box: Box, column: { x: number; width: number }, [fill, frame]: readonly [string, string]): string {
  const { m, words, lines, y } = box
  const title = [words.name, `id ${m.id}${m.uniqueId === null ? '' : `, unique ${m.uniqueId}`}`, `${words.fstype} ${words.source}`, words.options, words.propagation, words.remarks]
  const style = m.hidden ? ' stroke-dasharray="5 3" fill-opacity="0.45"' : m.isRoot ? ' stroke-width="2.5"' : ''
  const ink = m.hidden ? '#666666' : '#111111'
  const spread = words.propagation === 'private' ? '' : `<tspan fill="${frame}">  ${xml(words.propagation.replace(/ \([^)]*\)/g, ''))}</tspan>`
  return [
    `<g><title>${xml(title.filter((one) => one !== '').join('\n'))}</title>`,
    `<rect x="${column.x}" y="${y}" width="${column.width}" height="${BOX}" rx="4" fill="${fill}" stroke="${frame}"${style}/>`,
    `<text x="${column.x + 8}" y="${y + 15}" fill="${ink}" font-weight="bold">${xml(lines[0])}</text>`,
    `<text x="${column.x + 8}" y="${y + 29}" fill="${ink}">${xml(lines[1])}</text>`,
    spread === '' ? '' : `<text x="${column.x + column.width + 2}" y="${y + 15}" font-size="10">${spread}</text>`,
    '</g>',
  ].join('')
}

function drawLink(from: Box, to: Box, columns: readonly { x: number; width: number }[]): string {
  const x = (columns[from.m.depth]?.x ?? 0) + 12
  const end = columns[to.m.depth]?.x ?? 0
  const style = to.m.hidden ? ' stroke-dasharray="5 3"' : ''
  return `<path d="M${x} ${from.y + BOX}V${to.y + BOX / 2}H${end}" fill="none" stroke="#999999"${style}/>`
}

/** A whole SVG document, with width and height in pixels. */
export function drawSvg(tree: MountTree): string {
  const boxes = boxesOf(tree)
  const columns = columnsOf(boxes)
  const colours = coloursOf(tree)
  const byId = new Map(boxes.map((box) => [box.m.id, box]))
  const last = columns.at(-1)
  // Room for the propagation behind the last column.
  const width = Math.max(420, (last === undefined ? 0 : last.x + last.width) + 180)
  const height = 2 * MARGIN + boxes.length * ROW + FOOT
  const links = boxes.flatMap((to) => {
    const from = to.m.depth === 0 ? undefined : byId.get(to.m.parentId)
    return from === undefined ? [] : [drawLink(from, to, columns)]
  })
  const foot = 'dashed: hidden; colour: peer group; frame of another colour: slave of that group; thick: root'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...links,
    ...boxes.map((box) => drawBox(box, columns[box.m.depth] ?? { x: 0, width: 0 }, colours(box.m))),
    `<text x="${MARGIN}" y="${height - MARGIN}" font-size="10" fill="#555555">${foot}</text>`,
    '</svg>',
    '',
  ].join('\n')
}

/** An HTML page with the picture, and every mount in a table. */
export function drawHtml(tree: MountTree): string {
  const words = mountWords(tree)
  const row = (m: MountNode): string => {
    const w = words(m)
    const cells = [String(m.id), String(m.parentId), w.name, w.fstype, w.source, w.options, printable(m.superOptions.join(',')), w.propagation, w.remarks]
    return `<tr${m.hidden ? ' class="hidden"' : ''}>${cells.map((cell) => `<td>${xml(cell)}</td>`).join('')}</tr>`
  }
  const headings = ['id', 'parent', 'mount point', 'type', 'source', 'options', 'of the file system', 'propagation', '']
  return [
    '<!DOCTYPE html>',
    '<html lang="en"><head><meta charset="utf-8"><title>Mounts</title>',
    '<style>body{font:13px sans-serif;margin:1em}table{border-collapse:collapse;font:12px monospace}td,th{text-align:left;padding:2px 8px;border-bottom:1px solid #ddd}.hidden{color:#777}div{overflow-x:auto}</style>',
    `</head><body><h1>${tree.nodes.length} mounts, from ${tree.from}</h1><div>`,
    drawSvg(tree).trimEnd(),
    `</div><table><tr>${headings.map((one) => `<th>${one}</th>`).join('')}</tr>`,
    ...tree.nodes.map(row),
    '</table></body></html>',
    '',
  ].join('\n')
}
