// Boot sector and volume name of NTFS.
//
// Source: Linux fs/ntfs3/ntfs.h (struct NTFS_BOOT, struct MFT_REC, struct ATTRIB).

import { hasText, hex, le16, le32, le64, u8, utf16At, type ReadAt } from '../bytes.ts'
import { superblock, type SuperblockProber } from '../superblock.ts'

const recordVolume = 3
const attributeVolumeName = 0x60
const attributeEnd = 0xffffffff

export const ntfsProber: SuperblockProber = {
  window: { offset: 0, length: 512 },
  probe(bytes, read) {
    if (!hasText(bytes, 3, 'NTFS    ')) return null
    const serial = hex(bytes, 72, 8).match(/../g)?.reverse().join('').toUpperCase() ?? ''
    return superblock({
      type: 'ntfs',
      usage: 'filesystem',
      uuid: serial,
      label: labelOf(bytes, read),
      sizeBytes: le64(bytes, 40) * le16(bytes, 11),
    })
  },
}

function labelOf(bytes: Uint8Array, read: ReadAt): string | null {
  const clusterSize = le16(bytes, 11) * u8(bytes, 13)
  // A positive size is in clusters, a negative one is a power of two in bytes.
  const code = u8(bytes, 64)
  const recordSize = code < 128 ? code * clusterSize : 2 ** (256 - code)
  if (recordSize < 512 || recordSize > 65536) return null
  const record = read(le64(bytes, 48) * clusterSize + recordVolume * recordSize, recordSize)
  if (record === null || !hasText(record, 0, 'FILE')) return null
  for (let at = le16(record, 20); at + 24 <= record.length && le32(record, at) !== attributeEnd; ) {
    const length = le32(record, at + 4)
    if (le32(record, at) === attributeVolumeName) {
      return utf16At(record, at + le16(record, at + 20), Math.floor(le32(record, at + 16) / 2))
    }
    if (length < 16) return null
    at += length
  }
  return null
}
