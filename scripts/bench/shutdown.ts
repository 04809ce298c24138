// `npm run bench -- shutdown`: one Debian root with systemd, shut down under different initramfs images, beside each
// other: how long it takes, what memory is held for it while the machine runs, what is left of the file system.
// Two spans, because tools come back in two ways: dracut unpacks before systemd-shutdown is called, in a unit's stop
// (seen only from `systemctl poweroff` on); ours is there already, and works after it.

import { parseArgs } from 'node:util'
import { checkExt4 } from '../../qemu-tests/harness/check-ext4.ts'
import { ensureKernel } from '../setup/kernel.ts'
import type { Kernel } from '../setup/kernel.ts'
import { WITNESSES, ensureFulcrum, guestConditions, progress, runsOf, saveConsole, seriesOf, withCopy } from './common.ts'
import { debianMost } from './debian-images.ts'
import { dracutImages } from './dracut-images.ts'
import { FINISH_OPTIONS, finish } from './finish.ts'
import { busyboxImage, imageFor } from './images.ts'
import { memory, shutdownTimes } from './marks.ts'
import { runMachine } from './run-machine.ts'
import { NOBODY, total } from './shutdown-results.ts'
import type { ShutdownResults, ShutdownRow } from './shutdown-results.ts'
import { shutdownRoot } from './shutdown-root.ts'
import type { RootExitrd } from './shutdown-root.ts'

export const SHUTDOWN_USAGE = `  shutdown [--kernel SERIES] [--runs N] [--only PATTERN] [--append WORDS] [--console DIR] [--detail]
      One Debian root with systemd, shut down beside no exitrd at all and dracut's: times, memory held, file system.`

interface Case {
  readonly name: string
  readonly ours?: boolean
  readonly initrd: () => string
  readonly root: RootExitrd
  readonly append?: string
}

/** Images are made when their case is measured. The first is what the others are compared with. */
function cases(kernel: Kernel, fulcrum: string): Case[] {
  const busybox = (): string => busyboxImage(kernel).path
  const dracut = (ending: string) => (): string => dracutImages(kernel).find(({ name }) => name.endsWith(ending))?.path ?? ''
  return [
    { name: NOBODY, initrd: busybox, root: 'none' },
    { name: 'initramfs-tools, no exitrd', initrd: () => debianMost(kernel).path, root: 'none' },
    { name: "busybox, mkinitcpio's exitrd, ready made", initrd: busybox, root: 'copied' },
    { name: "busybox, dracut's exitrd", initrd: busybox, root: 'dracut' },
    { name: 'dracut generic, its exitrd', initrd: dracut('generic'), root: 'dracut' },
    { name: 'dracut generic systemd, its exitrd', initrd: dracut('systemd'), root: 'dracut' },
    ...['none', 'slim', 'full'].map((keep) => ({
      name: `fulcrum keep=${keep}`, ours: true, initrd: () => imageFor(kernel, fulcrum, keep).path, root: 'none' as const, append: `fulcrum.keep=${keep}`,
    })),
  ]
}

const comesBack = (it: Case): boolean => it.root !== 'none' || (it.ours === true && !it.name.endsWith('none'))

/** In detail, the kernel tells every exec and the last calls; that costs time, so it is not for the table. */
const DETAIL = 'loglevel=7 tp_printk trace_event=sched:sched_process_exec,syscalls:sys_enter_pivot_root,syscalls:sys_enter_umount,syscalls:sys_enter_reboot'

function measure(it: Case, kernel: Kernel, options: { detail: boolean; append: string; folder: string | undefined }): ShutdownRow {
  const disk = shutdownRoot(kernel, it.root)
  return withCopy(disk.path, (copy) => {
    const said = options.detail ? DETAIL : 'quiet'
    const output = runMachine({
      kernel: kernel.vmlinuz, initrd: it.initrd(), memoryMiB: 1024, disks: [{ path: copy, bus: 'virtio' }],
      append: `console=ttyS0 ${said} panic=-1 initramfs_async=0 printk.devkmsg=on root=UUID=${disk.uuid ?? ''} ro ${it.append ?? ''} ${options.append}`.trimEnd(),
    }, true)
    saveConsole(options.folder, it.name, output)
    const [exitrd, complaints] = [comesBack(it), checkExt4(copy, { files: WITNESSES })]
    // dracut and the unit that copies make theirs only later.
    const lacks = it.ours === true && exitrd && !output.includes('bench: exitrd is there')
    return { name: it.name, ours: it.ours === true, ...shutdownTimes(output), memory: memory(output), exitrd,
      complaints: lacks ? ['there was no /run/initramfs/shutdown', ...complaints] : complaints }
  })
}

export interface ShutdownWish {
  /** A series. */
  readonly kernel: string
  readonly runs: number
  readonly only: string
  readonly append: string
  readonly console: string | undefined
  readonly detail: boolean
}

/** Measures each case; the fastest of the runs counts. */
export function measureShutdown(wish: ShutdownWish): ShutdownResults {
  const fulcrum = ensureFulcrum()
  const kernel = ensureKernel(seriesOf(wish.kernel))
  const pattern = new RegExp(wish.only)
  const chosen = cases(kernel, fulcrum).filter(({ name }) => pattern.test(name))
  const rows = chosen.map((it, at) => {
    progress(`shutdown: ${at + 1} of ${chosen.length}: ${it.name}`)
    const tries = Array.from({ length: wish.runs }, () => measure(it, kernel, { detail: wish.detail, append: wish.append, folder: wish.console }))
    return tries.reduce((fastest, row) => (total(row) < total(fastest) ? row : fastest))
  })
  progress('')
  return { format: 1, ...guestConditions(), kernel: kernel.release, rows }
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
      ...FINISH_OPTIONS,
    },
  })
  finish({ shutdown: measureShutdown({ ...values, runs: runsOf(values.runs), console: values.console }) }, values)
}
