// The structures of statmount(2): what is asked, and what comes back.
//
// Bytes only, so that the layout can be tested without a kernel that has the call (since Linux 6.8; by descriptor
// since 7.0). struct mnt_id_req, struct statmount: include/uapi/linux/mount.h.

import { makeDev } from '../facts/mountinfo.ts'
import type { Fd, MountIdentity } from './kernel.ts'

const STATMOUNT_SB_BASIC = 0x1
const STATMOUNT_MNT_BASIC = 0x2
const STATMOUNT_FS_TYPE = 0x20
/** KERNEL(7.0): flag of the call. */
const STATMOUNT_BY_FD = 0x1

/** First published size of struct mnt_id_req, which every kernel takes. */
const MNT_ID_REQ_SIZE_VER0 = 24
/** Where the strings begin. */
const STRINGS = 512
/** Room for the structure and the one string that is asked for. */
export const STATMOUNT_BYTES = STRINGS + 256

/** struct mnt_id_req, and the flags argument. */
export function statmountRequest(mount: { readonly id: bigint } | { readonly fd: Fd }): { readonly request: Buffer; readonly flags: number } {
  const request = Buffer.alloc(MNT_ID_REQ_SIZE_VER0)
  request.writeUInt32LE(MNT_ID_REQ_SIZE_VER0, 0)
  if ('fd' in mount) request.writeUInt32LE(mount.fd, 4)
  else request.writeBigUInt64LE(mount.id, 8)
  request.writeBigUInt64LE(BigInt(STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC | STATMOUNT_FS_TYPE), 16)
  return { request, flags: 'fd' in mount ? STATMOUNT_BY_FD : 0 }
}

/** The fields of struct statmount that are used. */
export function readStatmount(answer: Buffer): MountIdentity {
  const start = STRINGS + answer.readUInt32LE(36)
  const end = answer.indexOf(0, start)
  return {
    dev: makeDev(answer.readUInt32LE(16), answer.readUInt32LE(20)),
    fstype: answer.toString('utf8', start, end < 0 ? answer.length : end),
    id: answer.readBigUInt64LE(40),
    parentId: answer.readBigUInt64LE(48),
  }
}
