// Superblock: what the first blocks of a device say about what is on it.
//
// The spelling of types, UUIDs and labels is that of blkid(8), since those are what people copy to
// the kernel command line. A damaged superblock is still reported, with the reason: "no such root"
// and "your root is damaged" need different answers from the person at the console.

import type { ReadAt, Window } from './bytes.ts'

/** What kind of thing a superblock belongs to: only a 'filesystem' can be mounted. */
export type Usage = 'filesystem' | 'raid' | 'crypto' | 'other'

export interface Superblock {
  /** blkid's TYPE: 'ext4', 'xfs', 'vfat', 'crypto_LUKS', 'LVM2_member', 'linux_raid_member', 'swap', … */
  readonly type: string
  readonly usage: Usage
  /** blkid's UUID, in its spelling; null where there is none. */
  readonly uuid: string | null
  readonly label: string | null
  /** Bytes that the file system says it covers; null where it does not say. */
  readonly sizeBytes: number | null
  /** Why it will not mount or not be whole, without full stop; null when nothing is wrong with it. */
  readonly damaged: string | null
  /** True when it was not unmounted cleanly (its journal will be replayed); null where that cannot be seen. */
  readonly dirty: boolean | null
  /** How many devices the file system has (btrfs); 1 for all others. */
  readonly deviceCount: number
  /** Level of the array that the device is a member of, as md numbers it (1 is RAID 1, -1 linear); null: no md array. */
  readonly raidLevel: number | null
}

/** Recognises one type. */
export interface SuperblockProber {
  /** Where its superblock is. The reader of a device fetches these; more can be read on demand. */
  readonly window: Window
  /**
   * `bytes` is the window, `read` reaches the rest, `sizeBytes` is the size of the device.
   * Returns null when this type is not there.
   */
  probe(bytes: Uint8Array, read: ReadAt, sizeBytes: number): Superblock | null
}

type Essential = Pick<Superblock, 'type' | 'usage'>

/** A Superblock with the usual values where none are given. */
export function superblock(fields: Essential & Partial<Superblock>): Superblock {
  return { uuid: null, label: null, sizeBytes: null, damaged: null, dirty: null, deviceCount: 1, raidLevel: null, ...fields }
}

/** The reason given for a superblock whose checksum is wrong. */
export const checksumMismatch = 'the checksum of its superblock is wrong'
