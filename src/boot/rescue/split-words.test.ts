// Words of a line at the prompt: quoting keeps together, nothing is ever expanded.
//
// A property says that what is quoted comes back.

import t from 'tap'
import fc from 'fast-check'
import { splitWords } from './split-words.ts'

t.test('words', async (t) => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['', []],
    [' a\tb  c ', ['a', 'b', 'c']],
    [`"a b"c 'd "e"' ""`, ['a bc', 'd "e"', '']],
    ['a\\ b "c\\"d" \'e\\f\'', ['a b', 'c"d', 'e\\f']],
    ['$(reboot) `x` *', ['$(reboot)', '`x`', '*']],
    ['a\\', ['a\\']],
  ]
  for (const [line, words] of cases) t.same(splitWords(line).words, words, JSON.stringify(line))
  t.equal(splitWords('a "b').problem, 'Cannot read the line: a " is not closed')
})

t.test('quoted words come back', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      const line = words.map((word) => `"${word.replace(/["\\]/g, '\\$&')}"`).join(' ')
      t.same(splitWords(line).words, words)
    }),
  )
})
