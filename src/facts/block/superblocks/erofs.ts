// Superblock of EROFS.
//
// Source: fs/erofs/erofs_fs.h (struct erofs_super_block).

import { le32, textAt, u8, uuidAt, type ReadAt } from '../bytes.ts'
import { crc32cRaw, withZeros } from '../checksum.ts'
import { checksumMismatch, superblock, type SuperblockProber } from '../superblock.ts'

const at = 1024
const compatChecksum = 1

export const erofsProber: SuperblockProber = {
  window: { offset: at, length: 128 },
  probe(bytes, read) {
    if (le32(bytes, 0) !== 0xe0f5e1e2) return null
    return superblock({
      type: 'erofs',
      usage: 'filesystem',
      uuid: uuidAt(bytes, 48),
      label: textAt(bytes, 64, 16),
      sizeBytes: le32(bytes, 36) * 2 ** u8(bytes, 12),
      damaged: (le32(bytes, 8) & compatChecksum) !== 0 && isChecksumWrong(bytes, read) ? checksumMismatch : null,
      dirty: false,
    })
  },
}

/** The checksum covers the rest of the block in which the superblock is, without the boot sector's 1024 bytes. */
function isChecksumWrong(bytes: Uint8Array, read: ReadAt): boolean {
  const blockSize = 2 ** u8(bytes, 12)
  if (blockSize > 64 * 1024) return true
  const covered = read(at, blockSize > at ? blockSize - at : blockSize)
  return covered === null || crc32cRaw(withZeros(covered, 4, 4)) !== le32(bytes, 4)
}
