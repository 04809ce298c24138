// `npm run bench`: sizes and boot times of our images beside peers, measured in one run on one kernel.
// Times are virtual milliseconds, a million instructions each (run-machine.ts). A rebuilt image moves them by up to
// 12 ms because the memory layout changes, so differences between images under 25 ms mean nothing. The same root,
// kernel and machine for all.

import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { pinnedNode } from '../../bundle/project.ts'
import { readImage, summarizeImage } from '../../initrd-builder/index.ts'
import { diskImage } from '../../qemu-tests/harness/disk-images.ts'
import type { Tree, TreeEntry } from '../../qemu-tests/harness/tree.ts'
import { cacheDirectory } from '../setup/cache.ts'
import { ensureKernel } from '../setup/kernel.ts'
import type { Kernel } from '../setup/kernel.ts'
import { runTool } from '../setup/run-tool.ts'
import { ensureFulcrum, runsOf, seriesOf } from './common.ts'
import { dracutImages } from './dracut-images.ts'
import { busyboxImage, debianImages, ourImages } from './images.ts'
import type { BenchImage } from './images.ts'
import { measureBoot } from './measure-boot.ts'
import type { BootTimes } from './measure-boot.ts'
import { table } from './table.ts'

export const BOOT_USAGE = `  [boot] [--kernel SERIES] [--compress METHOD]… [--runs N] [--only PATTERN] [--no-peers] [--json]
      Sizes and boot times of our images beside peers.`

interface Row extends BootTimes {
  readonly name: string
  /** Of the image file, and of the contents of its files. */
  readonly packedBytes: number
  readonly unpackedBytes: number
}

/** A root that every peer accepts as one: dracut looks for os-release and a loader, initramfs-tools for an fstab. */
function rootTree(): Tree {
  const init = path.join(cacheDirectory('bench'), 'bench-init')
  runTool('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', init, path.join(import.meta.dirname, 'bench-init.c')])
  const tree: Record<string, TreeEntry> = {
    'sbin/init': { type: 'file', source: init, mode: 0o755 },
    'etc/fstab': { type: 'text', text: '' },
    'etc/os-release': { type: 'text', text: 'ID=bench\n' },
    'lib64/ld-linux-x86-64.so.2': { type: 'text', text: '', mode: 0o755 },
  }
  for (const name of ['dev', 'proc', 'sys', 'run', 'tmp', 'usr', 'var', 'bin']) tree[name] = { type: 'directory' }
  return tree
}

async function measure(image: BenchImage, kernel: Kernel, runs: number): Promise<Row> {
  const disk = diskImage({ fileSystem: 'ext4', tree: rootTree() })
  const machine = {
    kernel: kernel.vmlinuz, initrd: image.path, memoryMiB: 1024, disks: [{ path: disk.path, bus: 'virtio' as const }],
    append: `console=ttyS0 quiet panic=-1 initramfs_async=0 root=UUID=${disk.uuid ?? ''} ro ${image.append ?? ''}`.trimEnd(),
  }
  const times = Array.from({ length: runs }, () => measureBoot(machine))
  const [first, ...others] = times
  if (first === undefined) throw new Error(`Cannot measure '${image.name}': no run was asked for`)
  // The whole row of the fastest run, so that its columns belong together.
  const best = others.reduce((fastest, it) => (it.realInit < fastest.realInit ? it : fastest), first)
  const summary = summarizeImage(await readImage(image.path))
  return { name: image.name, packedBytes: summary.bytes, unpackedBytes: summary.unpacked, ...best }
}

function print(rows: readonly Row[], kernel: Kernel, binaryBytes: number, runs: number): void {
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1)
  process.stdout.write(`dist/fulcrum: ${mb(binaryBytes)} MB; kernel ${kernel.release}; virtual ms, the fastest of ${runs}\n\n`)
  process.stdout.write(table(
    ['image', 'packed MB', 'unpacked MB', 'unpack', '/init at', 'real init at', 'between', 'MiB available'],
    rows.map((row) => [row.name, mb(row.packedBytes), mb(row.unpackedBytes),
      ...[row.unpack, row.runInit, row.realInit, row.realInit - row.runInit].map((ms) => ms.toFixed(0)), (row.availableKiB / 1024).toFixed(0)]),
  ))
}

/** Measures and prints. `args` are the arguments without the word `boot`. */
export async function benchBoot(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string', default: '6.12' },
      compress: { type: 'string', multiple: true, default: ['none', 'lz4', 'zstd', 'gzip'] },
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      'no-peers': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const runs = runsOf(values.runs)
  const series = seriesOf(values.kernel)
  const fulcrum = ensureFulcrum()
  const kernel = ensureKernel(series)
  const peers = values['no-peers'] ? [] : [busyboxImage(kernel), ...debianImages(kernel), ...dracutImages(kernel)]
  const pattern = new RegExp(values.only)
  const rows: Row[] = []
  for (const image of [...ourImages(kernel, fulcrum, values.compress), ...peers].filter(({ name }) => pattern.test(name))) {
    process.stderr.write(`measuring '${image.name}'\n`)
    rows.push(await measure(image, kernel, runs))
  }
  const binaryBytes = fs.statSync(fulcrum).size
  if (values.json) {
    const node = runTool(pinnedNode, ['--version']).trim()
    process.stdout.write(`${JSON.stringify({ kernel: kernel.release, node, runs, binaryBytes, rows }, undefined, 2)}\n`)
  } else print(rows, kernel, binaryBytes, runs)
}
