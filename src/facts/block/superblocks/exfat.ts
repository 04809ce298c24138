// Boot sector of exFAT.
//
// Source: Microsoft exFAT specification 3.1 (boot sector) and 7.3 (volume label entry).

import { hasText, le16, le32, le64, u8, utf16At, type ReadAt } from '../bytes.ts'
import { superblock, type SuperblockProber } from '../superblock.ts'
import { serialText } from './fat.ts'

const entrySize = 32
const entryVolumeLabel = 0x83
const flagDirty = 2

export const exfatProber: SuperblockProber = {
  window: { offset: 0, length: 512 },
  probe(bytes, read) {
    if (!hasText(bytes, 3, 'EXFAT   ')) return null
    return superblock({
      type: 'exfat',
      usage: 'filesystem',
      uuid: serialText(bytes, 100),
      label: labelOf(bytes, read),
      sizeBytes: le64(bytes, 72) * 2 ** u8(bytes, 108),
      dirty: (le16(bytes, 106) & flagDirty) !== 0,
    })
  },
}

/** The label in the first cluster of the root directory, where every formatter puts it. */
function labelOf(bytes: Uint8Array, read: ReadAt): string | null {
  const sectorShift = u8(bytes, 108)
  const clusterShift = sectorShift + u8(bytes, 109)
  if (clusterShift > 25) return null
  const heapAt = le32(bytes, 88) * 2 ** sectorShift
  const entries = read(heapAt + (le32(bytes, 96) - 2) * 2 ** clusterShift, Math.min(2 ** clusterShift, 4096))
  for (let at = 0; entries !== null && at + entrySize <= entries.length; at += entrySize) {
    if (u8(entries, at) === entryVolumeLabel) return utf16At(entries, at + 2, Math.min(u8(entries, at + 1), 11))
    if (u8(entries, at) === 0) return null
  }
  return null
}
