// `npm run bench`: sizes and boot times of our images beside peers, measured in one run on one kernel.
// Times are virtual milliseconds, a million instructions each (run-machine.ts). A rebuilt image moves them by up to
// 12 ms because the memory layout changes, so differences between images under 25 ms mean nothing. The same root,
// kernel and machine for all; who cannot be measured is a row that says why.

import { parseArgs } from 'node:util'
import { ensureKernel } from '../setup/kernel.ts'
import { benchDisk, bytesOf, kernelsOwn } from './bench-root.ts'
import { ensureFulcrum, guestConditions, progress, qemuVersion, runsOf, seriesOf } from './common.ts'
import { FINISH_OPTIONS, finish } from './finish.ts'
import { DEFAULT_SERIES, benchFull } from './full.ts'
import type { Candidate } from './images.ts'
import { ourImages } from './images.ts'
import { measuredRow } from './measured.ts'
import type { Conditions } from './measured.ts'
import { floorPeer, peers } from './peers.ts'
import type { Results, Row } from './results.ts'

export const BOOT_USAGE = `  [boot] [--kernel SERIES] [--compress METHOD]… [--runs N] [--only PATTERN] [--no-peers] [--quick] [--full] [--fresh]
      Sizes and boot times of our images beside peers; --quick: our default image beside the floor alone;
      --full: boots, keep (on all kernels unless one is named), shutdown, scale and build, one behind the other;
      --quick --full: the least of each: ours on one kernel, few counts, one run;
      --fresh: measures again what was measured before.`

async function rowOf(candidate: Candidate, ours: boolean, conditions: Conditions): Promise<Row> {
  try {
    return { ...(await measuredRow(candidate.get(), ours, conditions)), name: candidate.name }
  } catch (error) {
    if (ours) throw error
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { name: candidate.name, ours, absent: line }
  }
}

export interface BootWish {
  /** A series. */
  readonly kernel: string
  readonly compress: readonly string[]
  readonly runs: number
  readonly only: string
  readonly peers: boolean
  readonly quick: boolean
  readonly fresh: boolean
}

/** Boots every image that is wished for. */
export async function measureBoots(wish: BootWish): Promise<Results> {
  const fulcrum = ensureFulcrum()
  const kernel = ensureKernel(seriesOf(wish.kernel))
  const disk = benchDisk()
  let own: ReturnType<typeof kernelsOwn> | undefined
  const conditions: Conditions = { kernel, disk, qemu: qemuVersion(), runs: wish.runs, fresh: wish.fresh, kernelsOwn: () => (own ??= kernelsOwn(kernel, disk)) }
  const ours = ourImages(kernel, fulcrum, wish.compress)
  const pattern = new RegExp(wish.only)
  const chosen = [
    ...(wish.quick ? ours.slice(0, 1) : ours).map((candidate) => ({ candidate, ours: true })),
    ...(!wish.peers ? [] : wish.quick ? [floorPeer(kernel)] : peers(kernel)).map((candidate) => ({ candidate, ours: false })),
  ].filter(({ candidate }) => pattern.test(candidate.name))
  const rows: Row[] = []
  for (const [at, one] of chosen.entries()) {
    progress(`boot: ${at + 1} of ${chosen.length}: ${one.candidate.name}`)
    rows.push(await rowOf(one.candidate, one.ours, conditions))
  }
  progress('')
  return { format: 1, ...guestConditions(), kernel: kernel.release, binaryBytes: bytesOf(fulcrum), rows }
}

/** Measures and prints. `args` are the arguments without the word `boot`. */
export async function benchBoot(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string' },
      compress: { type: 'string', multiple: true, default: ['lz4', 'none', 'zstd', 'gzip'] },
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      'no-peers': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      ...FINISH_OPTIONS,
    },
  })
  const { compress, only, quick, fresh, kernel } = values
  const wish = { kernel: kernel ?? DEFAULT_SERIES, compress, runs: runsOf(values.runs), only, peers: !values['no-peers'], quick, fresh }
  if (!values.full) finish({ boot: await measureBoots(wish) }, values)
  else await benchFull(() => measureBoots(wish), values)
}
