// What a suite of others is to `npm run foreign`, and the table of what came of it.
//
// Pure but for nothing: types and text.

/** With the program that the suite is of, or with ours in its place. */
export type Way = 'original' | 'fulcrum'

export interface Outcome {
  readonly test: string
  readonly way: Way
  /** `skip`: the suite says itself that it cannot run here. */
  readonly result: 'pass' | 'fail' | 'skip'
  readonly seconds: number
  /** What the test said, kept after a failure. */
  readonly log: string | null
  /** Whether fulcrum was seen at work; null where the test does not show it. */
  readonly seen: boolean | null
}

export interface Suite {
  readonly name: string
  readonly what: string
  readonly tests: readonly string[]
  /** Runs one test to its end. Throws Error when the suite cannot be had. */
  run(test: string, way: Way): Outcome
}

function cell(outcome: Outcome | undefined): string {
  if (outcome === undefined) return ''
  const unseen = outcome.way === 'fulcrum' && outcome.result === 'pass' && outcome.seen === false ? ', not by fulcrum' : ''
  return `${outcome.result}${unseen} (${outcome.seconds.toFixed(0)} s)`
}

/** A Markdown table, a row for each test and a column for each way, with the sums. */
export function formatTable(outcomes: readonly Outcome[], ways: readonly Way[]): string {
  const tests = [...new Set(outcomes.map(({ test }) => test))]
  const find = (test: string, way: Way): Outcome | undefined => outcomes.find((it) => it.test === test && it.way === way)
  const passes = ways.map((way) => `${outcomes.filter((it) => it.way === way && it.result === 'pass').length} of ${tests.length}`)
  const rows = [['test', ...ways], ['---', ...ways.map(() => '---')], ...tests.map((test) => [test, ...ways.map((way) => cell(find(test, way)))]), ['passed', ...passes]]
  return `${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`
}
