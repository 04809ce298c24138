// Block devices as sysfs lists them, without opening any.
//
// Three small reads per device: uevent, size, ro, and for a partition the link, whose path names its
// disk; the rest is read only for devices that can have it. See sysfs(5).

import type { DeviceFacts } from '../../facts/block/block-device.ts'
import { parseUeventFile } from '../../facts/block/uevent.ts'
import { readdirIfThere, readlinkIfThere, readTextIfThere, type DeviceKernel } from './device-kernel.ts'

const classBlock = '/sys/class/block'
/** The unit of 'size' and 'start' in sysfs, whatever the sectors of the disk are. */
const sysfsSector = 512

/** The names of all block devices as sysfs spells them, in no order. */
export function listBlockNames(kernel: DeviceKernel): string[] {
  return readdirIfThere(kernel, classBlock)
}

/** The name of the device with this number, or null. */
export function blockNameOf(kernel: DeviceKernel, major: number, minor: number): string | null {
  return readlinkIfThere(kernel, `/sys/dev/block/${major}:${minor}`)?.split('/').at(-1) ?? null
}

/** One device by its name in sysfs (with '!' for '/'), or null when it has gone. */
export function readBlockDevice(kernel: DeviceKernel, sysfsName: string): DeviceFacts | null {
  const directory = `${classBlock}/${sysfsName}`
  const uevent = readTextIfThere(kernel, `${directory}/uevent`)
  if (uevent === null) return null
  const values = parseUeventFile(uevent)
  const isPartition = values.get('DEVTYPE') === 'partition'
  const sectors = Number(readTextIfThere(kernel, `${directory}/size`) ?? '0')
  const isMapped = /^(dm-|md)/.test(sysfsName)
  return {
    name: sysfsName.replaceAll('!', '/'),
    major: Number(values.get('MAJOR') ?? '0'),
    minor: Number(values.get('MINOR') ?? '0'),
    sizeBytes: sectors * sysfsSector,
    isReadOnly: readTextIfThere(kernel, `${directory}/ro`) === '1',
    kind: isPartition ? 'partition' : 'disk',
    partition: isPartition ? partitionNumber(kernel, directory, values) : null,
    parent: isPartition ? parentOf(kernel, directory) : null,
    diskseq: values.get('DISKSEQ') ?? null,
    mapperName: sysfsName.startsWith('dm-') ? readTextIfThere(kernel, `${directory}/dm/name`) : null,
    backingFile:
      sysfsName.startsWith('loop') && sectors > 0 && !isPartition
        ? readTextIfThere(kernel, `${directory}/loop/backing_file`)
        : null,
    slaves: isMapped ? readdirIfThere(kernel, `${directory}/slaves`).map(s => s.replaceAll('!', '/')) : [],
    kernelPartUuid: values.get('PARTUUID')?.toLowerCase() ?? null,
    kernelPartLabel: values.get('PARTNAME') ?? null,
    links: [],
  }
}

/** Logical sector size of a disk in bytes; 512 when sysfs does not say. */
export function logicalSectorSize(kernel: DeviceKernel, name: string): number {
  const text = readTextIfThere(kernel, `${classBlock}/${name.replaceAll('/', '!')}/queue/logical_block_size`)
  return text === null ? 512 : Number(text)
}

function partitionNumber(kernel: DeviceKernel, directory: string, values: ReadonlyMap<string, string>): number | null {
  const text = values.get('PARTN') ?? readTextIfThere(kernel, `${directory}/partition`)
  return text === null ? null : Number(text)
}

/** '../../devices/…/block/vda/vda1' names vda. */
function parentOf(kernel: DeviceKernel, directory: string): string | null {
  const target = readlinkIfThere(kernel, directory)
  const disk = target?.split('/').at(-2)
  return disk === undefined ? null : disk.replaceAll('!', '/')
}
