// `npm run bench -- keep`: what the kept initramfs costs in memory, per kernel, for full, slim and none; and how long
// /shutdown takes from its exec to power-off, in a root that has nothing else to stop.
// Memory is the difference to `none` on the same kernel, page cache dropped: what cannot be given back.

import { parseArgs } from 'node:util'
import { checkExt4 } from '../../qemu-tests/harness/check-ext4.ts'
import { KERNEL_SERIES, ensureKernel } from '../setup/kernel.ts'
import type { Kernel } from '../setup/kernel.ts'
import { WITNESSES, ensureFulcrum, runsOf, saveConsole, seriesOf, withCopy } from './common.ts'
import { imageFor } from './images.ts'
import { keepRoot } from './keep-root.ts'
import { instant, memory } from './marks.ts'
import type { Memory } from './marks.ts'
import { runMachine } from './run-machine.ts'
import { table } from './table.ts'

export const KEEP_USAGE = `  keep [--kernel SERIES]… [--keep full|slim|none]… [--runs N] [--append WORDS] [--console DIR] [--json]
      Memory that the kept initramfs holds, and the time of /shutdown, per kernel.`

interface Row {
  readonly kernel: string
  readonly keep: string
  readonly memory: Memory
  /** From the exec of /shutdown to the kernel's last word, virtual ms. */
  readonly shutdownMs: number
  /** What is wrong with the file system afterwards; empty if nothing is. */
  readonly complaints: readonly string[]
}

function measure(kernel: Kernel, keep: string, initrd: string, append: string, folder: string | undefined): Row {
  const disk = keepRoot()
  return withCopy(disk.path, (copy) => {
    const output = runMachine({
      kernel: kernel.vmlinuz, initrd, memoryMiB: 1024, disks: [{ path: copy, bus: 'virtio' }],
      append: `console=ttyS0 quiet panic=-1 initramfs_async=0 printk.devkmsg=on root=UUID=${disk.uuid ?? ''} ro fulcrum.keep=${keep} ${append}`.trimEnd(),
    }, true)
    saveConsole(folder, `keep-${keep}-${kernel.release}`, output)
    return { kernel: kernel.release, keep, memory: memory(output), complaints: checkExt4(copy, { files: WITNESSES }),
      shutdownMs: instant(output, 'reboot: Power down') - instant(output, 'bench: shutdown starts') }
  })
}

function print(rows: readonly Row[], runs: number): void {
  process.stdout.write(`virtual ms, the fastest of ${runs}; memory in MiB against keep=none on the same kernel\n\n`)
  const cells = rows.map((row) => {
    const base = rows.find((it) => it.kernel === row.kernel && it.keep === 'none')?.memory ?? row.memory
    const mib = (kib: number): string => (kib / 1024).toFixed(1)
    return [row.kernel, row.keep, mib(base.free - row.memory.free), mib(row.memory.unevictable - base.unevictable),
      mib(row.memory.shmem - base.shmem), row.shutdownMs.toFixed(0), row.complaints.length === 0 ? 'clean' : row.complaints.join('; ')]
  })
  process.stdout.write(table(['kernel', 'keep', 'MiB held', 'unevictable', 'shmem', '/shutdown → power down', 'file system'], cells))
}

/** Measures and prints. `args` are those behind the word `keep`. */
export function benchKeep(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string', multiple: true, default: [...KERNEL_SERIES] },
      keep: { type: 'string', multiple: true, default: ['none', 'slim', 'full'] },
      runs: { type: 'string', default: '2' },
      append: { type: 'string', default: '' },
      console: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const runs = runsOf(values.runs)
  const fulcrum = ensureFulcrum()
  const rows: Row[] = []
  for (const name of values.kernel) {
    const kernel = ensureKernel(seriesOf(name))
    for (const keep of values.keep) {
      const initrd = imageFor(kernel, fulcrum, keep).path
      process.stderr.write(`measuring keep=${keep} on ${kernel.release}\n`)
      const tries = Array.from({ length: runs }, () => measure(kernel, keep, initrd, values.append, values.console))
      rows.push(tries.reduce((fastest, row) => (row.shutdownMs < fastest.shutdownMs ? row : fastest)))
    }
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ runs, rows }, undefined, 2)}\n`)
  else print(rows, runs)
}
