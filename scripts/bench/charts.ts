// The pictures of `docs/`: bars of the phases of each image's boot, size against time, and where our time goes.
// Plain SVG: no script, no font file, nothing is fetched; its colours follow the reader's, light or dark. The same
// results give the same text. Pure. https://www.w3.org/TR/SVG2/

import { isMeasured } from './results.ts'
import type { MeasuredRow, Results, Span } from './results.ts'

const STYLE = `<style>
text{font:12px sans-serif;fill:#24292f}.small{font-size:10.5px}.end{text-anchor:end}.middle{text-anchor:middle}.ours{font-weight:bold}
.title{font-size:14px;font-weight:bold}.line{stroke:#8c959f;stroke-width:1;fill:none}.grid{stroke:#d0d7de;stroke-width:1}
.a{fill:#8c959f}.b{fill:#bf8700}.c{fill:#0969da}.d{fill:#8250df}.e{fill:#1a7f37}.f{fill:#cf222e}.dot{fill:#8c959f}.own{fill:#0969da}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.line{stroke:#7d8590}.grid{stroke:#30363d}.a{fill:#6e7681}.b{fill:#d29922}.c{fill:#2f81f7}
.d{fill:#a371f7}.e{fill:#3fb950}.f{fill:#f85149}.dot{fill:#7d8590}.own{fill:#2f81f7}}
</style>`

function xml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

const round = (value: number): string => `${Math.round(value * 10) / 10}`

function label(x: number, y: number, text: string, style = ''): string {
  return `<text x="${round(x)}" y="${round(y)}"${style === '' ? '' : ` class="${style}"`}>${xml(text)}</text>`
}

function bar(x: number, y: number, width: number, height: number, style: string, title: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" class="${style}"><title>${xml(title)}</title></rect>`
}

