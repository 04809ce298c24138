// What `npm run bench` measured of boots, as data: the rows, what is computed from them, and reading them back from JSON.
// A peer that could not be had is a row that says why. Pure: no figure is made up, one that is missing is undefined.
// Times are virtual milliseconds since the kernel's clock started, sizes bytes, unless said otherwise.

import { array, boolean, exactOptional, literal, number, object, string, union, type GenericSchema } from 'valibot'
import { CONDITIONS, parseResults } from './conditions.ts'
import type { Conditions } from './conditions.ts'

/** A span of a boot, one behind the other. */
export interface Span {
  readonly name: string
  readonly ms: number
}

/** Virtual milliseconds since the kernel's clock started, unless said otherwise. */
export interface BootTimes {
  /** When the kernel begins to unpack the image, and how long it does. */
  readonly unpackAt: number
  readonly unpack: number
  /** The kernel starts /init of the image. */
  readonly runInit: number
  /** The kernel says that the root's file system is mounted. */
  readonly mounted: number
  /** The first instruction of the real root's init. */
  readonly realInit: number
  /** MemAvailable then and two seconds later, KiB. */
  readonly availableThenKiB: number
  readonly availableKiB: number
}

export interface MeasuredRow extends BootTimes {
  readonly name: string
  readonly ours: boolean
  readonly note?: string
  readonly packedBytes: number
  readonly unpackedBytes: number
  readonly files: number
  readonly mounts: readonly string[]
  readonly processes: readonly string[]
  /** What the real init inherited that the kernel would not have left so, a line each. */
  readonly differs: readonly string[]
  /** Where the time goes, of ours only; the sum is `realInit`. */
  readonly spans?: readonly Span[]
}

export interface AbsentRow {
  readonly name: string
  readonly ours: boolean
  readonly absent: string
}

export type Row = MeasuredRow | AbsentRow

/** The section `boot`: our images and their peers on one kernel. */
export interface Results extends Conditions {
  readonly format: 1
  readonly kernel: string
  /** Of dist/fulcrum. */
  readonly binaryBytes: number
  readonly rows: readonly Row[]
}

export function isMeasured(row: Row): row is MeasuredRow {
  return !('absent' in row)
}

/** One virtual millisecond, a million instructions, on a real machine: 0.13 to 0.2. */
export const REAL_MS = 0.15

/** How long a boot loader takes to read the image, real ms. */
export function loadMs(bytes: number, bytesPerSecond: number): number {
  return bytes / bytesPerSecond * 1000
}

/** From the boot loader's first byte to the real init, real ms: the trade between a small image and one that unpacks fast. */
export function totalMs(row: Pick<MeasuredRow, 'packedBytes' | 'realInit'>, bytesPerSecond: number): number {
  return loadMs(row.packedBytes, bytesPerSecond) + row.realInit * REAL_MS
}

const measuredSchema: GenericSchema<unknown, MeasuredRow> = object({
  name: string(), ours: boolean(), note: exactOptional(string()), packedBytes: number(), unpackedBytes: number(), files: number(),
  unpackAt: number(), unpack: number(), runInit: number(), mounted: number(), realInit: number(),
  availableThenKiB: number(), availableKiB: number(), mounts: array(string()), processes: array(string()), differs: array(string()),
  spans: exactOptional(array(object({ name: string(), ms: number() }))),
})

const absentSchema: GenericSchema<unknown, AbsentRow> = object({ name: string(), ours: boolean(), absent: string() })

export const bootSchema: GenericSchema<unknown, Results> = object({
  format: literal(1), ...CONDITIONS, kernel: string(), binaryBytes: number(),
  rows: array(union([absentSchema, measuredSchema])),
})

/** Measured rows of a file that has more besides (measured.ts). Throws when something is missing. */
export function parseMeasuredRows(json: string): readonly MeasuredRow[] {
  return parseResults(object({ rows: array(measuredSchema) }), json).rows
}
