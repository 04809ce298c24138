// What the udev of the real root must know of mapped devices that were made without udev.
//
// Its rules pass over a dm device that nobody has told them of before (55-dm.rules: "add" without a record is no
// activation), so that systemd would wait for its unit in vain. A record with one property is what they look for.
// Man pages: udev(7), dmsetup(8); docs/block-storage.md.

import type { Kernel } from '../../kernel/kernel.ts'

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

/** Writes a record for each mapped device that has none; returns how many. Costs one look where there is no device mapper. */
export function recordMappedDevices(kernel: Kernel): number {
  if (!kernel.exists('/dev/mapper/control') || hasUdev(kernel)) return 0
  const names = kernel.readdir('/sys/class/block').filter((name) => name.startsWith('dm-'))
  let count = 0
  for (const name of names) {
    const path = `/run/udev/data/b${kernel.readText(`/sys/class/block/${name}/dev`).trim()}`
    if (kernel.exists(path)) continue
    for (const directory of DIRECTORIES) if (!kernel.exists(directory)) kernel.mkdir(directory, 0o755)
    kernel.writeFile(path, recordOf(kernel.readText(`/sys/class/block/${name}/dm/uuid`).trim(), kernel.monotonicUs()), 0o644)
    count++
  }
  return count
}
