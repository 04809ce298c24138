// Binary keyboard layouts: what loadkeys writes, and what is none.
//
// loadkeys(1)
import t from 'tap'
import { parseKeymap } from './keymap.ts'

/** A layout of these tables, in which key K of table T has the value T * 256 + K. */
function layout(tables: readonly number[]): Buffer {
  const flags = Buffer.alloc(256)
  for (const table of tables) flags[table] = 1
  const values = Buffer.alloc(tables.length * 256)
  tables.forEach((table, place) => {
    for (let key = 0; key < 128; key++) values.writeUInt16LE(table * 256 + key, (place * 128 + key) * 2)
  })
  return Buffer.concat([Buffer.from('bkeymap'), flags, values])
}

t.test('tables and keys', async (t) => {
  const entries = parseKeymap(layout([0, 1, 8])) ?? []
  t.equal(entries.length, 3 * 128)
  t.same(entries.at(21), { table: 0, key: 21, value: 21 })
  t.same(entries.at(-1), { table: 8, key: 127, value: 8 * 256 + 127 })
  t.same(parseKeymap(layout([])), [])
})

t.test('what is none', async (t) => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('keymaps 0-2\n'), layout([0]).subarray(0, 300), Buffer.concat([layout([0]), Buffer.from('x')]), Buffer.alloc(500)]) {
    t.equal(parseKeymap(bytes), null)
  }
})
