// Superblock of a device with the hashes of dm-verity, as veritysetup writes it.
//
// Source: Documentation/admin-guide/device-mapper/verity.rst, cryptsetup's wiki (DMVerity, on-disk format 1).

import { hasText, le32, uuidAt } from '../bytes.ts'
import { superblock, type SuperblockProber } from '../superblock.ts'

export const verityProber: SuperblockProber = {
  window: { offset: 0, length: 64 },
  probe(bytes) {
    if (!hasText(bytes, 0, 'verity\0\0')) return null
    return superblock({
      type: 'DM_verity_hash',
      usage: 'crypto',
      uuid: uuidAt(bytes, 16),
      damaged: le32(bytes, 8) === 1 ? null : `it is version ${le32(bytes, 8)}, known is version 1`,
    })
  },
}
