// Label of an LVM2 physical volume.
//
// In one of the first four sectors. Reported so that a person sees that the root is probably a
// logical volume on it. Source: LVM2 lib/format_text/layout.h, lib/label/label.h.

import { hasText, le32, le64, textAt } from '../bytes.ts'
import { crc32Raw } from '../checksum.ts'
import { checksumMismatch, superblock, type SuperblockProber } from '../superblock.ts'

const sectorSize = 512
const crcSeed = 0xf597a6cf
const groups = [6, 4, 4, 4, 4, 4, 6]

export const lvmProber: SuperblockProber = {
  window: { offset: 0, length: 4 * sectorSize },
  probe(bytes) {
    for (let at = 0; at + sectorSize <= bytes.length; at += sectorSize) {
      if (!hasText(bytes, at, 'LABELONE') || !hasText(bytes, at + 24, 'LVM2 001')) continue
      const sector = bytes.subarray(at, at + sectorSize)
      const header = le32(sector, 20)
      return superblock({
        type: 'LVM2_member',
        usage: 'raid',
        uuid: grouped(textAt(sector, header, 32, 'latin1') ?? ''),
        sizeBytes: le64(sector, header + 32),
        damaged: crc32Raw(sector.subarray(20), crcSeed) === le32(sector, 16) ? null : checksumMismatch,
      })
    }
    return null
  },
}

/** LVM's own grouping of its 32 characters. */
function grouped(id: string): string | null {
  if (id.length !== 32) return null
  const parts: string[] = []
  let at = 0
  for (const length of groups) parts.push(id.slice(at, (at += length)))
  return parts.join('-')
}
