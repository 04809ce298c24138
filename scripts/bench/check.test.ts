// What counts as worse: more than 2 % and more than the noise of its bench, a peer that was behind and is ahead.
// What does not: less than that, a peer that is new. What cannot be compared is said, and never passes unseen.
// Printed by `npm run bench -- --check`.
import t from 'tap'
import { benchFileText, joined, parseBenchFile } from './bench-file.ts'
import type { Sections } from './bench-file.ts'
import { bootFigures } from './boot-figures.ts'
import { check } from './check.ts'
import { compareFigures } from './figures.ts'
import type { Figure } from './figures.ts'
import type { KeepRow } from './keep-results.ts'
import { parseMeasuredRows, totalMs } from './results.ts'
import type { MeasuredRow, Results, Row } from './results.ts'
import type { Sample } from './scale-results.ts'
import type { ShutdownRow } from './shutdown-results.ts'

const MEASURED = { format: 1, date: '2026-11-23', machine: 'QEMU 7.2' } as const

function row(name: string, ours: boolean, more: Partial<MeasuredRow> = {}): MeasuredRow {
  return { name, ours, packedBytes: 40e6, unpackedBytes: 120e6, files: 100, unpackAt: 700, unpack: 500, runInit: 1900, mounted: 2500, realInit: 2600,
    availableThenKiB: 800 * 1024, availableKiB: 800 * 1024, mounts: ['/proc'], processes: [], differs: [], ...more }
}

function results(...rows: Row[]): Results {
  return { ...MEASURED, kernel: '6.12', binaryBytes: 70e6, rows }
}

const worse = (before: Results, now: Results): readonly string[] => compareFigures(bootFigures(before), bootFigures(now)).worse

const memory = (unevictable: number): KeepRow['memory'] => ({ free: 900 * 1024 - unevictable, available: 900 * 1024, unevictable, shmem: 0 })

function kept(keep: string, unevictable: number, shutdownMs: number, more: Partial<KeepRow> = {}): KeepRow {
  return { kernel: '6.12', keep, packedBytes: 40e6, memory: memory(unevictable), shutdownMs, complaints: [], ...more }
}

const keep = (...rows: KeepRow[]): Sections => ({ keep: { ...MEASURED, rows } })

function down(name: string, ours: boolean, powerDown: number, more: Partial<ShutdownRow> = {}): ShutdownRow {
  return { name, ours, asked: 5000, shutdownStarts: 6000, powerDown, shmemThen: 0, memory: memory(0), exitrd: true, complaints: [], ...more }
}

const shutdown = (...rows: ShutdownRow[]): Sections => ({ shutdown: { ...MEASURED, kernel: '6.12', rows } })

const samples = (name: string, cost: (count: number) => number): Sample[] =>
  [0, 100, 1000, 10_000].map((count) => ({ subject: 'mounts', count, name, cost: 200 + cost(count), maxRssKiB: 100 * 1024 }))

const scale = (...rows: Sample[]): Sections => ({ scale: { ...MEASURED, kernel: '6.12', rows } })

t.test('boots: what got worse is named with both values', async (t) => {
  const before = results(row('fulcrum', true))
  t.same(worse(before, before), [])
  t.same(worse(before, results(row('fulcrum', true, { packedBytes: 41e6 }))), ['fulcrum: packed size 40 MB → 41 MB (+2.5 %)'])
  t.same(worse(before, { ...before, binaryBytes: 72e6 }), ['dist/fulcrum: size 70 MB → 72 MB (+2.9 %)'])
  t.same(worse(before, results(row('fulcrum', true, { realInit: 2660 }))),
    ['fulcrum: /init → real init 700 ms → 760 ms (+8.6 %)', 'fulcrum: kernel → real init 2600 ms → 2660 ms (+2.3 %)'])
  t.same(worse(before, results(row('fulcrum', true, { processes: ['sleep'] }))), ['fulcrum: processes left 0 → 1'])
  t.same(worse(before, results(row('fulcrum', true, { differs: ['x'], availableKiB: 740 * 1024 }))),
    ['fulcrum: memory taken 2 s later 224 MiB → 284 MiB (+26.8 %)', 'fulcrum: differences in the hand-over 0 → 1'])
  t.same(worse(before, results(row('fulcrum', true, { packedBytes: 40.7e6, mounted: 2524, realInit: 2620, unpack: 400, mounts: [] }))), [], 'noise and gains')
})

