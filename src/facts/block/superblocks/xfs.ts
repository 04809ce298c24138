// Superblock of XFS.
//
// Big-endian, at the very start of the device. Version 5 has a CRC over one sector. The state of the
// log cannot be seen without walking it, so 'dirty' stays unknown.
// Source: fs/xfs/libxfs/xfs_format.h (struct xfs_dsb).

import { be16, be32, be64, hasText, le32, textAt, uuidAt, type ReadAt } from '../bytes.ts'
import { crc32c, withZeros } from '../checksum.ts'
import { checksumMismatch, superblock, type SuperblockProber } from '../superblock.ts'

const crcAt = 224
/** xfs_repair has begun and must be ended (since Linux 5.10). */
const incompatNeedsRepair = 0x10

export const xfsProber: SuperblockProber = {
  window: { offset: 0, length: 512 },
  probe(bytes, read) {
    if (!hasText(bytes, 0, 'XFSB')) return null
    return superblock({
      type: 'xfs',
      usage: 'filesystem',
      uuid: uuidAt(bytes, 32),
      label: textAt(bytes, 108, 12),
      sizeBytes: be64(bytes, 8) * be32(bytes, 4),
      damaged: damageOf(bytes, read),
    })
  },
}

function damageOf(bytes: Uint8Array, read: ReadAt): string | null {
  const isVersion5 = (be16(bytes, 100) & 0xf) === 5
  if (bytes[126] !== 0) return 'its mkfs was never finished'
  if (!isVersion5) return null
  const sector = read(0, be16(bytes, 102))
  if (sector === null || crc32c(withZeros(sector, crcAt, 4)) !== le32(sector, crcAt)) return checksumMismatch
  if ((be32(bytes, 216) & incompatNeedsRepair) !== 0) return "it needs 'xfs_repair'"
  return null
}
