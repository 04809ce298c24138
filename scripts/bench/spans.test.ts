// The spans of a boot follow each other and sum up to the instant of the real init; a record that is none gives none.
// The record is that of a boot, shortened.
// Printed by `npm run bench -- --write-docs`.
import t from 'tap'
import { spansOf } from './spans.ts'

const TIMES = { unpackAt: 700, unpack: 500, runInit: 1900, mounted: 2560, realInit: 2650, availableThenKiB: 0, availableKiB: 0 }
const RECORD = {
  handOverUs: 2_625_000,
  events: [
    { phase: 'api-mounts', what: '/proc', us: 2_333_000, tookUs: 1000 }, { phase: 'root-device', what: 'x', us: 2_390_000, tookUs: 170_000 },
    { phase: 'fsck', what: 'x', us: 2_560_000, tookUs: 0 }, { phase: 'mount', what: '/sysroot', us: 2_566_000, tookUs: 6000 },
    { phase: 'switch', what: 'pivot', us: 2_619_000, tookUs: 2 }, 'not an event', { phase: 'half' },
  ],
}

t.test('one behind the other', async (t) => {
  const spans = spansOf(TIMES, JSON.stringify(RECORD)) ?? []
  t.same(spans.map(({ ms }) => ms), [700, 500, 700, 433, 57, 170, 12, 47, 6, 25])
  t.equal(spans.reduce((sum, { ms }) => sum + ms, 0), 2650)
})

t.test('no record, or one that does not fit', async (t) => {
  t.equal(spansOf(TIMES, ''), undefined)
  t.equal(spansOf(TIMES, '[]'), undefined)
  t.equal(spansOf(TIMES, JSON.stringify({ ...RECORD, events: 'none' })), undefined)
  t.equal(spansOf(TIMES, JSON.stringify({ ...RECORD, events: [] })), undefined)
  t.equal(spansOf({ ...TIMES, realInit: 2000 }, JSON.stringify(RECORD)), undefined, 'the record of another boot')
})
