// Superblock of squashfs.
//
// It has neither UUID nor label. Kernels since 2.6.29 mount version 4.0 only; older images are told
// apart because they look alike to a person. Source: fs/squashfs/squashfs_fs.h.

import { be32, le16, le64 } from '../bytes.ts'
import { superblock, type SuperblockProber } from '../superblock.ts'

export const squashfsProber: SuperblockProber = {
  window: { offset: 0, length: 96 },
  probe(bytes) {
    if (be32(bytes, 0) !== 0x68737173) return null
    const version = le16(bytes, 28)
    return superblock({
      type: version >= 4 ? 'squashfs' : 'squashfs3',
      usage: 'filesystem',
      sizeBytes: version >= 4 ? le64(bytes, 40) : null,
      damaged: version === 4 ? null : `it is version ${version}, the kernel mounts version 4`,
      dirty: false,
    })
  },
}
