// What every section of docs/bench.json says about how it was measured, and reading JSON that may be damaged.
// Sections are measured apart from each other, so each has its own date. Pure.
// docs/bench.json: bench-file.ts

import { safeParse, string, type GenericSchema } from 'valibot'

export interface Conditions {
  /** When it was measured last, YYYY-MM-DD. */
  readonly date: string
  /** QEMU's version and the processor that it is; this machine's processor where no guest is measured. */
  readonly machine: string
}

export const CONDITIONS = { date: string(), machine: string() }

/** Data of that shape from JSON text. Throws with the place of the first thing that is missing or of another kind. */
export function parseResults<T>(schema: GenericSchema<unknown, T>, json: string): T {
  const data: unknown = JSON.parse(json)
  const result = safeParse(schema, data)
  if (result.success) return result.output
  const [issue] = result.issues
  const place = issue.path?.map(({ key }) => String(key)).join('.') ?? ''
  throw new Error(`Cannot read results: '${place}': ${issue.message}`)
}
