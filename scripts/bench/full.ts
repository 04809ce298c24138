// `npm run bench -- --full`: every bench whose figures are committed, one behind the other, as one result.
// One that fails is told and does not stop the others; the exit status is 111 then, whatever --check finds.
// What it leaves out is `spawn`, which takes half an hour and has no committed figures.

import { KERNEL_SERIES } from '../setup/kernel.ts'
import type { Sections } from './bench-file.ts'
import { measureBuild } from './build-time.ts'
import { progress } from './common.ts'
import { finish, say } from './finish.ts'
import type { Finish } from './finish.ts'
import { EVERY_KEEP, measureKeep } from './keep.ts'
import type { Results } from './results.ts'
import { EVERY_COUNT, measureScale } from './scale.ts'
import { SUBJECTS } from './scale-cases.ts'
import { NOBODY } from './shutdown-results.ts'
import { measureShutdown } from './shutdown.ts'

export const DEFAULT_SERIES = '6.12'

/** What --quick leaves of the benches behind the boots: ours on one kernel, beside what it is compared with. */
const QUICK = { runs: 1, shutdown: `^(${NOBODY}|fulcrum.*)$`, counts: ['0', '100', '1000'], build: '^fulcrum host-only' }

export interface FullWish extends Finish {
  /** A kernel's series; undefined: each bench's own. */
  readonly kernel?: string | undefined
  readonly quick: boolean
  /** Peers do not make images. */
  readonly 'no-peers': boolean
}

/** `boot` measures the boots. */
export async function benchFull(boot: () => Promise<Results>, wish: FullWish): Promise<void> {
  const { quick } = wish
  const kernel = wish.kernel ?? DEFAULT_SERIES
  const kernels = wish.kernel === undefined && !quick ? KERNEL_SERIES : [kernel]
  const [common, runs, counts] = [{ kernel, console: undefined }, quick ? QUICK.runs : 2, quick ? QUICK.counts : EVERY_COUNT]
  const parts: readonly { readonly name: string; readonly run: () => Promise<Sections> }[] = [
    { name: 'boot', run: async () => ({ boot: await boot() }) },
    { name: 'keep', run: async () => ({ keep: measureKeep({ ...common, kernels, keeps: EVERY_KEEP, runs, append: '' }) }) },
    { name: 'shutdown', run: async () => ({ shutdown: measureShutdown({ ...common, runs, only: quick ? QUICK.shutdown : '', append: '', detail: false }) }) },
    { name: 'scale', run: async () => ({ scale: measureScale({ ...common, subjects: SUBJECTS, counts: counts.map(Number), only: '', times: runs }) }) },
    { name: 'build', run: async () => ({ build: measureBuild({ kernel, runs: quick ? QUICK.runs : 3, only: quick ? QUICK.build : '', peers: !wish['no-peers'] }) }) },
  ]
  let sections: Sections = {}
  const [took, failed]: [string[], string[]] = [[], []]
  const begin = Date.now()
  for (const { name, run } of parts) {
    const from = Date.now()
    try {
      sections = { ...sections, ...(await run()) }
    } catch (error) {
      progress('')
      failed.push(name)
      process.stderr.write(`bench: ${name}: ${error instanceof Error ? error.message : String(error)}\n`)
    }
    took.push(`${name} ${((Date.now() - from) / 1000).toFixed(0)} s`)
  }
  finish(sections, wish)
  say(wish, `\nTook ${((Date.now() - begin) / 60_000).toFixed(1)} min: ${took.join(', ')}.\n${failed.length === 0 ? '' : `Failed: ${failed.join(', ')}.\n`}`)
  if (failed.length > 0) process.exitCode = 111
}
