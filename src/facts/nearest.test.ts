// The guess behind "did you mean": the distance is a metric where it matters, and nothing is guessed that
// is far off.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import fc from 'fast-check'
import { editDistance, nearest } from './nearest.ts'

t.test('edit distance', async (t) => {
  t.equal(editDistance('', 'abc'), 3)
  t.equal(editDistance('build', 'build'), 0)
  t.equal(editDistance('biuld', 'build'), 1, 'a swap is one edit')
  t.equal(editDistance('inspct', 'inspect'), 1)
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => editDistance(a, b) === editDistance(b, a)))
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => (editDistance(a, b) === 0) === (a === b)))
})

t.test('nearest', async (t) => {
  const words = ['build', 'inspect', 'mounts', 'ps']
  t.equal(nearest('mount', words), 'mounts')
  t.equal(nearest('Inspect', words), 'inspect')
  t.equal(nearest('px', words), 'ps')
  t.equal(nearest('zzzzzz', words), undefined)
})
