// `npm run bench -- shutdown`: one Debian root with systemd, shut down under different initramfs images, beside each
// other: how long it takes, what memory is held for it while the machine runs, what is left of the file system.
// Two spans, because tools come back in two ways: dracut unpacks before systemd-shutdown is called, in a unit's stop
// (seen only from `systemctl poweroff` on); ours is there already, and works after it.

import { parseArgs } from 'node:util'
import { checkExt4 } from '../../qemu-tests/harness/check-ext4.ts'
import { ensureKernel } from '../setup/kernel.ts'
import type { Kernel } from '../setup/kernel.ts'
import { WITNESSES, ensureFulcrum, runsOf, saveConsole, seriesOf, withCopy } from './common.ts'
import { dracutImages } from './dracut-images.ts'
import { debianMost } from './debian-images.ts'
import { busyboxImage, imageFor } from './images.ts'
import { memory, shutdownTimes } from './marks.ts'
import type { Memory, ShutdownTimes } from './marks.ts'
import { runMachine } from './run-machine.ts'
import { shutdownRoot } from './shutdown-root.ts'
import type { RootExitrd } from './shutdown-root.ts'
import { table } from './table.ts'

export const SHUTDOWN_USAGE = `  shutdown [--kernel SERIES] [--runs N] [--only PATTERN] [--append WORDS] [--console DIR] [--detail] [--json]
      One Debian root with systemd, shut down beside no exitrd at all and dracut's: times, memory held, file system.`

interface Case {
  readonly name: string
  readonly initrd: () => string
  readonly root: RootExitrd
  readonly append?: string
}

interface Row extends ShutdownTimes {
  readonly name: string
  readonly memory: Memory
  readonly exitrd: boolean
  /** What is wrong with the file system afterwards; empty if nothing is. */
  readonly complaints: readonly string[]
}

/** Images are made when their case is measured. The first is what the others are compared with. */
function cases(kernel: Kernel, fulcrum: string): Case[] {
  const busybox = (): string => busyboxImage(kernel).path
  const dracut = (ending: string) => (): string => dracutImages(kernel).find(({ name }) => name.endsWith(ending))?.path ?? ''
  return [
    { name: 'busybox switch_root, no exitrd', initrd: busybox, root: 'none' },
    { name: 'initramfs-tools, no exitrd', initrd: () => debianMost(kernel).path, root: 'none' },
    { name: "busybox, mkinitcpio's exitrd, ready made", initrd: busybox, root: 'copied' },
    { name: "busybox, dracut's exitrd", initrd: busybox, root: 'dracut' },
    { name: 'dracut generic, its exitrd', initrd: dracut('generic'), root: 'dracut' },
    { name: 'dracut generic systemd, its exitrd', initrd: dracut('systemd'), root: 'dracut' },
    ...['none', 'slim', 'full'].map((keep) => ({
      name: `fulcrum keep=${keep}`, initrd: () => imageFor(kernel, fulcrum, keep).path, root: 'none' as const, append: `fulcrum.keep=${keep}`,
    })),
  ]
}

/** In detail, the kernel tells every exec and the last calls; that costs time, so it is not for the table. */
const DETAIL = 'loglevel=7 tp_printk trace_event=sched:sched_process_exec,syscalls:sys_enter_pivot_root,syscalls:sys_enter_umount,syscalls:sys_enter_reboot'

function measure(it: Case, kernel: Kernel, options: { detail: boolean; append: string; folder: string | undefined }): Row {
  const disk = shutdownRoot(kernel, it.root)
  return withCopy(disk.path, (copy) => {
    const said = options.detail ? DETAIL : 'quiet'
    const output = runMachine({
      kernel: kernel.vmlinuz, initrd: it.initrd(), memoryMiB: 1024, disks: [{ path: copy, bus: 'virtio' }],
      append: `console=ttyS0 ${said} panic=-1 initramfs_async=0 printk.devkmsg=on root=UUID=${disk.uuid ?? ''} ro ${it.append ?? ''} ${options.append}`.trimEnd(),
    }, true)
    saveConsole(options.folder, it.name, output)
    return { name: it.name, ...shutdownTimes(output), memory: memory(output), exitrd: output.includes('bench: exitrd is there'),
      complaints: checkExt4(copy, { files: WITNESSES }) }
  })
}

/** From the request to the end, ms. */
const total = (row: ShutdownTimes): number => row.powerDown - row.asked

function print(rows: readonly Row[], kernel: Kernel, runs: number): void {
  const base = rows[0]
  if (base === undefined) return
  process.stdout.write(`kernel ${kernel.release}; virtual ms, the fastest of ${runs}; memory at multi-user against the first row\n\n`)
  const ms = (value: number): string => value.toFixed(0)
  process.stdout.write(table(
    ['initramfs', 'poweroff → systemd-shutdown', '→ power down', 'in all', 'against first', 'MiB held', 'of these unevictable', 'MiB in /run then', 'file system'],
    rows.map((row) => [row.name, ms(row.shutdownStarts - row.asked), ms(row.powerDown - row.shutdownStarts), ms(total(row)), ms(total(row) - total(base)),
      ((base.memory.free - row.memory.free) / 1024).toFixed(1), ((row.memory.unevictable - base.memory.unevictable) / 1024).toFixed(1),
      ((row.shmemThen - base.shmemThen) / 1024).toFixed(1), row.complaints.length === 0 ? 'clean' : row.complaints.join('; ')]),
  ))
}

/** Measures and prints. `args` are those behind the word `shutdown`. */
export function benchShutdown(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string', default: '6.12' },
      runs: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
      append: { type: 'string', default: '' },
      console: { type: 'string' },
      detail: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const runs = runsOf(values.runs)
  const fulcrum = ensureFulcrum()
  const kernel = ensureKernel(seriesOf(values.kernel))
  const pattern = new RegExp(values.only)
  const rows: Row[] = []
  for (const it of cases(kernel, fulcrum).filter(({ name }) => pattern.test(name))) {
    process.stderr.write(`measuring '${it.name}'\n`)
    const tries = Array.from({ length: runs }, () => measure(it, kernel, { detail: values.detail, append: values.append, folder: values.console }))
    rows.push(tries.reduce((fastest, row) => (total(row) < total(fastest) ? row : fastest)))
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ kernel: kernel.release, runs, rows }, undefined, 2)}\n`)
  else print(rows, kernel, runs)
}
