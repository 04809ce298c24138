// Members of arrays that the firmware of a machine knows: Intel's metadata (IMSM, "RST") and DDF.
//
// At the end of a disk, so that a half of a mirror looks like the file system on it: found before any of those, as md's
// own old formats are. Source: mdadm super-intel.c (MPB_SIGNATURE), super-ddf.c (DDF_HEADER_MAGIC).

import { hasText, type ReadAt } from '../bytes.ts'
import { superblock, type Superblock, type SuperblockProber } from '../superblock.ts'

const sector = 512

export const firmwareRaidProber: SuperblockProber = {
  window: { offset: 0, length: sector },
  probe: (_bytes, read, sizeBytes) => atEnd(read, sizeBytes),
}

function atEnd(read: ReadAt, sizeBytes: number): Superblock | null {
  const end = sizeBytes - (sizeBytes % sector)
  // Smaller ones are no disks.
  if (end < 1 << 20) return null
  const bytes = read(end - 2 * sector, 2 * sector)
  if (bytes === null) return null
  if (hasText(bytes, 0, 'Intel Raid ISM Cfg Sig. ')) return superblock({ type: 'isw_raid_member', usage: 'raid' })
  const isDdf = [0xde, 0x11, 0xde, 0x11].every((byte, at) => bytes[sector + at] === byte)
  return isDdf ? superblock({ type: 'ddf_raid_member', usage: 'raid' }) : null
}
