// `npm run bench -- --full`: every bench whose figures are committed, one behind the other, as one result.
// One that fails is told and does not stop the others; the exit status is 111 then, whatever --check finds.
// What it leaves out is `spawn`, which takes half an hour and has no committed figures.

import { KERNEL_SERIES } from '../setup/kernel.ts'
import type { Sections } from './bench-file.ts'
import { measureBuild } from './build-time.ts'
import { finish, say } from './finish.ts'
import type { Finish } from './finish.ts'
import { progress } from './common.ts'
import { EVERY_KEEP, measureKeep } from './keep.ts'
import type { Results } from './results.ts'
import { EVERY_COUNT, measureScale } from './scale.ts'
import { SUBJECTS } from './scale-cases.ts'
import { measureShutdown } from './shutdown.ts'

export const DEFAULT_SERIES = '6.12'

/**
 * @param boot measures the boots
 * @param series a kernel's; undefined: each bench's own
 * @param withPeers whether peers make images too
 */
export async function benchFull(boot: () => Promise<Results>, series: string | undefined, withPeers: boolean, wish: Finish): Promise<void> {
  const kernel = series ?? DEFAULT_SERIES
  const common = { kernel, only: '', console: undefined }
  const parts: readonly { readonly name: string; readonly run: () => Promise<Sections> }[] = [
    { name: 'boot', run: async () => ({ boot: await boot() }) },
    { name: 'keep', run: async () => ({ keep: measureKeep({ kernels: series === undefined ? KERNEL_SERIES : [series], keeps: EVERY_KEEP, runs: 2, append: '', console: undefined }) }) },
    { name: 'shutdown', run: async () => ({ shutdown: measureShutdown({ ...common, runs: 2, append: '', detail: false }) }) },
    { name: 'scale', run: async () => ({ scale: measureScale({ ...common, subjects: SUBJECTS, counts: EVERY_COUNT.map(Number), times: 2 }) }) },
    { name: 'build', run: async () => ({ build: measureBuild({ ...common, runs: 3, peers: withPeers }) }) },
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
