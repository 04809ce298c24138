// Superblocks of Linux software RAID (md), formats 1.0, 1.1, 1.2 and 0.90.
//
// 1.0 and 0.90 stand at the end of a device, whose start then looks like the file system on the
// array: they have to be found first, or a single half of a mirror would be mounted as the root.
// Source: include/uapi/linux/raid/md_p.h.

import { hex, le32, le64, textAt, uuidAt, type ReadAt } from '../bytes.ts'
import { superblock, type Superblock, type SuperblockProber } from '../superblock.ts'

const magic = 0xa92b4efc
const sector = 512

export const mdRaidProber: SuperblockProber = {
  window: { offset: 0, length: 4096 + 256 },
  probe: (bytes, read, sizeBytes) =>
    version1(bytes, 0) ?? version1(bytes.subarray(4096), 4096) ?? atEnd(read, sizeBytes),
}

function atEnd(read: ReadAt, sizeBytes: number): Superblock | null {
  const sectors = Math.floor(sizeBytes / sector)
  if (sectors < 256) return null
  const offset10 = Math.floor((sectors - 16) / 8) * 8 * sector
  const bytes10 = read(offset10, 256)
  const found10 = bytes10 === null ? null : version1(bytes10, offset10)
  if (found10 !== null) return found10
  const bytes090 = read((Math.floor(sectors / 128) - 1) * 128 * sector, 256)
  return bytes090 === null ? null : version090(bytes090)
}

function version1(bytes: Uint8Array, offset: number): Superblock | null {
  // super_offset guards against the superblock of an outer device that ends where this one does.
  if (le32(bytes, 0) !== magic || le32(bytes, 4) !== 1 || le64(bytes, 144) * sector !== offset) return null
  return superblock({
    type: 'linux_raid_member',
    usage: 'raid',
    uuid: uuidAt(bytes, 16),
    label: textAt(bytes, 32, 32),
    raidLevel: le32(bytes, 72) | 0,
  })
}

function version090(bytes: Uint8Array): Superblock | null {
  if (le32(bytes, 0) !== magic || le32(bytes, 4) !== 0 || le32(bytes, 8) !== 90) return null
  // Four words of the machine's byte order, shown as numbers.
  const words = [20, 52, 56, 60].map(at => le32(bytes, at).toString(16).padStart(8, '0')).join('')
  const id = Uint8Array.from(words.match(/../g) ?? [], byte => parseInt(byte, 16))
  return hex(id, 0, 16) === '0'.repeat(32) ? null : superblock({ type: 'linux_raid_member', usage: 'raid', uuid: uuidAt(id, 0), raidLevel: le32(bytes, 28) | 0 })
}
