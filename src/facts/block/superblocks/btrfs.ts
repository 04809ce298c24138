// Superblock of btrfs.
//
// At 64 KiB, with mirrors at 64 MiB and 256 GiB. A file system may have several devices, all with
// the same UUID: the kernel mounts it only when it has been told of each of them.
// Source: include/uapi/linux/btrfs_tree.h (struct btrfs_super_block).

import { hasText, le16, le32, le64, textAt, uuidAt, type ReadAt } from '../bytes.ts'
import { crc32c } from '../checksum.ts'
import { checksumMismatch, superblock, type Superblock, type SuperblockProber } from '../superblock.ts'

const size = 4096
const mirrorOffset = 64 * 1024 * 1024
const csumTypeCrc32c = 0

const hasMagic = (b: Uint8Array): boolean => hasText(b, 64, '_BHRfS_M')

export const btrfsProber: SuperblockProber = {
  window: { offset: 64 * 1024, length: size },
  probe: bytes => (hasMagic(bytes) ? parse(bytes) : null),
}

/** For a device on which nothing was recognised: the mirror of a superblock that is gone. */
export function probeBtrfsMirror(read: ReadAt): Superblock | null {
  const bytes = read(mirrorOffset, size)
  if (bytes === null || !hasMagic(bytes) || isChecksumWrong(bytes)) return null
  return { ...parse(bytes), damaged: "its superblock is gone, a mirror is at 64 MiB ('btrfs rescue super-recover')" }
}

function parse(bytes: Uint8Array): Superblock {
  return superblock({
    type: 'btrfs',
    usage: 'filesystem',
    uuid: uuidAt(bytes, 32),
    label: textAt(bytes, 299, 256),
    // The size on this device (dev_item), not that of all devices together.
    sizeBytes: le64(bytes, 209),
    damaged: isChecksumWrong(bytes) ? checksumMismatch : null,
    // A log tree is left when it was not unmounted.
    dirty: le64(bytes, 96) !== 0,
    deviceCount: Math.max(1, le64(bytes, 136)),
  })
}

/** xxhash, sha256 and blake2 are not checked. */
function isChecksumWrong(bytes: Uint8Array): boolean {
  return le16(bytes, 196) === csumTypeCrc32c && crc32c(bytes.subarray(32)) !== le32(bytes, 0)
}
