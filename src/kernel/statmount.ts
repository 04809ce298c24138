// The structures of statmount(2): what is asked, and what comes back.
//
// Bytes only, so that the layout can be tested without a kernel that has the call (since Linux 6.8; by descriptor
// since 7.0). struct mnt_id_req, struct statmount: include/uapi/linux/mount.h.

import { makeDev } from '../facts/mountinfo.ts'
import { unescapeOctal } from '../facts/octal.ts'
import type { Fd, MountDetails, MountIdentity } from './kernel.ts'

const STATMOUNT_SB_BASIC = 0x1
const STATMOUNT_MNT_BASIC = 0x2
const STATMOUNT_FS_TYPE = 0x20
/** KERNEL(7.0): flag of the call. */
const STATMOUNT_BY_FD = 0x1

/** First published size of struct mnt_id_req, which every kernel takes. */
const MNT_ID_REQ_SIZE_VER0 = 24
/** With mnt_ns_id; since Linux 6.11. */
const MNT_ID_REQ_SIZE_VER1 = 32
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

const STATMOUNT_DETAILS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x200
const LSMT_ROOT = 0xffffffffffffffffn
const MS_UNBINDABLE = 1 << 17
const MS_SHARED = 1 << 20

/** struct mnt_id_req for all that MountDetails has; the kernel leaves out what it does not know. */
export function detailsRequest(id: bigint, namespace?: bigint): Buffer {
  return idRequest(id, BigInt(STATMOUNT_DETAILS), namespace)
}

/** struct mnt_id_req of listmount(2): the ids behind `after`. */
export function listmountRequest(below: bigint | 'root', after: bigint, namespace?: bigint): Buffer {
  return idRequest(below === 'root' ? LSMT_ROOT : below, after, namespace)
}

function idRequest(id: bigint, param: bigint, namespace?: bigint): Buffer {
  const size = namespace === undefined ? MNT_ID_REQ_SIZE_VER0 : MNT_ID_REQ_SIZE_VER1
  const request = Buffer.alloc(size)
  request.writeUInt32LE(size, 0)
  if (namespace !== undefined) request.writeBigUInt64LE(namespace, 24)
  request.writeBigUInt64LE(id, 8)
  request.writeBigUInt64LE(param, 16)
  return request
}

/** MOUNT_ATTR_* in the words and the order of mountinfo. */
function attributeNames(attr: bigint): string[] {
  const has = (bit: bigint): boolean => (attr & bit) !== 0n
  return [
    has(0x1n) ? 'ro' : 'rw',
    ...(has(0x2n) ? ['nosuid'] : []),
    ...(has(0x4n) ? ['nodev'] : []),
    ...(has(0x8n) ? ['noexec'] : []),
    ...(has(0x10n) ? ['noatime'] : []),
    ...(has(0x80n) ? ['nodiratime'] : []),
    ...((attr & 0x70n) === 0n ? ['relatime'] : []),
    ...(has(0x200000n) ? ['nosymfollow'] : []),
    ...(has(0x100000n) ? ['idmapped'] : []),
  ]
}

/** SB_* in the words and the order of mountinfo. */
function superNames(flags: number): string[] {
  return [
    flags & 0x1 ? 'ro' : 'rw',
    ...(flags & 0x10 ? ['sync'] : []),
    ...(flags & 0x80 ? ['dirsync'] : []),
    ...(flags & 0x2000000 ? ['lazytime'] : []),
  ]
}

/** The answer to detailsRequest. A string is there only if its bit came back. */
export function readDetails(answer: Buffer): MountDetails {
  const mask = answer.readBigUInt64LE(8)
  const text = (bit: number, field: number): string | null => {
    if ((mask & BigInt(bit)) === 0n) return null
    const start = STRINGS + answer.readUInt32LE(field)
    const end = answer.indexOf(0, start)
    return answer.toString('utf8', start, end < 0 ? answer.length : end)
  }
  const [major, minor] = [answer.readUInt32LE(16), answer.readUInt32LE(20)]
  const spread = Number(answer.readBigUInt64LE(72))
  const [group, master, from] = [80, 88, 96].map((field) => Number(answer.readBigUInt64LE(field)))
  const subtype = text(0x100, 120)
  const superOptions = text(0x80, 4)
  return {
    id: answer.readBigUInt64LE(40),
    parentId: answer.readBigUInt64LE(48),
    oldId: answer.readUInt32LE(56),
    oldParentId: answer.readUInt32LE(60),
    dev: makeDev(major, minor),
    major,
    minor,
    root: text(0x8, 104) ?? '/',
    // An unreachable mount has an empty one on some kernels, and none on others.
    mountPoint: text(0x10, 108) || null,
    options: attributeNames(answer.readBigUInt64LE(64)),
    superOptions: [...superNames(answer.readUInt32LE(32)), ...(superOptions ? superOptions.split(',').map(unescapeOctal) : [])],
    propagation: {
      ...(spread & MS_SHARED && group !== undefined ? { shared: group } : {}),
      ...(master ? { master } : {}),
      ...(from && from !== master ? { propagateFrom: from } : {}),
      ...(spread & MS_UNBINDABLE ? { unbindable: true } : {}),
    },
    fstype: `${text(0x20, 36) ?? ''}${subtype ? `.${subtype}` : ''}`,
    source: text(0x200, 124),
  }
}
