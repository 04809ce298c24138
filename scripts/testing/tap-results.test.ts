// TAP streams that must not look green, and how points are counted.

import t from 'tap'
import { parseTap } from './tap-results.ts'

const nested = `TAP version 14
# Subtest: outer
    ok 1 - first
    # Subtest: inner
        ok 1 - deep
        not ok 2 - wrong
          ---
          expected: 1
          source: noise
          ...
        1..2
    not ok 2 - inner
    1..2
not ok 1 - outer
ok 2 - later # SKIP not today
ok 3 - some day # TODO
# Subtest: without points
    1..0
ok 4 - without points
1..4
`

t.test('leaf points are counted, subtests are not', async (t) => {
  const results = parseTap(nested)
  t.equal(results.passed, 3)
  t.equal(results.skipped, 2)
  t.match(results.failures, [{ name: 'outer > inner > wrong', details: ['expected: 1'] }])
  t.equal(results.failures.length, 1)
})

t.test('a diagnostic that contains itself is cut, not followed for ever', async (t) => {
  const { failures } = parseTap('not ok 1 - x\n  ---\n  a: &a\n    b: *a\n  ...\n1..1\n')
  t.equal(failures.length, 1)
  t.match(failures[0]?.details.at(-1), /…$/)
})

t.test('a failed TODO is not a failure and not a pass', async (t) => {
  t.match(parseTap('not ok 1 - x # TODO\n1..1\n'), { passed: 0, skipped: 1, failures: [] })
})

t.test('a subtest that fails though all inside passed is a failure', async (t) => {
  const results = parseTap('# Subtest: a\n    ok 1 - fine\n    1..1\nnot ok 1 - a\n1..1\n')
  t.equal(results.passed, 1)
  t.match(results.failures, [{ name: 'a' }])
})

const bad: readonly (readonly [string, string, RegExp])[] = [
  ['nothing at all', '', /no plan|no test point/],
  ['only noise', 'hello\n', /no plan|no test point/],
  ['no plan', 'ok 1 - a\n', /no plan/],
  ['fewer points than planned', '1..3\nok 1 - a\n', /TAP: /],
  ['more points than planned', '1..1\nok 1 - a\nok 2 - b\n', /TAP: /],
  ['an empty plan', '1..0\n', /no test point/],
  ['bail out', 'ok 1 - a\nBail out! guest died\n', /Bail out! guest died/],
  ['a subtest cut short', '# Subtest: a\n    ok 1 - fine\n', /no plan|TAP: /],
]
for (const [name, text, expected] of bad) {
  t.test(`red: ${name}`, async (t) => {
    const { failures } = parseTap(text)
    t.ok(failures.length > 0)
    t.match(failures.map((failure) => failure.name).join('; '), expected)
  })
}
