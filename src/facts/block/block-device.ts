// BlockDevice: one block device as data: what sysfs says of it and what is on it.
//
// The matcher, the time-out report and `fulcrum blk` work on these and never touch a disk.
// See sysfs(5), Documentation/ABI/stable/sysfs-block.

import type { PartitionTable } from './partition-table.ts'
import type { Superblock } from './superblock.ts'

/** What the kernel says of a device, without reading a byte from it. */
export interface DeviceFacts {
  /** The kernel's name: 'vda1', 'dm-0'; a '!' of sysfs already turned into '/'. */
  readonly name: string
  readonly major: number
  readonly minor: number
  /** Bytes. 0 for an unused loop device or an empty drive. */
  readonly sizeBytes: number
  readonly isReadOnly: boolean
  /** 'disk' or 'partition', as DEVTYPE. */
  readonly kind: 'disk' | 'partition'
  /** The number of a partition, or null. */
  readonly partition: number | null
  /** The disk of a partition, by name, or null. */
  readonly parent: string | null
  /** Changes when another medium is inserted or a loop device gets another file; since Linux 5.15, else null. */
  readonly diskseq: string | null
  /** Name under /dev/mapper of a device-mapper device. */
  readonly mapperName: string | null
  /** The file behind a loop device. */
  readonly backingFile: string | null
  /** Devices below this one (dm, md), by name. */
  readonly slaves: readonly string[]
  /** From the kernel's uevent, since Linux 6.9 for the first; null where it does not say. */
  readonly kernelPartUuid: string | null
  readonly kernelPartLabel: string | null
  /** Other names under /dev that were asked for and lead here, for instance '/dev/disk/by-id/x'. */
  readonly links: readonly string[]
}

/** What reading the device told. */
export interface DeviceContents {
  readonly superblock: Superblock | null
  readonly table: PartitionTable | null
  /** Why it could not be read, or null. */
  readonly error: string | null
  /** ENXIO: the kernel makes a disk's name and node before it can be opened, and its event comes after that. */
  readonly isBeingAdded?: boolean
}

export interface BlockDevice extends DeviceFacts, DeviceContents {
  /** '/dev/vda1'. */
  readonly path: string
  /** From the table of its disk, or from the kernel. */
  readonly partUuid: string | null
  readonly partLabel: string | null
  /** From the table of its disk; null where that was not read. */
  readonly partType: string | null
  readonly partTypeAttributes: number
}

/** Contents of a device that nobody has looked at. */
export const unread: DeviceContents = { superblock: null, table: null, error: null }

/**
 * Puts a device together. `parentTable` is the table of its disk, or null; where the kernel and the
 * table disagree the kernel is right, since it made the partition.
 */
export function makeBlockDevice(
  facts: DeviceFacts,
  contents: DeviceContents,
  parentTable: PartitionTable | null,
): BlockDevice {
  const entry = facts.partition === null ? undefined : parentTable?.entries.find(e => e.number === facts.partition)
  return {
    ...facts,
    ...contents,
    path: `/dev/${facts.name}`,
    partUuid: facts.kernelPartUuid ?? entry?.uuid ?? null,
    partLabel: facts.kernelPartLabel ?? entry?.label ?? null,
    partType: entry?.partitionType ?? null,
    partTypeAttributes: entry?.typeAttributes ?? 0,
  }
}