t.test('a peer that overtook', async (t) => {
  const slow = row('booster', false, { realInit: 2610 })
  t.same(worse(results(row('fulcrum', true), slow), results(row('fulcrum', true), { ...slow, realInit: 2500 })), ["fulcrum: kernel → real init is behind 'booster' now"])
  t.same(worse(results(row('fulcrum', true), slow), results(row('fulcrum', true), { ...slow, realInit: 2590 })), [], 'within the noise')
  t.same(worse(results(row('fulcrum', true)), results(row('fulcrum', true), row('new', false, { realInit: 1500 }))), [], 'a new peer')
  const absent = { name: 'booster', ours: false, absent: 'not in Debian' }
  t.same(worse(results(row('fulcrum', true), absent), results(row('fulcrum', true), slow)), [], 'a peer that could not be had')
})

t.test('keep: memory and time of the way back, per kernel; without keep=none no memory', async (t) => {
  const before = keep(kept('none', 0, 4), kept('slim', 25_000, 1000), kept('full', 82_000, 180))
  t.equal(check(before, before).status, 0)
  const after = check(before, keep(kept('none', 0, 4), kept('slim', 25_000, 1100), kept('full', 92_000, 180, { complaints: ['needs_recovery'] })))
  t.equal(after.status, 1)
  t.match(after.text, /got worse, 3 of 8 figures of 2 rows/)
  t.match(after.text, /keep=slim on 6\.12: \/shutdown → power down 1000 ms → 1100 ms \(\+10\.0 %\)/)
  t.match(after.text, /keep=full on 6\.12: memory kept 80\.1 MiB → 89\.8 MiB/)
  t.match(after.text, /keep=full on 6\.12: complaints about the file system 0 → 1/)
  t.match(check(before, keep(kept('full', 82_000, 180))).text, /nothing got worse in 3 figures of 1 row\n {2}not compared, because not measured now: keep=slim on 6\.12; keep=full on 6\.12\n/)
})

