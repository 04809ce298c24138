// The boots as tables: for a terminal of 160 columns, and as Markdown for docs/performance.md.
// Fastest first; who could not be measured comes last, with the reason. What the real init inherited besides what the
// kernel leaves is told below, once for all who have it. Pure.

import { isMeasured, loadMs, REAL_MS, totalMs } from './results.ts'
import type { MeasuredRow, Results } from './results.ts'
import { table } from './table.ts'

/** Of what differs in a hand-over: an environment may be long. */
const LONGEST = 140
const SLOW = 200e6
const FAST = 2e9

interface Column {
  readonly title: string
  readonly of: (row: MeasuredRow) => string
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1)
const whole = (value: number): string => value.toFixed(0)
const mib = (kib: number): string => (kib / 1024).toFixed(0)

const COLUMNS: readonly Column[] = [
  { title: 'packed', of: (row) => mb(row.packedBytes) },
  { title: 'unpacked', of: (row) => mb(row.unpackedBytes) },
  { title: 'files', of: (row) => whole(row.files) },
  { title: 'unpack', of: (row) => whole(row.unpack) },
  { title: '/init', of: (row) => whole(row.runInit) },
  { title: 'mounted', of: (row) => whole(row.mounted) },
  { title: 'real init', of: (row) => whole(row.realInit) },
  { title: 'between', of: (row) => whole(row.realInit - row.runInit) },
  { title: 'MiB then', of: (row) => mib(row.availableThenKiB) },
  { title: '+2 s', of: (row) => mib(row.availableKiB) },
  { title: 'mnt', of: (row) => whole(row.mounts.length) },
  { title: 'pids', of: (row) => whole(row.processes.length) },
  { title: 'differs', of: (row) => whole(row.differs.length) },
  { title: 'load', of: (row) => whole(loadMs(row.packedBytes, SLOW)) },
  { title: 'total', of: (row) => whole(totalMs(row, SLOW)) },
  { title: 'total 2G', of: (row) => whole(totalMs(row, FAST)) },
]

const LEGEND = [
  `MB; virtual ms since the kernel's clock started (a million instructions each); 'between' is from /init to the real init.`,
  `'MiB then', '+2 s': MemAvailable of 1 GiB at the real init and two seconds later. mnt, pids: what the initramfs left mounted and running.`,
  `Real ms: 'load' of the image at 200 MB/s, 'total' with the boot at ${REAL_MS} ms per virtual one, 'total 2G' at 2 GB/s.`,
]

function sorted(results: Results): MeasuredRow[] {
  return results.rows.filter(isMeasured).toSorted((a, b) => a.realInit - b.realInit)
}

/** Rows that differ from the kernel's own hand-over, the same differences together. */
function differences(results: Results): string[] {
  const byLine = new Map<string, string[]>()
  for (const row of sorted(results)) for (const line of row.differs) byLine.set(line, [...(byLine.get(line) ?? []), row.name])
  return [...byLine].map(([line, names]) => `${names.join(', ')}: ${line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line}`)
}

function notes(results: Results): string[] {
  return results.rows.flatMap((row) => ('absent' in row ? [`${row.name}: ${row.absent}`] : row.note === undefined ? [] : [`${row.name}: ${row.note}`]))
}

/** The spans of our default image: name, where it begins, how long it is. */
function spansTable(results: Results): string[][] {
  let begin = 0
  return (sorted(results).find(({ name }) => name === 'fulcrum')?.spans ?? []).map(({ name, ms }) => {
    const cells = [name, begin.toFixed(0), ms.toFixed(1)]
    begin += ms
    return cells
  })
}

/** For a terminal. */
export function bootText(results: Results): string {
  const rows = sorted(results).map((row) => [row.name, ...COLUMNS.map(({ of }) => of(row))])
  const told = [...LEGEND, '', ...notes(results)]
  const strays = differences(results)
  return [`dist/fulcrum: ${mb(results.binaryBytes)} MB; kernel ${results.kernel}; ${results.machine}`, '',
    table(['image', ...COLUMNS.map(({ title }) => title)], rows), ...told,
    ...(spansTable(results).length === 0 ? [] : ['', table(["where fulcrum's time goes", 'from', 'ms'], spansTable(results)).trimEnd()]),
    ...(strays.length === 0 ? [] : ['', "What the kernel's own start of an init does not leave so:", ...strays.map((line) => `  ${line}`)]), ''].join('\n')
}

/** For docs/performance.md. */
export function bootMarkdown(results: Results): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const name = (row: MeasuredRow): string => (row.ours ? `**${row.name}**` : row.name)
  const list = (lines: readonly string[]): string[] => lines.map((one) => `- ${one}`)
  const strays = differences(results)
  return [
    `Linux ${results.kernel}, ${results.machine}; dist/fulcrum is ${mb(results.binaryBytes)} MB.`, '',
    line(['image', ...COLUMNS.map(({ title }) => title)]), line(['---', ...COLUMNS.map(() => '---:')]),
    ...sorted(results).map((row) => line([name(row), ...COLUMNS.map(({ of }) => of(row))])), '',
    ...list(LEGEND), ...list(notes(results)), '',
    ...(spansTable(results).length === 0 ? [] : ["Where the default image's time goes:", '', '| | from | ms |', '| --- | ---: | ---: |', ...spansTable(results).map(line), '']),
    ...(strays.length === 0 ? [] : ["What the kernel's own start of an init does not leave so:", '', ...strays.map((one) => `- \`${one.replaceAll('`', "'")}\``), '']),
  ].join('\n')
}
