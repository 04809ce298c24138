// What `npm run bench -- build` measured, as data and as tables. There are no figures of it that may not get worse: it is
// this machine's time, not a guest's.
// Pure.

import { array, literal, number, object, string, type GenericSchema } from 'valibot'
import { CONDITIONS } from './conditions.ts'
import type { Conditions } from './conditions.ts'
import { markdownTable, table } from './table.ts'

export interface BuildRow {
  readonly name: string
  readonly cpuS: number
  readonly clockS: number
  readonly maxRssMiB: number
}

/** The section `build`. */
export interface BuildResults extends Conditions {
  readonly format: 1
  readonly kernel: string
  readonly runs: number
  /** How many tasks ran or wanted to, /proc/loadavg: before and after. */
  readonly load: readonly number[]
  readonly rows: readonly BuildRow[]
}

export const buildSchema: GenericSchema<unknown, BuildResults> = object({
  format: literal(1), ...CONDITIONS, kernel: string(), runs: number(), load: array(number()),
  rows: array(object({ name: string(), cpuS: number(), clockS: number(), maxRssMiB: number() })),
})

/** What the ratios are to. */
const FIRST = 'fulcrum host-only, warm'

const TITLES = ['', 'CPU s', 'ratio', 'clock s', 'MiB']

function cellsOf(results: BuildResults): string[][] {
  const base = (results.rows.find(({ name }) => name === FIRST) ?? results.rows[0])?.cpuS ?? Number.NaN
  return results.rows.map((it) => [it.name, it.cpuS.toFixed(2), (it.cpuS / base).toFixed(1), it.clockS.toFixed(2), it.maxRssMiB.toFixed(0)])
}

const howMeasured = (results: BuildResults): string =>
  `kernel ${results.kernel}, ${results.machine}; medians of ${results.runs}; load ${results.load.map((load) => load.toFixed(1)).join(' to ')}`

/** For a terminal. */
export function buildText(results: BuildResults): string {
  return `build, ${howMeasured(results)}\n\n${table(TITLES, cellsOf(results))}`
}

/** For docs/performance-scale.md. */
export function buildMarkdown(results: BuildResults): string {
  return `${howMeasured(results)}; ${results.date}:\n\n${markdownTable(TITLES, cellsOf(results).map(([name = '', ...rest]) => [name.startsWith('fulcrum') ? `**${name}**` : name, ...rest]))}`
}
