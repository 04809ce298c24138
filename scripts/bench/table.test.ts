// Columns stand under their titles, whatever is longer: names to the left, numbers to the right.
// What is printed is pasted into documents, so no line may end in spaces.
// Printed by: every subject of `npm run bench`.
import t from 'tap'
import { table } from './table.ts'

t.test('names left, numbers right', async (t) => {
  t.equal(table(['image', 'ms', 'state'], [['a', '1', 'clean'], ['longer', '12345', 'not']]), [
    'image      ms  state',
    'a           1  clean',
    'longer  12345    not',
    '',
  ].join('\n'))
})

t.test('missing cells and no rows', async (t) => {
  t.equal(table(['n', 'x'], [['a']]), 'n  x\na\n')
  t.equal(table(['n', 'x'], []), 'n  x\n')
})
