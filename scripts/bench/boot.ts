// `npm run bench`: sizes and boot times of our images beside peers, measured in one run on one kernel.
// Times are virtual milliseconds, a million instructions each (run-machine.ts). A rebuilt image moves them by up to
// 12 ms because the memory layout changes, so differences between images under 25 ms mean nothing. The same root,
// kernel and machine for all; who cannot be measured is a row that says why.

import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from '../../bundle/project.ts'
import { ensureKernel } from '../setup/kernel.ts'
import { runTool } from '../setup/run-tool.ts'
import { benchDisk, bytesOf, kernelsOwn } from './bench-root.ts'
import { bootText } from './boot-tables.ts'
import { benchBuild } from './build-time.ts'
import { ensureFulcrum, runsOf, seriesOf } from './common.ts'
import { incomparable, regressions } from './compare-results.ts'
import type { Candidate } from './images.ts'
import { ourImages } from './images.ts'
import { benchKeep } from './keep.ts'
import { measuredRow } from './measured.ts'
import type { Conditions } from './measured.ts'
import { floorPeer, peers } from './peers.ts'
import { isMeasured, parseResults, resultsText } from './results.ts'
import type { Results, Row } from './results.ts'
import { benchShutdown } from './shutdown.ts'
import { writeDocs } from './write-docs.ts'

export const BOOT_USAGE = `  [boot] [--kernel SERIES] [--compress METHOD]… [--runs N] [--only PATTERN] [--no-peers] [--quick] [--full] [--fresh]
      Sizes and boot times of our images beside peers; --quick: our default image beside the floor alone;
      --full: the benches of keep, shutdown and build behind it; --fresh: measures again what was measured before.
      --json FILE     writes what was measured ('-' to standard output)
      --check         compares with docs/bench.json; exit status 1 if a figure got worse or lost its rank
      --write-docs    writes docs/bench.json, docs/bench-*.svg and the table in docs/performance.md`

const COMMITTED = path.join(projectRoot, 'docs/bench.json')

/** Progress, for a person who waits. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

async function rowOf(candidate: Candidate, ours: boolean, conditions: Conditions): Promise<Row> {
  try {
    return { ...(await measuredRow(candidate.get(), ours, conditions)), name: candidate.name }
  } catch (error) {
    if (ours) throw error
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { name: candidate.name, ours, absent: line }
  }
}

/** Says what got worse than the committed results; false if something did. */
function check(results: Results): boolean {
  const before = parseResults(fs.readFileSync(COMMITTED, 'utf8'))
  const why = incomparable(before, results)
  if (why !== undefined) throw new Error(`Cannot compare: ${why}; measure anew with --write-docs`)
  const worse = regressions(before, results)
  const compared = results.rows.filter((row) => row.ours && isMeasured(row) && before.rows.some(({ name }) => name === row.name)).length
  process.stdout.write(worse.length === 0 ? `Nothing got worse in ${compared} images of ours.\n` : `Got worse:\n${worse.map((line) => `  ${line}\n`).join('')}`)
  return worse.length === 0
}

/** Measures and prints. `args` are the arguments without the word `boot`. */
export async function benchBoot(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string', default: '6.12' },
      compress: { type: 'string', multiple: true, default: ['lz4', 'none', 'zstd', 'gzip'] },
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      'no-peers': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
    },
  })
  const fulcrum = ensureFulcrum()
  const kernel = ensureKernel(seriesOf(values.kernel))
  const disk = benchDisk()
  const qemu = runTool('qemu-system-x86_64', ['--version']).split('\n')[0]?.replace(/ version | \(.*/g, ' ').trim() ?? 'QEMU'
  let own: ReturnType<typeof kernelsOwn> | undefined
  const conditions: Conditions = { kernel, disk, qemu, runs: runsOf(values.runs), fresh: values.fresh, kernelsOwn: () => (own ??= kernelsOwn(kernel, disk)) }
  const ours = ourImages(kernel, fulcrum, values.compress)
  const pattern = new RegExp(values.only)
  const chosen = [
    ...(values.quick ? ours.slice(0, 1) : ours).map((candidate) => ({ candidate, ours: true })),
    ...(values['no-peers'] ? [] : values.quick ? [floorPeer(kernel)] : peers(kernel)).map((candidate) => ({ candidate, ours: false })),
  ].filter(({ candidate }) => pattern.test(candidate.name))
  const rows: Row[] = []
  for (const [at, one] of chosen.entries()) {
    progress(`${at + 1} of ${chosen.length}: ${one.candidate.name}`)
    rows.push(await rowOf(one.candidate, one.ours, conditions))
  }
  progress('')
  const results: Results = { format: 1, kernel: kernel.release, qemu, binaryBytes: bytesOf(fulcrum), rows }
  if (values.json === undefined || values.json !== '-') process.stdout.write(bootText(results))
  if (values.json === '-') process.stdout.write(resultsText(results))
  else if (values.json !== undefined) fs.writeFileSync(values.json, resultsText(results))
  if (values.full) {
    process.stdout.write('\nKeep\n')
    benchKeep(['--kernel', values.kernel])
    process.stdout.write('\nShutdown\n')
    benchShutdown(['--kernel', values.kernel])
    process.stdout.write('\nBuild\n')
    benchBuild(['--kernel', values.kernel])
  }
  if (values.check && !check(results)) process.exitCode = 1
  if (values['write-docs']) writeDocs(results)
}
