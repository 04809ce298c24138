// Ranges of ids: the same for the same name, never two that overlap.
import fc from 'fast-check'
import t from 'tap'
import { RANGE_IDS, pickRange } from './id-range.ts'

t.test('properties', async (t) => {
  fc.assert(fc.property(fc.array(fc.string({ minLength: 1, maxLength: 63 }), { maxLength: 40 }), (names) => {
    const taken = names.reduce<NonNullable<ReturnType<typeof pickRange>>[]>((all, name) => [...all, ...[pickRange(name, all)].filter((it) => it !== null)], [])
    const starts = taken.map((it) => it.outside)
    return taken.length === names.length && new Set(starts).size === starts.length &&
      taken.every((it) => it.inside === 0 && it.count === RANGE_IDS && it.outside % RANGE_IDS === 0 && it.outside >= 0x80000 && it.outside <= 0x6fff0000)
  }))
  t.strictSame(pickRange('web', []), pickRange('web', []))
})

t.test('what others have is left alone', async (t) => {
  const first = pickRange('web', [])
  const outside = first?.outside ?? 0
  const beside = pickRange('web', [{ inside: 0, outside: outside + RANGE_IDS - 1, count: 1 }])
  t.not(beside?.outside, outside)
  t.equal(pickRange('web', [{ inside: 0, outside: 0, count: 0xffffffff }]), null, 'nothing is free')
})
