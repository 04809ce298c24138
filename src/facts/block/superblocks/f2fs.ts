// Superblock of F2FS.
//
// Two copies, at 1 KiB and one block later. Source: include/linux/f2fs_fs.h (struct f2fs_super_block).

import { le32, le64, utf16At, uuidAt } from '../bytes.ts'
import { superblock, type Superblock, type SuperblockProber } from '../superblock.ts'

const magic = 0xf2f52010
const copyAt = 4096

export const f2fsProber: SuperblockProber = {
  window: { offset: 1024, length: 4096 + 1152 },
  probe(bytes) {
    if (le32(bytes, 0) === magic) return parse(bytes, null)
    const copy = bytes.subarray(copyAt)
    // The kernel itself falls back to the copy, so this is a remark and no obstacle.
    return le32(copy, 0) === magic ? parse(copy, 'its first superblock is gone, the second is good') : null
  },
}

function parse(bytes: Uint8Array, damaged: string | null): Superblock {
  return superblock({
    type: 'f2fs',
    usage: 'filesystem',
    uuid: uuidAt(bytes, 108),
    label: utf16At(bytes, 124, 512),
    sizeBytes: le64(bytes, 36) * 2 ** le32(bytes, 16),
    damaged,
  })
}
