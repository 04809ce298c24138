// `npm run bench -- keep`: what the kept initramfs costs in memory, per kernel, for full, slim and none; and how long
// /shutdown takes from its exec to power-off, in a root that has nothing else to stop.
// Memory is the difference to `none` on the same kernel, page cache dropped: what cannot be given back.

import { parseArgs } from 'node:util'
import { checkExt4 } from '../../qemu-tests/harness/check-ext4.ts'
import { KERNEL_SERIES, ensureKernel } from '../setup/kernel.ts'
import type { Kernel } from '../setup/kernel.ts'
import { bytesOf } from './bench-root.ts'
import { WITNESSES, ensureFulcrum, guestConditions, progress, runsOf, saveConsole, seriesOf, withCopy } from './common.ts'
import { FINISH_OPTIONS, finish } from './finish.ts'
import { imageFor } from './images.ts'
import { keepRoot } from './keep-root.ts'
import type { KeepResults, KeepRow } from './keep-results.ts'
import { instant, memory } from './marks.ts'
import { runMachine } from './run-machine.ts'

export const KEEP_USAGE = `  keep [--kernel SERIES]… [--keep full|slim|none]… [--runs N] [--append WORDS] [--console DIR]
      Memory that the kept initramfs holds, and the time of /shutdown, per kernel.`

function measure(kernel: Kernel, keep: string, initrd: string, append: string, folder: string | undefined): KeepRow {
  const disk = keepRoot()
  return withCopy(disk.path, (copy) => {
    const output = runMachine({
      kernel: kernel.vmlinuz, initrd, memoryMiB: 1024, disks: [{ path: copy, bus: 'virtio' }],
      append: `console=ttyS0 quiet panic=-1 initramfs_async=0 printk.devkmsg=on root=UUID=${disk.uuid ?? ''} ro fulcrum.keep=${keep} ${append}`.trimEnd(),
    }, true)
    saveConsole(folder, `keep-${keep}-${kernel.release}`, output)
    return { kernel: kernel.release, keep, packedBytes: bytesOf(initrd), memory: memory(output), complaints: checkExt4(copy, { files: WITNESSES }),
      shutdownMs: instant(output, 'reboot: Power down') - instant(output, 'bench: shutdown starts') }
  })
}

export interface KeepWish {
  /** Names of series. */
  readonly kernels: readonly string[]
  readonly keeps: readonly string[]
  readonly runs: number
  readonly append: string
  readonly console: string | undefined
}

export const EVERY_KEEP = ['none', 'slim', 'full']

/** Measures each way of keeping on each kernel; the fastest of the runs counts. */
export function measureKeep(wish: KeepWish): KeepResults {
  const fulcrum = ensureFulcrum()
  const kernels = wish.kernels.map((name) => ensureKernel(seriesOf(name)))
  const cases = kernels.flatMap((kernel) => wish.keeps.map((keep) => ({ kernel, keep })))
  const rows = cases.map(({ kernel, keep }, at) => {
    progress(`keep: ${at + 1} of ${cases.length}: ${keep} on ${kernel.release}`)
    const initrd = imageFor(kernel, fulcrum, keep).path
    const tries = Array.from({ length: wish.runs }, () => measure(kernel, keep, initrd, wish.append, wish.console))
    return tries.reduce((fastest, row) => (row.shutdownMs < fastest.shutdownMs ? row : fastest))
  })
  progress('')
  return { format: 1, ...guestConditions(), rows }
}

/** Measures and prints. `args` are those behind the word `keep`. */
export function benchKeep(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string', multiple: true, default: [...KERNEL_SERIES] },
      keep: { type: 'string', multiple: true, default: EVERY_KEEP },
      runs: { type: 'string', default: '2' },
      append: { type: 'string', default: '' },
      console: { type: 'string' },
      ...FINISH_OPTIONS,
    },
  })
  finish({ keep: measureKeep({ kernels: values.kernel, keeps: values.keep, runs: runsOf(values.runs), append: values.append, console: values.console }) }, values)
}
