// The figures of a boot that may not get worse: sizes, times, memory, what is left over, the executable.
// A rebuilt image lies elsewhere in memory, which moves boot times by up to 12 ms each way, so times need a difference
// of 25 ms; sizes repeat to the byte. Memory is looked at for what is lost by the hundred: `keep` measures it. Pure.

import type { Figure, Unit } from './figures.ts'
import { isMeasured } from './results.ts'
import type { MeasuredRow, Results } from './results.ts'

const LAYOUT_MS = 25
const MEMORY_MIB = 1024
/** MemAvailable leaves out free pages in lists of the processors: 2 MiB in one boot, 53 in another. Exact: keep-results.ts. */
const MEMORY_FLOOR_MIB = 50
/** While PID 1 waits for the disk, a self-test of the kernel's ciphers may run, or not. */
const SELF_TEST_MS = 60

interface Kind {
  readonly name: string
  readonly of: (row: MeasuredRow) => number
  readonly floor: number
  readonly unit: Unit
  readonly ranked?: boolean
}

/** Memory of the guest that is not available: less is better, as with all others. */
const taken = (availableKiB: number): number => MEMORY_MIB - availableKiB / 1024

const KINDS: readonly Kind[] = [
  { name: 'packed size', of: (row) => row.packedBytes / 1e6, floor: 0, unit: 'MB', ranked: true },
  { name: 'unpacked size', of: (row) => row.unpackedBytes / 1e6, floor: 0, unit: 'MB' },
  { name: 'files', of: (row) => row.files, floor: 2, unit: '' },
  { name: 'unpack', of: (row) => row.unpack, floor: 1, unit: 'ms' },
  { name: 'kernel → /init', of: (row) => row.runInit, floor: LAYOUT_MS, unit: 'ms' },
  { name: '/init → root mounted', of: (row) => row.mounted - row.runInit, floor: SELF_TEST_MS, unit: 'ms' },
  { name: '/init → real init', of: (row) => row.realInit - row.runInit, floor: LAYOUT_MS, unit: 'ms' },
  { name: 'kernel → real init', of: (row) => row.realInit, floor: LAYOUT_MS, unit: 'ms', ranked: true },
  { name: 'memory taken at the real init', of: (row) => taken(row.availableThenKiB), floor: MEMORY_FLOOR_MIB, unit: 'MiB' },
  { name: 'memory taken 2 s later', of: (row) => taken(row.availableKiB), floor: MEMORY_FLOOR_MIB, unit: 'MiB' },
  { name: 'mounts left', of: (row) => row.mounts.length, floor: 0, unit: '' },
  { name: 'processes left', of: (row) => row.processes.length, floor: 0, unit: '' },
  { name: 'differences in the hand-over', of: (row) => row.differs.length, floor: 0, unit: '' },
]

/** Figures of our images, and the size of the executable. */
export function bootFigures(results: Results): Figure[] {
  const measured = results.rows.filter(isMeasured)
  const peers = measured.filter(({ ours }) => !ours)
  return [
    { row: 'dist/fulcrum', name: 'size', value: results.binaryBytes / 1e6, floor: 0, unit: 'MB' },
    ...measured.filter(({ ours }) => ours).flatMap((row) => KINDS.map(({ name, of, floor, unit, ranked }): Figure => ({
      row: row.name, name, value: of(row), floor, unit,
      ...(ranked === true ? { peers: new Map(peers.map((peer) => [peer.name, of(peer)])) } : {}),
    }))),
  ]
}
