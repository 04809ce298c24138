// What `npm run bench -- keep` measured, as data, as tables and as figures that may not get worse.
// What is kept is the difference to keep=none on the same kernel, so a row without that one has no such figure.
// Pure.

import { array, literal, number, object, string, type GenericSchema } from 'valibot'
import { CONDITIONS } from './conditions.ts'
import type { Conditions } from './conditions.ts'
import type { Figure } from './figures.ts'
import { MEMORY_SCHEMA } from './marks.ts'
import type { Memory } from './marks.ts'
import { markdownTable, table } from './table.ts'

export interface KeepRow {
  readonly kernel: string
  readonly keep: string
  /** Of the image. */
  readonly packedBytes: number
  readonly memory: Memory
  /** From the exec of /shutdown to the kernel's last word, virtual ms. */
  readonly shutdownMs: number
  /** What is wrong with the file system afterwards; empty if nothing is. */
  readonly complaints: readonly string[]
}

/** The section `keep`. */
export interface KeepResults extends Conditions {
  readonly format: 1
  readonly rows: readonly KeepRow[]
}

export const keepSchema: GenericSchema<unknown, KeepResults> = object({
  format: literal(1), ...CONDITIONS,
  rows: array(object({ kernel: string(), keep: string(), packedBytes: number(), memory: MEMORY_SCHEMA, shutdownMs: number(), complaints: array(string()) })),
})

export const keepKey = (row: KeepRow): string => `${row.kernel} ${row.keep}`

const judged = (row: KeepRow): string => (row.complaints.length === 0 ? 'clean' : row.complaints.join('; '))

function baseOf(results: KeepResults, row: KeepRow): KeepRow | undefined {
  return results.rows.find((it) => it.kernel === row.kernel && it.keep === 'none')
}

/** Memory that cannot be given back, MiB. */
function keptMiB(results: KeepResults, row: KeepRow): number | undefined {
  const base = baseOf(results, row)
  return base === undefined ? undefined : (row.memory.unevictable - base.memory.unevictable) / 1024
}

/** For a terminal. */
export function keepText(results: KeepResults): string {
  const mib = (kib: number | undefined): string => (kib === undefined ? '' : (kib / 1024).toFixed(1))
  const cells = results.rows.map((row) => {
    const base = baseOf(results, row)?.memory
    const { free, unevictable, shmem } = row.memory
    return [`${row.kernel} ${row.keep}`, ...(base === undefined ? ['', '', ''] : [mib(base.free - free), mib(unevictable - base.unevictable), mib(shmem - base.shmem)]),
      (row.packedBytes / 1e6).toFixed(1), row.shutdownMs.toFixed(0), judged(row)]
  })
  return `keep, ${results.machine}: virtual ms; memory in MiB against keep=none on the same kernel\n\n${
    table(['kernel, keep', 'MiB held', 'unevictable', 'shmem', 'image MB', '/shutdown → power down', 'file system'], cells)}`
}

/** For docs/performance.md: a column for each kernel. */
export function keepMarkdown(results: KeepResults): string {
  const kernels = [...new Set(results.rows.map(({ kernel }) => kernel))]
  const line = (title: string, of: (row: KeepRow) => string, keep: string): string[] =>
    [title, ...kernels.map((kernel) => results.rows.filter((row) => row.kernel === kernel && row.keep === keep).map(of).join(''))]
  const kept = (row: KeepRow): string => keptMiB(results, row)?.toFixed(1) ?? ''
  const ms = (row: KeepRow): string => row.shutdownMs.toFixed(0)
  return `${results.machine}, ${results.date}:\n\n${markdownTable(['', ...kernels], [
    line('kept by `full`, MiB', kept, 'full'),
    line('kept by `slim`, MiB', kept, 'slim'),
    line('exec of `/shutdown` → power down, `full`, ms', ms, 'full'),
    line('the same, `slim`', ms, 'slim'),
    line('the same root without an initramfs, by `poweroff -f`', ms, 'none'),
    line('image for `full`, MB', (row) => (row.packedBytes / 1e6).toFixed(1), 'full'),
    line('image for `slim`, MB', (row) => (row.packedBytes / 1e6).toFixed(1), 'slim'),
    line('file system afterwards, `full`', judged, 'full'),
    line('file system afterwards, `slim`', judged, 'slim'),
  ])}`
}

/** Two runs differ by 5 ms, a rebuilt image lies elsewhere. Kept memory repeats to the page. */
const SHUTDOWN_FLOOR_MS = 15
const KEPT_FLOOR_MIB = 0.1

/** Figures of what is kept; keep=none keeps nothing. */
export function keepFigures(results: KeepResults): Figure[] {
  return results.rows.filter(({ keep }) => keep !== 'none').flatMap((it): Figure[] => {
    const row = `keep=${it.keep} on ${it.kernel}`
    const kept = keptMiB(results, it)
    return [
      ...(kept === undefined ? [] : [{ row, name: 'memory kept', value: kept, floor: KEPT_FLOOR_MIB, unit: 'MiB' as const }]),
      { row, name: '/shutdown → power down', value: it.shutdownMs, floor: SHUTDOWN_FLOOR_MS, unit: 'ms' },
      { row, name: 'packed size', value: it.packedBytes / 1e6, floor: 0, unit: 'MB' },
      { row, name: 'complaints about the file system', value: it.complaints.length, floor: 0, unit: '' },
    ]
  })
}
