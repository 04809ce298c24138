// A boot that was measured once on this machine need not be measured again: the same bytes on the same kernel, disk,
// QEMU and processor execute the same instructions. Kept in the cache under a hash of all these, so that a bench after
// a change boots only what changed. `--fresh` measures anew.

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { readImage, summarizeImage } from '../../initrd-builder/index.ts'
import type { DiskImage } from '../../qemu-tests/harness/disk-images.ts'
import type { Fingerprint } from '../../qemu-tests/harness/fingerprint.ts'
import { cacheDirectory, makeAtomically } from '../setup/cache.ts'
import type { Kernel } from '../setup/kernel.ts'
import { bootMachine } from './bench-root.ts'
import type { BenchImage } from './images.ts'
import { measureBest, strayHandOver } from './measure-boot.ts'
import { parseMeasuredRows } from './results.ts'
import type { MeasuredRow } from './results.ts'
import { BENCH_CPU } from './run-machine.ts'
import { spansOf } from './spans.ts'

export interface Conditions {
  readonly kernel: Kernel
  readonly disk: DiskImage
  /** What the kernel hands an init that it starts itself. Asked for only when a boot is measured. */
  readonly kernelsOwn: () => Fingerprint
  readonly qemu: string
  readonly runs: number
  readonly fresh: boolean
}

function keyOf(image: BenchImage, conditions: Conditions): string {
  const hash = createHash('sha256').update(fs.readFileSync(image.path))
  // The number changes when what is read from a boot does.
  hash.update(JSON.stringify([1, image.append ?? '', conditions.kernel.release, path.basename(conditions.disk.path), conditions.qemu, BENCH_CPU, conditions.runs]))
  return hash.digest('hex').slice(0, 24)
}

type Measurement = Omit<MeasuredRow, 'name' | 'ours' | 'note'>

async function measure(image: BenchImage, conditions: Conditions): Promise<Measurement> {
  const summary = summarizeImage(await readImage(image.path))
  const { fingerprint, record, ...rest } = measureBest(bootMachine(image, conditions.kernel, conditions.disk), conditions.runs)
  const spans = spansOf(rest, record)
  return { packedBytes: summary.bytes, unpackedBytes: summary.unpacked, files: summary.segments.reduce((sum, { entries }) => sum + entries, 0), ...rest,
    differs: strayHandOver(conditions.kernelsOwn(), fingerprint), ...(spans === undefined ? {} : { spans }) }
}

/** The row of an image, from the cache if it is there. */
export async function measuredRow(image: BenchImage, ours: boolean, conditions: Conditions): Promise<MeasuredRow> {
  const { name, note } = image
  const own = { name, ours, ...(note === undefined ? {} : { note }) }
  const file = path.join(cacheDirectory('bench', 'measured'), `${keyOf(image, conditions)}.json`)
  if (!conditions.fresh && fs.existsSync(file)) {
    const [row] = parseMeasuredRows(fs.readFileSync(file, 'utf8'))
    if (row !== undefined) return { ...row, ...own }
  }
  const row: MeasuredRow = { ...own, ...(await measure(image, conditions)) }
  const { note: _, ...kept } = row
  makeAtomically(file, (temporary) => fs.writeFileSync(temporary, JSON.stringify({ rows: [kept] })))
  return row
}
