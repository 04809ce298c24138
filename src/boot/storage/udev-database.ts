// What the udev of the real root must know of mapped devices that were made without udev.
//
// Its rules pass over a dm device that nobody has told them of before (55-dm.rules: "add" without a record is no
// activation), so that systemd would wait for its unit in vain. A record with one property is what they look for. And
// udevd makes no link where a node is (udev-node.c), which is what tools make of /dev/mapper/NAME when there is no udev.
// Man pages: udev(7), dmsetup(8); docs/block-storage.md.

import { S_IFBLK, S_IFMT } from '../../abi/process.ts'
import { errorLine } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../log.ts'

const DIRECTORIES: readonly string[] = ['/run/udev', '/run/udev/data']

/** Whether a udevd runs, which makes nodes and records by itself. */
export function hasUdev(kernel: Pick<Kernel, 'exists'>): boolean {
  return kernel.exists('/run/udev/control')
}

/** The record of a mapped device. Parts of logical volumes are nobody's business, as lvm itself tells udev. */
function recordOf(uuid: string, usec: bigint): string {
  const isPart = /^LVM-[^-]+-/.test(uuid)
  const properties = [
    'DM_UDEV_PRIMARY_SOURCE_FLAG=1',
    ...(isPart ? ['DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG=1', 'DM_UDEV_DISABLE_DISK_RULES_FLAG=1', 'DM_COOKIE_DISABLE_OTHER_RULES_FLAG=1'] : []),
  ]
  return [`I:${usec}`, ...properties.map((property) => `E:${property}`), ''].join('\n')
}

/** Makes a node of /dev/mapper the link that udev would have made. */
function makeLink(kernel: Kernel, name: string, mapperName: string): void {
  const path = `/dev/mapper/${mapperName}`
  if (!kernel.exists(path) || (kernel.lstat(path).mode & S_IFMT) !== S_IFBLK) return
  kernel.unlink(path)
  kernel.symlink(`../${name}`, path)
}

/** Writes a record for each mapped device that has none; returns how many. Costs one look where there is no device mapper. */
export function recordMappedDevices(kernel: Kernel): number {
  if (!kernel.exists('/dev/mapper/control') || hasUdev(kernel)) return 0
  const names = kernel.readdir('/sys/class/block').filter((name) => name.startsWith('dm-'))
  let count = 0
  for (const name of names) {
    const text = (file: string): string => kernel.readText(`/sys/class/block/${name}/${file}`).trim()
    makeLink(kernel, name, text('dm/name'))
    const path = `/run/udev/data/b${text('dev')}`
    if (kernel.exists(path)) continue
    for (const directory of DIRECTORIES) if (!kernel.exists(directory)) kernel.mkdir(directory, 0o755)
    kernel.writeFile(path, recordOf(text('dm/uuid'), kernel.monotonicUs()), 0o644)
    count++
  }
  return count
}

/** The same for a boot, which goes on without it: the root itself needs no udev. */
export function tellUdev({ kernel, log }: { readonly kernel: Kernel; readonly log: Pick<Log, 'warn'> }): void {
  try {
    recordMappedDevices(kernel)
  } catch (error) {
    log.warn(`${errorLine(error)}: udev may not know the mapped devices, ignoring`)
  }
}
