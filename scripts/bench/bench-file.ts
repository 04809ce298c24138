// docs/bench.json: everything of ours that was measured for the last release, and peers beside it, a section for each
// bench. Sections are written and read alone, because nobody measures all of them every time; each has its own format.
// Also what --json writes. Pure.

import { exactOptional, literal, object, type GenericSchema } from 'valibot'
import { buildSchema } from './build-results.ts'
import type { BuildResults } from './build-results.ts'
import { parseResults } from './conditions.ts'
import type { Conditions } from './conditions.ts'
import { keepKey, keepSchema } from './keep-results.ts'
import type { KeepResults } from './keep-results.ts'
import { bootSchema } from './results.ts'
import type { Results } from './results.ts'
import { scaleKey, scaleSchema } from './scale-results.ts'
import type { ScaleResults } from './scale-results.ts'
import { shutdownSchema } from './shutdown-results.ts'
import type { ShutdownResults } from './shutdown-results.ts'

export interface Sections {
  readonly boot?: Results
  readonly keep?: KeepResults
  readonly shutdown?: ShutdownResults
  readonly scale?: ScaleResults
  readonly build?: BuildResults
}

export const SECTION_NAMES = ['boot', 'keep', 'shutdown', 'scale', 'build'] as const
export type SectionName = (typeof SECTION_NAMES)[number]

const FORMAT = 2

const schema: GenericSchema<unknown, { readonly sections: Sections }> = object({
  format: literal(FORMAT),
  sections: object({
    boot: exactOptional(bootSchema), keep: exactOptional(keepSchema), shutdown: exactOptional(shutdownSchema),
    scale: exactOptional(scaleSchema), build: exactOptional(buildSchema),
  }),
})

/** Sections from JSON text. Throws when something is missing. */
export function parseBenchFile(json: string): Sections {
  return parseResults(schema, json).sections
}

/** The file's text: one line for each row, numbers to three decimals. */
export function benchFileText(sections: Sections): string {
  const rounded = (key: string, value: unknown): unknown => (typeof value === 'number' && key !== 'format' ? Math.round(value * 1000) / 1000 : value)
  const texts = SECTION_NAMES.flatMap((name) => {
    const section = sections[name]
    if (section === undefined) return []
    const { rows, ...head } = section
    const lines = rows.map((row: unknown) => `  ${JSON.stringify(row, rounded)}`)
    return [`"${name}":${JSON.stringify({ ...head, rows: [] }).slice(0, -2)}\n${lines.join(',\n')}\n]}`]
  })
  return `{"format":${FORMAT},"sections":{\n${texts.join(',\n')}\n}}\n`
}

/** Why two measurements of one section cannot be compared, or undefined. */
export function incomparable(before: Conditions & { readonly kernel?: string }, now: Conditions & { readonly kernel?: string }): string | undefined {
  if (before.kernel !== now.kernel) return `the committed results are of kernel ${before.kernel ?? ''}, these of ${now.kernel ?? ''}`
  if (before.machine !== now.machine) return `the committed results are of ${before.machine}, these of ${now.machine}`
  return undefined
}

type Section<Row> = Conditions & { readonly kernel?: string; readonly rows: readonly Row[] }

/** What was measured now, in the order that the rows had, and what only the older results have. */
function joinedSection<Row, S extends Section<Row>>(before: S | undefined, now: S, keyOf: (row: Row) => string): S {
  if (before === undefined || incomparable(before, now) !== undefined) return now
  const fresh = new Map(now.rows.map((row) => [keyOf(row), row]))
  const old = new Set(before.rows.map(keyOf))
  return { ...now, rows: [...before.rows.map((row) => fresh.get(keyOf(row)) ?? row), ...now.rows.filter((row) => !old.has(keyOf(row)))] }
}

/** The sections of now, each with the rows that only `before` has; a section that was not measured now stays as it was. */
export function joined(before: Sections, now: Sections): Sections {
  const byName = (row: { readonly name: string }): string => row.name
  return {
    ...before,
    ...(now.boot === undefined ? {} : { boot: joinedSection(before.boot, now.boot, byName) }),
    ...(now.keep === undefined ? {} : { keep: joinedSection(before.keep, now.keep, keepKey) }),
    ...(now.shutdown === undefined ? {} : { shutdown: joinedSection(before.shutdown, now.shutdown, byName) }),
    ...(now.scale === undefined ? {} : { scale: joinedSection(before.scale, now.scale, scaleKey) }),
    ...(now.build === undefined ? {} : { build: now.build }),
  }
}
