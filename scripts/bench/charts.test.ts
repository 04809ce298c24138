// The pictures are well-formed, say every name, keep to their size, and are the same for the same results.
// Names come from a table of ours, but are escaped all the same.
// Written to docs/ by `npm run bench -- --write-docs`.
import t from 'tap'
import { bootMarkdown, bootText } from './boot-tables.ts'
import { frontierChart, phasesChart, spansChart } from './charts.ts'
import type { MeasuredRow, Results } from './results.ts'
import { between } from './write-docs.ts'

function row(name: string, ours: boolean, realInit: number, packedBytes: number): MeasuredRow {
  return { name, ours, packedBytes, unpackedBytes: 120e6, files: 100, unpackAt: 700, unpack: 500, runInit: 1400, mounted: realInit - 50, realInit,
    availableThenKiB: 800 * 1024, availableKiB: 800 * 1024, mounts: ['/proc'], processes: [], differs: ['environment: kernel a, here b'] }
}

const RESULTS: Results = {
  format: 1, date: '2026-11-23', machine: 'QEMU 7.2', kernel: '6.12', binaryBytes: 100e6,
  rows: [...Array.from({ length: 20 }, (_, at) => row(`peer <${at}> & "co"`, false, 1600 + at, 1e6 * at)), row('fulcrum', true, 2600, 46e6),
    { name: 'booster', ours: false, absent: 'no Debian release has it' }],
}

/** Every element is closed, in order, and no `<` or `&` stands in a text. */
function isWellFormed(svg: string): boolean {
  const open: string[] = []
  for (const [, close, name, , empty] of svg.replace(/<style>[^]*?<\/style>/, '').matchAll(/<(\/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<&]*(?:&#\d+;[^"<&]*)*")*)(\/?)>/g)) {
    if (close === '/') { if (open.pop() !== name) return false } else if (empty !== '/') open.push(name ?? '')
  }
  return open.length === 0 && !/&(?!#\d+;)/.test(svg)
}

t.test('pictures', async (t) => {
  const spans = [{ name: 'kernel', ms: 700 }, { name: 'unpack', ms: 500 }, { name: 'nothing', ms: 0 }]
  for (const svg of [phasesChart(RESULTS), frontierChart(RESULTS), spansChart('fulcrum', spans)]) {
    t.ok(isWellFormed(svg))
    t.ok(svg.length < 40_000, `${svg.length} bytes`)
    t.notMatch(svg, /NaN|Infinity|undefined|script|href/)
    t.match(svg, /prefers-color-scheme:dark/)
  }
  t.equal([...phasesChart(RESULTS).matchAll(/peer &#60;/g)].length, 20)
  t.notOk(isWellFormed('<svg><g></svg></g>'), 'this test can fail')
  for (const empty of [phasesChart, frontierChart]) t.ok(isWellFormed(empty({ ...RESULTS, rows: [] })))
})

t.test('tables', async (t) => {
  const text = bootText(RESULTS)
  t.ok(text.split('\n').slice(2, 24).every((line) => line.length <= 160), 'fits a terminal of 160 columns')
  t.match(text, /booster: no Debian release has it/)
  t.match(text, /fulcrum: environment: kernel a, here b/)
  const table = bootMarkdown(RESULTS).split('\n').filter((line) => line.startsWith('|'))
  t.equal(new Set(table.map((line) => line.split('|').length)).size, 1, 'as many cells in each row')
  t.match(table.at(-1), /^\| \*\*fulcrum\*\* \|/)
  const spans = { ...RESULTS, rows: [{ ...row('fulcrum', true, 1500, 1e6), spans: [{ name: 'kernel', ms: 700 }, { name: 'rest', ms: 800 }] }] }
  t.match(bootText(spans), /^rest +700 +800\.0$/m)
  t.match(bootMarkdown(spans), /^\| rest \| 700 \| 800\.0 \|$/m)
})

t.test('into a page', async (t) => {
  const page = 'a\n<!-- npm run bench -- --write-docs: keep begin -->\nold\n<!-- npm run bench -- --write-docs: keep end -->\nb\n'
  const once = between(page, 'keep', 'new\n')
  t.match(once, /^a\n<!--.*-->\n\nnew\n\n<!--.*-->\nb\n$/)
  t.equal(between(once, 'keep', 'new'), once)
  t.throws(() => between(page, 'scale', 'b'), /Cannot write the table: the page has no '.*scale begin -->'/)
})
