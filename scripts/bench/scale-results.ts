// What `npm run bench -- scale` measured, as data, as tables and as figures that may not get worse: how a cost grows, what
// one more costs, what the command costs with nothing to look at.
// Peers are the rows that are not ours; a peer's case says which case of ours it is compared with. Pure.

import { array, literal, nullable, number, object, picklist, string, type GenericSchema } from 'valibot'
import { CONDITIONS } from './conditions.ts'
import type { Conditions } from './conditions.ts'
import type { Figure } from './figures.ts'
import { CASES, SUBJECTS } from './scale-cases.ts'
import type { Subject } from './scale-cases.ts'
import { growthOf } from './scale-growth.ts'
import type { Growth } from './scale-growth.ts'
import { markdownTable, table } from './table.ts'

export interface Sample {
  readonly subject: Subject
  readonly count: number
  readonly name: string
  /** Millions of instructions. */
  readonly cost: number
  /** Of the process at its most; null for the switch. */
  readonly maxRssKiB: number | null
}

/** The section `scale`. */
export interface ScaleResults extends Conditions {
  readonly format: 1
  readonly kernel: string
  readonly rows: readonly Sample[]
}

export const scaleSchema: GenericSchema<unknown, ScaleResults> = object({
  format: literal(1), ...CONDITIONS, kernel: string(),
  rows: array(object({ subject: picklist(SUBJECTS), count: number(), name: string(), cost: number(), maxRssKiB: nullable(number()) })),
})

export const scaleKey = (row: Sample): string => `${row.subject} ${row.count} ${row.name}`

const unitOf = (subject: Subject): string => (subject === 'processes' ? 'processes' : 'mounts')

/** All that was measured of one command among one subject. */
interface Line extends Growth {
  readonly name: string
  readonly samples: readonly Sample[]
  /** That with the largest count. */
  readonly last: Sample
  readonly first: Sample
}

function linesOf(results: ScaleResults, subject: Subject): Line[] {
  const own = results.rows.filter((it) => it.subject === subject)
  return [...new Set(own.map(({ name }) => name))].flatMap((name) => {
    const samples = own.filter((it) => it.name === name).toSorted((a, b) => a.count - b.count)
    const [first, last] = [samples[0], samples.at(-1)]
    return first === undefined || last === undefined ? [] : [{ name, samples, first, last, ...growthOf(samples) }]
  })
}

const isOurs = (name: string): boolean => name.startsWith('fulcrum')

/** Titles and cells of one subject's table; none when it was not measured. */
function cellsOf(results: ScaleResults, subject: Subject): { readonly titles: readonly string[]; readonly rows: readonly (readonly string[])[] } | undefined {
  const lines = linesOf(results, subject)
  if (lines.length === 0) return undefined
  const counts = [...new Set(lines.flatMap(({ samples }) => samples.map(({ count }) => count)))].toSorted((a, b) => a - b)
  const rows = lines.map(({ name, samples, last, exponent, perItem }) => {
    const ours = lines.find((it) => it.name === CASES.find((one) => one.name === name)?.peerOf)?.samples.find(({ count }) => count === last.count)
    return [name, ...counts.map((count) => samples.find((it) => it.count === count)?.cost.toFixed(0) ?? ''),
      exponent?.toFixed(2) ?? 'none', perItem === null ? '' : `${Math.round(perItem * 1000) + 0}`,
      last.maxRssKiB === null ? '' : (last.maxRssKiB / 1024).toFixed(0), ours === undefined || exponent === null ? '' : (ours.cost / last.cost).toFixed(2)]
  })
  return { titles: [`${subject === 'carried' ? 'carried ' : ''}${unitOf(subject)}`, ...counts.map(String), 'exponent', 'thousand each', 'MiB', 'ours / it'], rows }
}

/** For a terminal. */
export function scaleText(results: ScaleResults): string {
  const tables = SUBJECTS.flatMap((subject) => {
    const cells = cellsOf(results, subject)
    return cells === undefined ? [] : [table(cells.titles, cells.rows)]
  })
  return `scale, kernel ${results.kernel}, ${results.machine}: millions of instructions\n\n${tables.join('\n')}`
}

/** For docs/performance-scale.md. */
export function scaleMarkdown(results: ScaleResults): string {
  const tables = SUBJECTS.flatMap((subject) => {
    const cells = cellsOf(results, subject)
    return cells === undefined ? [] : [markdownTable(cells.titles, cells.rows.map(([name = '', ...rest]) => [isOurs(name) ? `**${name}**` : name, ...rest]))]
  })
  return `Linux ${results.kernel}, ${results.machine}, ${results.date}; millions of instructions:\n\n${tables.join('\n\n')}`
}

const EXPONENT_FLOOR = 0.06
/** When V8 compiles and collects garbage is its own affair: the same command differed by up to 8 % between two rounds. */
const SHARE = 0.1
const COST_FLOOR = 12
const EACH_FLOOR = 12
const RSS_FLOOR_MIB = 6

/** Figures of our commands; the rank is among those that show the same at the largest count. */
export function scaleFigures(results: ScaleResults): Figure[] {
  return SUBJECTS.flatMap((subject) => {
    const lines = linesOf(results, subject)
    return lines.filter(({ name }) => isOurs(name)).flatMap(({ name, samples, first, last, exponent, perItem }): Figure[] => {
      const row = `${name}, ${subject}`
      const peers = new Map(lines.filter((it) => CASES.some((one) => one.name === it.name && one.peerOf === name) && it.last.count === last.count).map((it) => [it.name, it.last.cost]))
      return [
        { row, name: `at ${first.count}`, value: first.cost, floor: COST_FLOOR, unit: 'M instructions', share: SHARE },
        { row, name: `at ${last.count}`, value: last.cost, floor: COST_FLOOR, unit: 'M instructions', share: SHARE, ...(peers.size > 0 ? { peers } : {}) },
        ...(exponent === null ? [] : [{ row, name: `exponent of ${samples.map(({ count }) => count).join(', ')}`, value: exponent, floor: EXPONENT_FLOOR, unit: '' as const }]),
        ...(perItem === null ? [] : [{ row, name: `one more from ${samples.at(-2)?.count ?? 0} to ${last.count}`, value: perItem * 1000, floor: EACH_FLOOR, unit: 'thousand instructions' as const, share: SHARE }]),
        ...(last.maxRssKiB === null ? [] : [{ row, name: `memory at ${last.count}`, value: last.maxRssKiB / 1024, floor: RSS_FLOOR_MIB, unit: 'MiB' as const, share: SHARE }]),
      ]
    })
  })
}
