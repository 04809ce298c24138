// Superblock of bcachefs.
//
// Since Linux 6.7, out of the kernel's tree again since 6.18. Source: bcachefs_format.h (struct bch_sb).

import { hex, textAt, u8, uuidAt } from '../bytes.ts'
import { superblock, type SuperblockProber } from '../superblock.ts'

const magic = 'c68573f666ce90a9d96a60cf803df7ef'

export const bcachefsProber: SuperblockProber = {
  window: { offset: 4096, length: 512 },
  probe(bytes) {
    if (hex(bytes, 24, 16) !== magic) return null
    return superblock({
      type: 'bcachefs',
      usage: 'filesystem',
      uuid: uuidAt(bytes, 56),
      label: textAt(bytes, 72, 32),
      deviceCount: Math.max(1, u8(bytes, 123)),
    })
  },
}