t.test('shutdown: how much more than without an exitrd, and who else comes back', async (t) => {
  const none = down('busybox switch_root, no exitrd', false, 6100, { exitrd: false })
  const dracut = down("busybox, dracut's exitrd", false, 8500)
  const before = shutdown(none, dracut, down('fulcrum keep=full', true, 6600))
  t.equal(check(before, before).status, 0)
  const after = check(before, shutdown(none, dracut, down('fulcrum keep=full', true, 6700)))
  t.match(after.text, /fulcrum keep=full: more than without an exitrd 500 ms → 600 ms \(\+20\.0 %\)/)
  t.match(check(before, shutdown(none, { ...dracut, powerDown: 6300 }, down('fulcrum keep=full', true, 6600))).text, /fulcrum keep=full: poweroff → power down is behind 'busybox, dracut's exitrd' now/)
})

t.test('scale: exponent, cost of one more, rank among many', async (t) => {
  const before = scale(...samples('fulcrum mounts', (n) => n / 4), ...samples('findmnt', (n) => n * n / 1e4))
  t.equal(check(before, before).status, 0)
  const after = check(before, scale(...samples('fulcrum mounts', (n) => n * n / 4e4), ...samples('findmnt', (n) => n * n / 1e4)))
  t.match(after.text, /fulcrum mounts, mounts: exponent of 0, 100, 1000, 10000 1 → 2 \(\+100\.0 %\)/)
  const each = check(before, scale(...samples('fulcrum mounts', (n) => n / 3), ...samples('findmnt', (n) => n / 5)))
  t.match(each.text, /fulcrum mounts, mounts: one more from 1000 to 10000 250 thousand instructions → 333 thousand instructions \(\+33\.3 %\)/)
  t.match(each.text, /at 10000 is behind 'findmnt' now/)
})

t.test('what is not compared is said', async (t) => {
  const [one, two] = [{ boot: results(row('fulcrum', true)) }, keep(kept('none', 0, 4), kept('full', 82_000, 180))]
  t.same(check({ ...one, ...two }, one), { text: 'boot: nothing got worse in 14 figures of 2 rows\nnot measured, so not compared: keep, shutdown, scale\n', status: 0 })
  t.match(check(one, { ...one, ...two }), { text: /keep: cannot be compared: docs\/bench\.json has no such section; write it anew/, status: 111 })
  t.match(check(one, { boot: { ...one.boot, kernel: '7.3' } }), { text: /boot: cannot be compared: .* of kernel 6\.12, these of 7\.3/, status: 111 })
  t.match(check(one, { boot: { ...one.boot, machine: 'QEMU 9' } }), { text: /of QEMU 7\.2, these of QEMU 9/, status: 111 })
  t.match(check(two, keep(kept('none', 0, 4), kept('full', 1, 1, { kernel: '6.1' }))), { text: /nothing of what was measured/, status: 111 })
  t.match(check(one, { boot: results(row('fulcrum', true), row('fulcrum xz', true)) }), { text: /because not in docs\/bench\.json: fulcrum xz/, status: 0 })
  t.equal(check({}, {}).status, 111)
})

t.test('figures without a former value', async (t) => {
  const figure: Figure = { row: 'a', name: 'b', value: 1, floor: 0, unit: '' }
  t.match(compareFigures([], [figure]), { worse: [], figures: 0, onlyNow: ['a'] })
  t.match(compareFigures([{ ...figure, value: 0 }], [figure]), { worse: ['a: b 0 → 1'], figures: 1, rows: 1, onlyNow: [], onlyBefore: [] })
})

t.test('results survive their file, and are joined with those that were not measured again', async (t) => {
  const boot = results(row('fulcrum', true, { note: 'so', spans: [{ name: 'kernel', ms: 1.5 }] }), { name: 'booster', ours: false, absent: 'no' })
  const all: Sections = {
    boot, ...keep(kept('full', 82_000, 180)), ...shutdown(down('fulcrum keep=full', true, 6600)), ...scale(...samples('fulcrum mounts', (n) => n)),
    build: { ...MEASURED, kernel: '6.12', runs: 3, load: [0, 1], rows: [{ name: 'fulcrum host-only, warm', cpuS: 0.5, clockS: 0.5, maxRssMiB: 200 }] },
  }
  const file = benchFileText(all)
  t.same(parseBenchFile(file), all)
  t.throws(() => parseBenchFile('{"format":3,"sections":{}}'), /'format'/)
  t.throws(() => parseBenchFile(file.replace('"files":100', '"files":"a"')), /'sections\.boot\.rows\.0.*'/)
  t.throws(() => parseBenchFile(file.replace('"shutdownMs":180', '"x":1')), /'sections\.keep\.rows\.0\.shutdownMs'/)
  t.same(parseMeasuredRows(JSON.stringify({ rows: [row('a', true)], more: 1 })), [row('a', true)])
  const fresh = row('fulcrum', true, { realInit: 2000 })
  t.same(joined(all, { boot: results(fresh, row('new', true)) }), { ...all, boot: results(fresh, { name: 'booster', ours: false, absent: 'no' }, row('new', true)) })
  t.same(joined(all, { boot: { ...results(fresh), kernel: '7.3' } }).boot?.rows, [fresh], 'another kernel')
  t.same(joined({}, all), all)
})

t.test('the load of the image counts', async (t) => {
  t.equal(totalMs({ packedBytes: 20e6, realInit: 2000 }, 200e6), 400)
  t.equal(totalMs({ packedBytes: 20e6, realInit: 2000 }, 2e9), 310)
})
