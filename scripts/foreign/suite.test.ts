// The table of what came of foreign suites.

import t from 'tap'
import { formatTable } from './suite.ts'
import type { Outcome } from './suite.ts'

const outcome = (test: string, way: Outcome['way'], more: Partial<Outcome> = {}): Outcome => ({ test, way, result: 'pass', seconds: 9.6, log: null, seen: null, ...more })

t.test('a row for each test, with sums, and what passed without us is said', async (t) => {
  const outcomes = [outcome('A', 'original'), outcome('A', 'fulcrum', { seen: false }), outcome('B', 'original', { result: 'fail' }), outcome('B', 'fulcrum', { seen: true })]
  t.equal(formatTable(outcomes, ['original', 'fulcrum']), [
    '| test | original | fulcrum |', '| --- | --- | --- |', '| A | pass (10 s) | pass, not by fulcrum (10 s) |',
    '| B | fail (10 s) | pass (10 s) |', '| passed | 1 of 2 | 2 of 2 |', '',
  ].join('\n'))
})
