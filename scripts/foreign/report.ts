// The tables of what came of foreign suites: of one invocation, and of the last run of each test in each way.
//
// Pure: text from records.

import type { Outcome, Way } from './suite.ts'

/** One run, as the cache keeps it. */
export interface Run extends Outcome {
  readonly suite: string
  /** Of the suite, such as '112-7'. */
  readonly version: string
  /** Day and minute in UTC, such as '2026-11-23 06:20'. */
  readonly date: string
}

export const WAYS: readonly Way[] = ['original', 'fulcrum']

/** '3 of 6 machines' for a test that did not come to its end after the machines that passed. */
function reached({ machines, result }: Outcome): string {
  const passed = machines.filter((it) => it.result === 'pass').length
  if (machines.length < 2) return ''
  return result === 'pass' ? `, ${machines.length} machines` : `, after ${passed} machines that passed`
}

function cell(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'not run'
  const unseen = outcome.way === 'fulcrum' && outcome.result === 'pass' && outcome.seen === false ? ', not by fulcrum' : ''
  return `${outcome.result}${unseen}${reached(outcome)} (${outcome.seconds.toFixed(0)} s)`
}

function table(rows: readonly (readonly string[])[]): string {
  return `${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`
}

/** A Markdown table, a row for each test and a column for each way, with the sums, and below it why what did not pass did not. */
export function formatTable(outcomes: readonly Outcome[], ways: readonly Way[]): string {
  const tests = [...new Set(outcomes.map(({ test }) => test))]
  const find = (test: string, way: Way): Outcome | undefined => outcomes.find((it) => it.test === test && it.way === way)
  const passes = ways.map((way) => `${outcomes.filter((it) => it.way === way && it.result === 'pass').length} of ${tests.length}`)
  const rows = [['test', ...ways], ['---', ...ways.map(() => '---')], ...tests.map((test) => [test, ...ways.map((way) => cell(find(test, way)))]), ['passed', ...passes]]
  const reasons = outcomes.filter(({ reason }) => reason !== null).map(({ test, way, reason }) => `- ${test}, ${way}: ${reason}\n`)
  return `${table(rows)}${reasons.length === 0 ? '' : `\n${reasons.join('')}`}`
}

/** The machines of the tests that boot more than one, each with its seconds. */
function formatMachines(runs: readonly Run[]): string {
  return runs.filter(({ machines }) => machines.length > 1).map(({ test, way, machines }) => {
    const each = machines.map(({ name, result, seconds, seen }) => `${name}: ${result}${way === 'fulcrum' && seen ? ', by fulcrum' : ''} (${seconds.toFixed(0)} s)`)
    return `- ${test}, ${way}: ${each.join('; ')}\n`
  }).join('')
}

/** The last run of each test in each way, a table for each suite, in the order of `tests`. */
export function formatReport(runs: readonly Run[], tests: readonly string[]): string {
  const inOrder = [...runs].sort((a, b) => tests.indexOf(a.test) - tests.indexOf(b.test))
  return [...new Set(inOrder.map(({ suite }) => suite))].map((suite) => {
    const own = inOrder.filter((it) => it.suite === suite)
    const when = table([['test', 'way', 'suite', 'run at (UTC)'], ['---', '---', '---', '---'], ...own.map(({ test, way, version, date }) => [test, way, version, date])])
    return `${suite}\n\n${formatTable(own, WAYS)}\n${formatMachines(own)}\n${when}`
  }).join('\n')
}

/** `runs` with `run` in the place of the earlier one of the same test and way. */
export function withRun(runs: readonly Run[], run: Run): Run[] {
  return [...runs.filter((it) => it.suite !== run.suite || it.test !== run.test || it.way !== run.way), run]
}
