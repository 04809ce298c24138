// What counts as worse: more than 2 % and more than the noise of layout, a peer that was behind and is ahead.
// What does not: less than that, a row that only one side has, a peer that is new.
// Printed by `npm run bench -- --check`.
import t from 'tap'
import { incomparable, regressions } from './compare-results.ts'
import { parseResults, resultsText, totalMs } from './results.ts'
import type { MeasuredRow, Results, Row } from './results.ts'

function row(name: string, ours: boolean, more: Partial<MeasuredRow> = {}): MeasuredRow {
  return { name, ours, packedBytes: 40e6, unpackedBytes: 120e6, files: 100, unpackAt: 700, unpack: 500, runInit: 1900, mounted: 2500, realInit: 2600,
    availableThenKiB: 800 * 1024, availableKiB: 800 * 1024, mounts: ['/proc'], processes: [], differs: [], ...more }
}

function results(...rows: Row[]): Results {
  return { format: 1, kernel: '6.12', qemu: 'QEMU 7.2', binaryBytes: 1, rows }
}

t.test('what got worse is named with both values', async (t) => {
  const before = results(row('fulcrum', true))
  t.same(regressions(before, before), [])
  t.same(regressions(before, results(row('fulcrum', true, { packedBytes: 41e6 }))), ['fulcrum: packed size 40.00 MB → 41.00 MB (+2.5 %)'])
  t.same(regressions(before, results(row('fulcrum', true, { realInit: 2660 }))),
    ['fulcrum: /init → real init 700.0 ms → 760.0 ms (+8.6 %)', 'fulcrum: kernel → real init 2600.0 ms → 2660.0 ms (+2.3 %)'])
  t.same(regressions(before, results(row('fulcrum', true, { processes: ['sleep'] }))), ['fulcrum: processes left 0 → 1'])
  t.same(regressions(before, results(row('fulcrum', true, { differs: ['x'], availableKiB: 780 * 1024 }))),
    ['fulcrum: memory taken 2 s later 224.0 MiB → 244.0 MiB (+8.9 %)', 'fulcrum: differences in the hand-over 0 → 1'])
})

t.test('noise, gains and rows of one side are nothing', async (t) => {
  const before = results(row('fulcrum', true), row('gone', true))
  const now = results(row('fulcrum', true, { packedBytes: 40.7e6, mounted: 2524, realInit: 2620, unpack: 400, mounts: [] }), row('new', true))
  t.same(regressions(before, now), [])
})

t.test('a peer that overtook', async (t) => {
  const slow = row('booster', false, { realInit: 2610 })
  t.same(regressions(results(row('fulcrum', true), slow), results(row('fulcrum', true), { ...slow, realInit: 2500 })),
    ["fulcrum: kernel → real init is behind 'booster' now"])
  t.same(regressions(results(row('fulcrum', true), slow), results(row('fulcrum', true), { ...slow, realInit: 2590 })), [], 'within the noise')
  t.same(regressions(results(row('fulcrum', true)), results(row('fulcrum', true), row('new', false, { realInit: 1500 }))), [], 'a new peer')
  const absent = { name: 'booster', ours: false, absent: 'not in Debian' }
  t.same(regressions(results(row('fulcrum', true), absent), results(row('fulcrum', true), slow)), [], 'a peer that could not be had')
})

t.test('other kernels are not compared', async (t) => {
  t.match(incomparable(results(), { ...results(), kernel: '7.3' }), /of kernel 6\.12, these of 7\.3/)
  t.match(incomparable(results(), { ...results(), qemu: 'QEMU 9' }), /of QEMU 7\.2, these of QEMU 9/)
  t.equal(incomparable(results(), results()), undefined)
})

t.test('results survive their file', async (t) => {
  const all = results(row('fulcrum', true, { spans: [{ name: 'kernel', ms: 1.5 }] }), { name: 'booster', ours: false, absent: 'no' })
  t.same(parseResults(resultsText(all)), all)
  t.throws(() => parseResults('{"format":2}'), /not format 1/)
  t.throws(() => parseResults(resultsText(all).replace('"files":100', '"files":"a"')), /'files' is not a number/)
  t.throws(() => parseResults('{"format":1,"kernel":"a","qemu":"b","binaryBytes":1}'), /'rows' is not a list/)
})

t.test('the load of the image counts', async (t) => {
  t.equal(totalMs({ packedBytes: 20e6, realInit: 2000 }, 200e6), 400)
  t.equal(totalMs({ packedBytes: 20e6, realInit: 2000 }, 2e9), 310)
})
