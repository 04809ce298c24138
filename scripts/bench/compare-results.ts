// The regression guard: which of our figures got worse since the committed results, and which peers overtook us.
// Figures in virtual time and sizes repeat, so 2 % is a change; but a rebuilt image lies elsewhere in memory, which
// moves boot times by up to 12 ms each way, so times also need a difference of 25 ms. Pure.

import { isMeasured } from './results.ts'
import type { MeasuredRow, Results } from './results.ts'

/** A figure that may not grow by more than a share of itself and more than `floor`. */
interface Figure {
  readonly name: string
  readonly of: (row: MeasuredRow) => number
  readonly floor: number
  readonly show: (value: number) => string
}

const SHARE = 0.02
const LAYOUT_MS = 25
const MIB_KIB = 1024

const ms = (value: number): string => `${value.toFixed(1)} ms`
const mb = (value: number): string => `${(value / 1e6).toFixed(2)} MB`
const plain = (value: number): string => `${value}`
/** Memory of the guest that is not available, of 1 GiB: lower is better, as with all others. */
const takenKiB = (available: number): number => 1024 * MIB_KIB - available

const FIGURES: readonly Figure[] = [
  { name: 'packed size', of: (row) => row.packedBytes, floor: 0, show: mb },
  { name: 'unpacked size', of: (row) => row.unpackedBytes, floor: 0, show: mb },
  { name: 'files', of: (row) => row.files, floor: 2, show: plain },
  { name: 'unpack', of: (row) => row.unpack, floor: 1, show: ms },
  { name: 'kernel → /init', of: (row) => row.runInit, floor: LAYOUT_MS, show: ms },
  { name: '/init → root mounted', of: (row) => row.mounted - row.runInit, floor: LAYOUT_MS, show: ms },
  { name: '/init → real init', of: (row) => row.realInit - row.runInit, floor: LAYOUT_MS, show: ms },
  { name: 'kernel → real init', of: (row) => row.realInit, floor: LAYOUT_MS, show: ms },
  { name: 'memory taken at the real init', of: (row) => takenKiB(row.availableThenKiB), floor: 2 * MIB_KIB, show: (kib) => `${(kib / MIB_KIB).toFixed(1)} MiB` },
  { name: 'memory taken 2 s later', of: (row) => takenKiB(row.availableKiB), floor: 2 * MIB_KIB, show: (kib) => `${(kib / MIB_KIB).toFixed(1)} MiB` },
  { name: 'mounts left', of: (row) => row.mounts.length, floor: 0, show: plain },
  { name: 'processes left', of: (row) => row.processes.length, floor: 0, show: plain },
  { name: 'differences in the hand-over', of: (row) => row.differs.length, floor: 0, show: plain },
]

/** What has a rank among the peers. */
const RANKED: readonly Figure[] = FIGURES.filter(({ name }) => name === 'kernel → real init' || name === 'packed size')

function measured(results: Results, ours: boolean): MeasuredRow[] {
  return results.rows.filter(isMeasured).filter((row) => row.ours === ours)
}

/** Peers that are ahead of a row in a figure by more than its floor. */
function ahead(peers: readonly MeasuredRow[], row: MeasuredRow, figure: Figure, floor: number): Set<string> {
  return new Set(peers.filter((peer) => figure.of(peer) < figure.of(row) - floor).map(({ name }) => name))
}

/** What got worse, a line each; empty when nothing did. Rows that only one of both has are not compared. */
export function regressions(before: Results, now: Results): string[] {
  return measured(now, true).flatMap((row) => {
    const old = measured(before, true).find(({ name }) => name === row.name)
    if (old === undefined) return []
    const worse = FIGURES.flatMap((figure) => {
      const [was, is] = [figure.of(old), figure.of(row)]
      if (is - was <= Math.max(figure.floor, was * SHARE)) return []
      const share = was === 0 ? '' : ` (+${((is / was - 1) * 100).toFixed(1)} %)`
      return [`${row.name}: ${figure.name} ${figure.show(was)} → ${figure.show(is)}${share}`]
    })
    const overtaken = RANKED.flatMap((figure) => {
      const then = ahead(measured(before, false), old, figure, 0)
      const known = new Set(measured(before, false).map(({ name }) => name))
      return [...ahead(measured(now, false), row, figure, figure.floor)]
        .filter((name) => known.has(name) && !then.has(name))
        .map((name) => `${row.name}: ${figure.name} is behind '${name}' now`)
    })
    return [...worse, ...overtaken]
  })
}

/** Why two sets of results cannot be compared, or undefined. */
export function incomparable(before: Results, now: Results): string | undefined {
  if (before.kernel !== now.kernel) return `the committed results are of kernel ${before.kernel}, these of ${now.kernel}`
  if (before.qemu !== now.qemu) return `the committed results are of ${before.qemu}, these of ${now.qemu}`
  return undefined
}
