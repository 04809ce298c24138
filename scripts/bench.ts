// `npm run bench`: sizes and boot times of our images beside peers, measured in one run on one kernel.
// Times are virtual milliseconds, a million instructions each (measure-boot.ts). A rebuilt image moves them by up to
// 12 ms because the memory layout changes, so differences between images under 25 ms mean nothing. The same root,
// kernel and machine for all. usage: bench.ts [--kernel SERIES] [--compress METHOD]… [--runs N] [--only PATTERN] [--no-peers] [--json]

import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { pinnedNode, projectRoot } from '../bundle/project.ts'
import { readImage, summarizeImage } from '../initrd-builder/index.ts'
import { diskImage } from '../qemu-tests/harness/disk-images.ts'
import type { Tree, TreeEntry } from '../qemu-tests/harness/tree.ts'
import { dracutImages } from './bench/dracut-images.ts'
import { busyboxImage, debianImages, ourImages } from './bench/images.ts'
import type { BenchImage } from './bench/images.ts'
import { measureBoot } from './bench/measure-boot.ts'
import type { BootTimes } from './bench/measure-boot.ts'
import { cacheDirectory } from './setup/cache.ts'
import { KERNEL_SERIES, ensureKernel } from './setup/kernel.ts'
import type { Kernel } from './setup/kernel.ts'
import { ensureDebianPackages } from './setup/packages.ts'
import { runTool } from './setup/run-tool.ts'
import { TEST_PACKAGES } from './setup/test-packages.ts'

interface Row extends BootTimes {
  readonly name: string
  /** Of the image file, and of the contents of its files. */
  readonly packedBytes: number
  readonly unpackedBytes: number
}

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: '6.12' },
    compress: { type: 'string', multiple: true, default: ['none', 'lz4', 'zstd', 'gzip'] },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    'no-peers': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

/** A root that every peer accepts as one: dracut looks for os-release and a loader, initramfs-tools for an fstab. */
function rootTree(): Tree {
  const init = path.join(cacheDirectory('bench'), 'bench-init')
  runTool('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', init, path.join(import.meta.dirname, 'bench/bench-init.c')])
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
  if (values.json) {
    const node = runTool(pinnedNode, ['--version']).trim()
    process.stdout.write(`${JSON.stringify({ kernel: kernel.release, node, runs, binaryBytes, rows }, undefined, 2)}\n`)
    return
  }
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1)
  process.stdout.write(`dist/fulcrum: ${mb(binaryBytes)} MB; kernel ${kernel.release}; virtual ms, the fastest of ${runs}\n\n`)
  const columns = ['packed MB', 'unpacked MB', 'unpack', '/init at', 'real init at', 'between', 'MiB available']
  const width = Math.max(...rows.map(({ name }) => name.length)) + 2
  process.stdout.write(`${'image'.padEnd(width)}${columns.map((title) => title.padStart(title.length + 2)).join('')}\n`)
  for (const row of rows) {
    const cells = [mb(row.packedBytes), mb(row.unpackedBytes), ...[row.unpack, row.runInit, row.realInit, row.realInit - row.runInit].map((ms) => ms.toFixed(0)),
      (row.availableKiB / 1024).toFixed(0)]
    process.stdout.write(`${row.name.padEnd(width)}${cells.map((cell, at) => cell.padStart((columns[at] ?? '').length + 2)).join('')}\n`)
  }
}

async function main(): Promise<void> {
  const series = KERNEL_SERIES.find((known) => known === values.kernel)
  const runs = Number(values.runs)
  if (series === undefined || !Number.isInteger(runs) || runs < 1) throw new Error(`Cannot measure kernel '${values.kernel}', '${values.runs}' runs`)
  ensureDebianPackages(TEST_PACKAGES)
  const dist = process.env['FULCRUM_DIST'] ?? ''
  const fulcrum = path.join(dist === '' ? path.join(projectRoot, 'dist') : dist, 'fulcrum')
  if (!fs.existsSync(fulcrum)) runTool(pinnedNode, [path.join(projectRoot, 'bundle/build.ts')], { show: true })
  const kernel = ensureKernel(series)
  const peers = values['no-peers'] ? [] : [busyboxImage(kernel), ...debianImages(kernel), ...dracutImages(kernel)]
  const pattern = new RegExp(values.only)
  const rows: Row[] = []
  for (const image of [...ourImages(kernel, fulcrum, values.compress), ...peers].filter(({ name }) => pattern.test(name))) {
    process.stderr.write(`measuring '${image.name}'\n`)
    rows.push(await measure(image, kernel, runs))
  }
  print(rows, kernel, fs.statSync(fulcrum).size, runs)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 111
}
