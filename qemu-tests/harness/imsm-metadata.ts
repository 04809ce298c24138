// Reads what Intel's RAID metadata at the end of a disk say about its array. mdadm --examine would, but it asks the
// disk for its sector size by an ioctl, which a file does not know.
// Source: the layout that mdadm's super-intel.c gives for "struct imsm_super", little endian, sectors of 512 bytes.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

export interface ImsmArray {
  /** Counts the writes of the metadata; the same on all members. */
  readonly generation: number
  /** The array was not stopped after its last write. */
  readonly isDirty: boolean
  /** 0 normal, 1 not initialized, 2 degraded, 3 failed. */
  readonly mapState: number
  readonly isMigrating: boolean
}

const SIGNATURE = 'Intel Raid ISM Cfg Sig. '
/** The metadata begin in the last sector but one. */
const FROM_END = 1024
const DISKS_AT = 0xd8
const DISK_BYTES = 48
/** Offsets in the description of the first volume. */
const MIGRATING_AT = 0x58
const DIRTY_AT = 0x5a
const MAP_STATE_AT = 0x7e

/** The first volume of metadata in their 1024 bytes; null if these are none. */
export function parseImsm(bytes: Buffer): ImsmArray | null {
  if (bytes.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE) return null
  const volume = DISKS_AT + DISK_BYTES * bytes.readUInt8(0x38)
  return {
    generation: bytes.readUInt32LE(0x2c),
    isDirty: bytes.readUInt8(volume + DIRTY_AT) !== 0,
    isMigrating: bytes.readUInt8(volume + MIGRATING_AT) !== 0,
    mapState: bytes.readUInt8(volume + MAP_STATE_AT),
  }
}

/** The same of a disk image. */
export function readImsm(path: string): ImsmArray | null {
  const fd = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(FROM_END)
    readSync(fd, bytes, 0, FROM_END, fstatSync(fd).size - FROM_END)
    return parseImsm(bytes)
  } finally {
    closeSync(fd)
  }
}
