// `npm run bench`: sizes and boot times of our images beside peers, measured in one run on one kernel.
// Times are virtual milliseconds, a million instructions each (measure-boot.ts). A rebuilt image moves them by up to
// 12 ms because the memory layout changes, so smaller differences between images mean nothing.
// usage: bench.ts [--kernel 6.1|6.12|7.x] [--compress METHOD]… [--runs N] [--no-peers] [--json]

import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { pinnedNode, projectRoot } from '../bundle/project.ts'
import { diskImage } from '../qemu-tests/harness/disk-images.ts'
import type { Tree, TreeEntry } from '../qemu-tests/harness/tree.ts'
import { busyboxImage, debianImage, ourImages } from './bench/images.ts'
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
  readonly bytes: number
}

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: '6.12' },
    compress: { type: 'string', multiple: true, default: ['none', 'lz4', 'zstd'] },
    runs: { type: 'string', default: '1' },
    'no-peers': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

function rootTree(): Tree {
  const init = path.join(cacheDirectory('bench'), 'bench-init')
  runTool('gcc', [
    '-static',
    '-Os',
    '-s',
    '-Wall',
    '-Wextra',
    '-o',
    init,
    path.join(import.meta.dirname, 'bench/bench-init.c'),
  ])
  const tree: Record<string, TreeEntry> = { 'sbin/init': { type: 'file', source: init, mode: 0o755 } }
  for (const name of ['dev', 'proc', 'sys', 'run', 'etc', 'tmp']) tree[name] = { type: 'directory' }
  // initramfs-tools looks for these before it calls a directory a root.
  tree['etc/fstab'] = { type: 'text', text: '' }
  return tree
}

function measure(image: BenchImage, kernel: Kernel, runs: number): Row {
  const disk = diskImage({ fileSystem: 'ext4', tree: rootTree() })
  const machine = {
    kernel: kernel.vmlinuz,
    initrd: image.path,
    memoryMiB: 1024,
    disks: [{ path: disk.path, bus: 'virtio' as const }],
    append: `console=ttyS0 quiet panic=-1 initramfs_async=0 root=UUID=${disk.uuid ?? ''} ro`,
  }
  const times = Array.from({ length: runs }, () => measureBoot(machine))
  return {
    name: image.name,
    bytes: fs.statSync(image.path).size,
    runInit: Math.min(...times.map((it) => it.runInit)),
    realInit: Math.min(...times.map((it) => it.realInit)),
  }
}

function print(rows: readonly Row[], kernel: Kernel, binaryBytes: number): void {
  if (values.json) {
    process.stdout.write(
      `${JSON.stringify({ kernel: kernel.release, node: runTool(pinnedNode, ['--version']).trim(), binaryBytes, rows }, undefined, 2)}\n`,
    )
    return
  }
  process.stdout.write(
    `dist/fulcrum: ${(binaryBytes / 1e6).toFixed(1)} MB; kernel ${kernel.release}; virtual ms\n\n`,
  )
  process.stdout.write(
    `${'image'.padEnd(24)}${'MB'.padStart(8)}${'/init'.padStart(10)}${'real init'.padStart(12)}${'between'.padStart(10)}\n`,
  )
  for (const row of rows) {
    process.stdout.write(
      `${row.name.padEnd(24)}${(row.bytes / 1e6).toFixed(1).padStart(8)}${row.runInit.toFixed(0).padStart(10)}` +
        `${row.realInit.toFixed(0).padStart(12)}${(row.realInit - row.runInit).toFixed(0).padStart(10)}\n`,
    )
  }
}

function main(): void {
  const series = KERNEL_SERIES.find((known) => known === values.kernel)
  const runs = Number(values.runs)
  if (series === undefined || !Number.isInteger(runs) || runs < 1)
    throw new Error(`Cannot measure kernel '${values.kernel}', '${values.runs}' runs`)
  ensureDebianPackages(TEST_PACKAGES)
  const fulcrum = path.join(projectRoot, 'dist/fulcrum')
  if (!fs.existsSync(fulcrum))
    runTool(pinnedNode, [path.join(projectRoot, 'bundle/build.ts')], { show: true })
  const kernel = ensureKernel(series)
  const peers = values['no-peers'] ? [] : [busyboxImage(kernel), debianImage(kernel)]
  const rows = [...ourImages(kernel, fulcrum, values.compress), ...peers].map((image) => {
    process.stderr.write(`measuring '${image.name}'\n`)
    return measure(image, kernel, runs)
  })
  print(rows, kernel, fs.statSync(fulcrum).size)
}

try {
  main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 111
}
