// What `npm run bench -- shutdown` measured, as data, as tables and as figures that may not get worse.
// Everything is beside the first case, whose machine nobody comes back into. Pure.
// systemd-shutdown(8)

import { array, boolean, literal, number, object, string, type GenericSchema } from 'valibot'
import { CONDITIONS } from './conditions.ts'
import type { Conditions } from './conditions.ts'
import type { Figure } from './figures.ts'
import { MEMORY_SCHEMA } from './marks.ts'
import type { Memory, ShutdownTimes } from './marks.ts'
import { markdownTable, table } from './table.ts'

export interface ShutdownRow extends ShutdownTimes {
  readonly name: string
  readonly ours: boolean
  readonly memory: Memory
  /** Whether somebody comes back into it, or means to. */
  readonly exitrd: boolean
  /** What is wrong with the file system afterwards; empty if nothing is. */
  readonly complaints: readonly string[]
}

/** The section `shutdown`. */
export interface ShutdownResults extends Conditions {
  readonly format: 1
  readonly kernel: string
  readonly rows: readonly ShutdownRow[]
}

export const shutdownSchema: GenericSchema<unknown, ShutdownResults> = object({
  format: literal(1), ...CONDITIONS, kernel: string(),
  rows: array(object({
    name: string(), ours: boolean(), asked: number(), shutdownStarts: number(), powerDown: number(), shmemThen: number(),
    memory: MEMORY_SCHEMA, exitrd: boolean(), complaints: array(string()),
  })),
})

/** The case that the others are compared with. */
export const NOBODY = 'busybox switch_root, no exitrd'

/** From the request to the end, virtual ms. */
export const total = (row: ShutdownTimes): number => row.powerDown - row.asked

const judged = (row: ShutdownRow): string => (row.complaints.length === 0 ? 'clean' : row.complaints.join('; '))
const nobodyOf = (results: ShutdownResults): ShutdownRow | undefined => results.rows.find(({ name }) => name === NOBODY)
/** Memory that cannot be given back while the machine runs, and what is in /run when systemd-shutdown starts, MiB. */
const heldMiB = (row: ShutdownRow, base: ShutdownRow): number => (row.memory.unevictable - base.memory.unevictable) / 1024
const thenMiB = (row: ShutdownRow, base: ShutdownRow): number => Math.max(0, row.shmemThen - base.shmemThen) / 1024

const ms = (value: number): string => value.toFixed(0)

/** For a terminal. */
export function shutdownText(results: ShutdownResults): string {
  const base = nobodyOf(results)
  const cells = results.rows.map((row) => [row.name, ms(row.shutdownStarts - row.asked), ms(row.powerDown - row.shutdownStarts), ms(total(row)),
    ...(base === undefined ? ['', '', '', ''] : [ms(total(row) - total(base)), ((base.memory.free - row.memory.free) / 1024).toFixed(1), heldMiB(row, base).toFixed(1), thenMiB(row, base).toFixed(1)]),
    judged(row)])
  return `shutdown, kernel ${results.kernel}, ${results.machine}: virtual ms; memory at multi-user and in /run against '${NOBODY}'\n\n${
    table(['initramfs', 'poweroff → systemd-shutdown', '→ power down', 'in all', 'more than none', 'MiB held', 'of these unevictable', 'MiB in /run then', 'file system'], cells)}`
}

/** For docs/performance.md. */
export function shutdownMarkdown(results: ShutdownResults): string {
  const base = nobodyOf(results)
  const more = (row: ShutdownRow): string => (base === undefined || row === base ? '' : `${((total(row) - total(base)) / 1000).toFixed(2)} s`)
  const cells = results.rows.map((row) => [row.ours ? `**${row.name}**` : row.name, ms(row.shutdownStarts - row.asked), ms(row.powerDown - row.shutdownStarts), ms(total(row)),
    more(row), ...(base === undefined ? ['', ''] : [heldMiB(row, base).toFixed(0), thenMiB(row, base).toFixed(0)]), judged(row)])
  return `Linux ${results.kernel}, ${results.machine}, ${results.date}; virtual ms:\n\n${
    markdownTable(['initramfs, and whose exitrd', 'units stop', 'systemd-shutdown → off', 'in all', 'more than none', 'MiB held', 'MiB in /run then', 'file system'], cells)}`
}

/** A rebuilt image lies elsewhere in memory; in front of systemd-shutdown units stop in another order too, twice 25 ms. */
const FLOOR_MS = 25
const UNITS_FLOOR_MS = 60
const HELD_FLOOR_MIB = 0.5

/** Figures of ours. What others need is beside it: who comes back at all has a rank. */
export function shutdownFigures(results: ShutdownResults): Figure[] {
  const base = nobodyOf(results)
  const peers = new Map(results.rows.filter(({ ours, exitrd }) => !ours && exitrd).map((row) => [row.name, total(row)]))
  return results.rows.filter(({ ours }) => ours).flatMap((it): Figure[] => [
    { row: it.name, name: 'systemd-shutdown → power down', value: it.powerDown - it.shutdownStarts, floor: FLOOR_MS, unit: 'ms' },
    { row: it.name, name: 'poweroff → power down', value: total(it), floor: UNITS_FLOOR_MS, unit: 'ms', ...(it.exitrd ? { peers } : {}) },
    ...(base === undefined ? [] : [
      { row: it.name, name: 'more than without an exitrd', value: total(it) - total(base), floor: UNITS_FLOOR_MS, unit: 'ms' as const },
      { row: it.name, name: 'memory held', value: heldMiB(it, base), floor: HELD_FLOOR_MIB, unit: 'MiB' as const },
    ]),
    { row: it.name, name: 'complaints about the file system', value: it.complaints.length, floor: 0, unit: '' },
  ])
}
