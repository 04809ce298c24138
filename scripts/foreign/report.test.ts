// The tables of foreign suites, and what is asked of the command.

import t from 'tap'
import { formatReport, formatTable, withRun } from './report.ts'
import type { Run } from './report.ts'
import { parseWords } from './words.ts'

const run = (test: string, way: Run['way'], more: Partial<Run> = {}): Run => ({
  test, way, result: 'pass', reason: null, seconds: 9.6, machines: [], log: '/l', seen: null, suite: 'S', version: '112-7', date: '2026-11-23 06:20', ...more,
})
const machine = (name: string, result: Run['result']): Run['machines'][number] => ({ name, result, seconds: 40.2, seen: true })

t.test('a row for each test, with sums, and what passed without us is said', async (t) => {
  const outcomes = [run('A', 'original'), run('A', 'fulcrum', { seen: false }), run('B', 'original', { result: 'fail', reason: 'E: no' }), run('B', 'fulcrum', { seen: true })]
  t.equal(formatTable(outcomes, ['original', 'fulcrum']), [
    '| test | original | fulcrum |', '| --- | --- | --- |', '| A | pass (10 s) | pass, not by fulcrum (10 s) |',
    '| B | fail (10 s) | pass (10 s) |', '| passed | 1 of 2 | 2 of 2 |', '', '- B, original: E: no', '',
  ].join('\n'))
})

t.test('the report of several invocations: each machine, what was not run, version and date', async (t) => {
  const cut = run('B', 'fulcrum', { result: 'not finished', reason: 'our limit', machines: [machine('x', 'pass'), machine('y', 'not finished')] })
  const text = formatReport([cut, run('A', 'original')], ['A', 'B'])
  t.equal(text, [
    'S', '', '| test | original | fulcrum |', '| --- | --- | --- |', '| A | pass (10 s) | not run |', '| B | not run | not finished, after 1 machines that passed (10 s) |',
    '| passed | 1 of 2 | 0 of 2 |', '', '- B, fulcrum: our limit', '', '- B, fulcrum: x: pass, by fulcrum (40 s); y: not finished, by fulcrum (40 s)', '',
    '| test | way | suite | run at (UTC) |', '| --- | --- | --- | --- |', '| A | original | 112-7 | 2026-11-23 06:20 |', '| B | fulcrum | 112-7 | 2026-11-23 06:20 |', '',
  ].join('\n'))
})

t.test('a run takes the place of the earlier one of the same test and way only', async (t) => {
  const runs = [run('A', 'original'), run('A', 'fulcrum'), run('A', 'fulcrum', { suite: 'T' })]
  const after = withRun(runs, run('A', 'fulcrum', { result: 'fail' }))
  t.strictSame(after.map(({ suite, way, result }) => `${suite} ${way} ${result}`), ['S original pass', 'T fulcrum pass', 'S fulcrum fail'])
})

t.test('arguments', async (t) => {
  const suites = [{ name: 'S', tests: ['q-net', 'q-net-iscsi', 'T-14-HOOKS'] }]
  t.match(parseWords(['S', '--only', 'fulcrum', '--limit', '5', 'q-net', 'T-14'], suites), { suite: 'S', tests: ['q-net', 'T-14-HOOKS'], ways: ['fulcrum'], limitMinutes: 5, isReport: false })
  t.match(parseWords(['S'], suites), { tests: suites[0]?.tests, ways: ['original', 'fulcrum'], isJson: false })
  t.match(parseWords(['--report', '--json'], suites), { suite: null, isReport: true, isJson: true })
  for (const wrong of [[], ['X'], ['--report', 'X'], ['S', '--only', 'both'], ['S', '--limit', 'x'], ['S', '--fast']]) t.equal(parseWords(wrong, suites), null, wrong.join(' '))
  t.throws(() => parseWords(['S', 'T-15'], suites), { message: "Cannot find test 'T-15' in suite 'S': there are q-net, q-net-iscsi, T-14-HOOKS" })
})
