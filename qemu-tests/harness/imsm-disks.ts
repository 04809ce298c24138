// The two disks of a RAID 1 with Intel's metadata, and what they must be after a guest has used them. mdadm makes
// arrays only with a kernel that has md, so that a small guest makes them once; they are kept in the cache.
// The file system is at the start of each disk, the metadata at the end. Man page: mdadm(8).
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirectory } from '../../scripts/setup/cache.ts'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { runTool, tryTool } from '../../scripts/setup/run-tool.ts'
import type { DiskImage } from './disk-images.ts'
import { readImsm } from './imsm-metadata.ts'
import { runGuest } from './run-guest.ts'
import { BASE_APPEND } from './scenario.ts'
import { hookPath, storageImage } from './storage-images.ts'
import { ownPath } from './own-files.ts'

/** Room for the metadata. */
const EXTRA = 16 << 20

async function makeDisks(kernel: Kernel, root: DiskImage, paths: readonly string[]): Promise<void> {
  const empty = ownPath('scratch', 'imsm-empty', '.img')
  writeFileSync(empty, '')
  truncateSync(empty, statSync(root.path).size + EXTRA)
  const result = await runGuest({
    name: 'make-imsm',
    machine: {
      kernel: kernel.vmlinuz, initrd: await storageImage(kernel, 'make-imsm'), append: BASE_APPEND, memoryMiB: 512,
      disks: [{ path: empty, bus: 'virtio', writable: true }, { path: empty, bus: 'virtio', writable: true }, { path: root.path, bus: 'virtio', readOnly: true }],
    },
    expectation: { report: 'none', end: 'poweroff', consoleHas: [/^array made/m] },
    afterwards: (disks) => {
      for (const [index, path] of paths.entries()) {
        runTool('cp', ['--sparse=always', disks[index] ?? '', `${path}.new`])
      }
      return []
    },
  })
  if (result.complaints.length > 0) throw new Error(`Cannot make a RAID: ${result.complaints.join('; ')}; see '${result.artifacts ?? ''}'`)
  for (const path of paths) renameSync(`${path}.new`, path)
}

/** The disks of an array with the file system of `root`, made if the cache has none. */
export async function imsmDisks(kernel: Kernel, root: DiskImage): Promise<readonly string[]> {
  const hash = createHash('sha256').update(basename(root.path)).update(readFileSync(hookPath('make-imsm'))).digest('hex').slice(0, 16)
  const paths = ['a', 'b'].map((name) => join(cacheDirectory('disks'), `imsm-${hash}-${name}.img`))
  if (!paths.every((path) => existsSync(path))) await makeDisks(kernel, root, paths)
  return paths
}

/** What is wrong with the array that these disks are; empty if it was stopped in order and both say the same. */
export function checkImsm(disks: readonly string[], bytes: number): string[] {
  const arrays = disks.map(readImsm)
  const complaints = arrays.flatMap((array, index) => {
    if (array === null) return [`Disk ${index} of the array has no metadata`]
    const isGood = !array.isDirty && !array.isMigrating && array.mapState === 0
    return isGood ? [] : [`Disk ${index} of the array is not clean: ${JSON.stringify(array)}`]
  })
  if (new Set(arrays.map((array) => array?.generation)).size > 1) complaints.push(`The members' metadata are not of the same time: ${JSON.stringify(arrays)}`)
  const [first = '', second = ''] = disks
  const same = tryTool('cmp', ['-n', `${bytes}`, first, second])
  return same.status === 0 ? complaints : [...complaints, `The members of the array are not equal: ${same.stdout.trim()}`]
}