function picture(width: number, height: number, title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${xml(title)}">
${STYLE}
${label(8, 20, title, 'title')}
${parts.join('\n')}
</svg>
`
}

/** A round step that divides `most` into four to eight. */
function step(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / 4))
  return [1, 2, 5, 10].map((factor) => factor * power).find((one) => most / one <= 8) ?? power * 10
}

const PHASES: readonly (readonly [style: string, name: string, of: (row: MeasuredRow) => number])[] = [
  ['a', 'kernel', (row) => row.runInit - row.unpack],
  ['b', 'unpack', (row) => row.unpack],
  ['c', '/init → root mounted', (row) => row.mounted - row.runInit],
  ['d', 'root mounted → real init', (row) => row.realInit - row.mounted],
]

/** A bar for each image, fastest first. */
export function phasesChart(results: Results): string {
  const rows = results.rows.filter(isMeasured).toSorted((a, b) => a.realInit - b.realInit)
  const [left, top, height, width] = [230, 52, 20, 880]
  const most = Math.max(1, ...rows.map((row) => row.realInit))
  const scale = (width - left - 60) / most
  const bottom = top + rows.length * height
  const grid = Array.from({ length: Math.floor(most / step(most)) + 1 }, (_, at) => at * step(most)).flatMap((ms) => {
    const x = left + ms * scale
    return [`<line x1="${round(x)}" y1="${top}" x2="${round(x)}" y2="${bottom}" class="grid"/>`, label(x, bottom + 14, `${ms}`, 'small middle')]
  })
  const legend = PHASES.flatMap(([style, name], at) => [bar(left + at * 150, 30, 11, 11, style, name), label(left + at * 150 + 16, 40, name, 'small')])
  const bars = rows.flatMap((row, at) => {
    const y = top + at * height
    let x = left
    const parts = PHASES.map(([style, name, of]) => {
      const part = bar(x, y + 3, of(row) * scale, height - 6, style, `${name}: ${of(row).toFixed(0)} ms`)
      x += of(row) * scale
      return part
    })
    return [label(left - 8, y + 14, row.name, row.ours ? 'end ours' : 'end'), ...parts, label(x + 5, y + 14, row.realInit.toFixed(0), row.ours ? 'ours' : '')]
  })
  return picture(width, bottom + 24, `Kernel start → real init, virtual ms, Linux ${results.kernel}`, [...legend, ...grid, ...bars])
}

/** Size of the image against the instant of the real init: towards the lower left is better. */
export function frontierChart(results: Results): string {
  const rows = results.rows.filter(isMeasured).toSorted((a, b) => a.realInit - b.realInit)
  const [left, top, width, height] = [60, 36, 880, 480]
  const [right, bottom] = [width - 170, height - 44]
  const mostMs = Math.max(1, ...rows.map((row) => row.realInit)) * 1.05
  const mostMb = Math.max(1, ...rows.map((row) => row.packedBytes / 1e6)) * 1.05
  const x = (mb: number): number => left + mb / mostMb * (right - left)
  const y = (ms: number): number => bottom - ms / mostMs * (bottom - top)
  const ticks = (most: number): number[] => Array.from({ length: Math.floor(most / step(most)) + 1 }, (_, at) => at * step(most))
  const axes = [
    ...ticks(mostMb).flatMap((mb) => [`<line x1="${round(x(mb))}" y1="${top}" x2="${round(x(mb))}" y2="${bottom}" class="grid"/>`, label(x(mb), bottom + 15, `${mb}`, 'small middle')]),
    ...ticks(mostMs).flatMap((ms) => [`<line x1="${left}" y1="${round(y(ms))}" x2="${right}" y2="${round(y(ms))}" class="grid"/>`, label(left - 6, y(ms) + 4, `${ms}`, 'small end')]),
    label((left + right) / 2, height - 8, 'image, MB', 'small middle'),
  ]
  // Labels that would lie on each other are moved down, in the order of their dots from above.
  let free = 0
  const dots = rows.toReversed().flatMap((row) => {
    const [atX, atY] = [x(row.packedBytes / 1e6), y(row.realInit)]
    const text = Math.max(atY + 4, free)
    free = text + 12
    return [`<circle cx="${round(atX)}" cy="${round(atY)}" r="${row.ours ? 5 : 4}" class="${row.ours ? 'own' : 'dot'}"><title>${xml(`${row.name}: ${(row.packedBytes / 1e6).toFixed(1)} MB, ${row.realInit.toFixed(0)} ms`)}</title></circle>`,
      `<path d="M${round(atX + 5)} ${round(atY)}L${round(atX + 12)} ${round(text - 4)}" class="line"/>`, label(atX + 14, text, row.name, row.ours ? 'small ours' : 'small')]
  })
  return picture(width, Math.max(height, free + 8), `Image size against kernel start → real init, virtual ms, Linux ${results.kernel}`, [...axes, ...dots])
}

/** One bar of all spans, and a line for each below it. */
export function spansChart(name: string, spans: readonly Span[]): string {
  const [left, top, width] = [10, 36, 880]
  const total = Math.max(1, spans.reduce((sum, { ms }) => sum + ms, 0))
  const scale = (width - 2 * left) / total
  const styles = ['a', 'b', 'c', 'd', 'e', 'f']
  let begin = 0
  const parts = spans.flatMap((span, at) => {
    const style = styles[at % styles.length] ?? 'a'
    const [x, y] = [left + begin * scale, top + 44 + at * 18]
    const line = `${span.name}: ${span.ms.toFixed(0)} ms, from ${begin.toFixed(0)}`
    begin += span.ms
    // To the left wherever there is room: lines to the spans behind go down on the right.
    const words = x < 280 ? label(x + 16, y + 10, line, 'small') : label(x - 5, y + 10, line, 'small end')
    return [bar(x, top, span.ms * scale, 26, style, line), `<path d="M${round(x)} ${top + 26}V${y}" class="line"/>`, bar(x, y, 11, 11, style, line), words]
  })
  return picture(width, top + 52 + spans.length * 18, `Where the ${total.toFixed(0)} virtual ms of '${name}' go`, parts)
}
