// Superblock of ext2, ext3 and ext4.
//
// The three are one format; which name applies is decided by the features as blkid does it: ext4 is
// what ext3 would refuse. Source: fs/ext4/ext4.h (struct ext4_super_block), ext4(5).

import { le16, le32, textAt, uuidAt, type ReadAt } from '../bytes.ts'
import { crc32cRaw } from '../checksum.ts'
import { checksumMismatch, superblock, type Superblock, type SuperblockProber } from '../superblock.ts'

const incompatRecover = 0x4
const incompatJournalDevice = 0x8
const incompat64bit = 0x80
const compatHasJournal = 0x4
const roCompatMetadataCsum = 0x400
// What ext2 and ext3 understand; anything beyond makes it ext4.
const ext2Incompat = 0x2 | 0x10
const ext3Incompat = ext2Incompat | incompatRecover
const ext23RoCompat = 0x1 | 0x2 | 0x4
const stateValid = 1
const stateError = 2

/** Where the first backup superblock is for each block size; the copy stands at the start of its block. */
const backups = [
  { offset: 8193 * 1024, block: 8193, blockSize: 1024 },
  { offset: 16384 * 2048, block: 16384, blockSize: 2048 },
  { offset: 32768 * 4096, block: 32768, blockSize: 4096 },
]

const hasMagic = (b: Uint8Array): boolean => le16(b, 0x38) === 0xef53

export const extProber: SuperblockProber = {
  window: { offset: 1024, length: 1024 },
  probe: bytes => (hasMagic(bytes) ? parse(bytes) : null),
}

/**
 * For a device on which nothing was recognised: an ext file system whose first superblock is gone
 * still has copies. Costs up to three reads, so it is not among the ordinary probers.
 */
export function probeExtBackup(read: ReadAt): Superblock | null {
  for (const { offset, block, blockSize } of backups) {
    const bytes = read(offset, 1024)
    if (bytes === null || !hasMagic(bytes) || 1024 << le32(bytes, 0x18) !== blockSize) continue
    const found = parse(bytes)
    if (found === null || found.damaged === checksumMismatch) continue
    return { ...found, damaged: `its superblock is gone, a copy is at block ${block} ('e2fsck -b ${block}')` }
  }
  return null
}

function parse(bytes: Uint8Array): Superblock | null {
  const compat = le32(bytes, 0x5c)
  const incompat = le32(bytes, 0x60)
  const roCompat = le32(bytes, 0x64)
  const logBlockSize = le32(bytes, 0x18)
  if (logBlockSize > 6) return null
  const isJournal = (incompat & incompatJournalDevice) !== 0
  const blocksHigh = (incompat & incompat64bit) !== 0 ? le32(bytes, 0x150) : 0
  const state = le16(bytes, 0x3a)
  const isUnclean = (incompat & incompatRecover) !== 0 || (state & stateValid) === 0 || (state & stateError) !== 0
  const isChecksumWrong =
    (roCompat & roCompatMetadataCsum) !== 0 && crc32cRaw(bytes.subarray(0, 0x3fc)) !== le32(bytes, 0x3fc)
  return superblock({
    type: isJournal ? 'jbd' : typeOf(compat, incompat, roCompat),
    usage: isJournal ? 'other' : 'filesystem',
    uuid: uuidAt(bytes, 0x68),
    label: textAt(bytes, 0x78, 16),
    sizeBytes: (blocksHigh * 2 ** 32 + le32(bytes, 4)) * (1024 << logBlockSize),
    damaged: isChecksumWrong ? checksumMismatch : le32(bytes, 4) === 0 ? 'its superblock says it has no blocks' : null,
    dirty: isUnclean,
  })
}

function typeOf(compat: number, incompat: number, roCompat: number): 'ext2' | 'ext3' | 'ext4' {
  const hasJournal = (compat & compatHasJournal) !== 0
  const isBeyond = (understood: number): boolean =>
    (incompat & ~understood) !== 0 || (roCompat & ~ext23RoCompat) !== 0
  if (hasJournal) return isBeyond(ext3Incompat) ? 'ext4' : 'ext3'
  return isBeyond(ext2Incompat) ? 'ext4' : 'ext2'
}
