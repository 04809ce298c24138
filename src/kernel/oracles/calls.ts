// System calls of the oracles as rows of a call table, one function each, by number and without a C library.
//
// x86-64, as the tables themselves. Numbers: arch/x86/entry/syscalls/syscall_64.tbl. A negative descriptor other than
// AT_FDCWD is passed on as it is: that the kernel refuses it is what some oracles are about.

import type { RowArgument } from '../child-table.ts'

/** A row and how to name it when it surprises. */
export interface Call {
  readonly name: string
  readonly nr: number
  readonly args: readonly RowArgument[]
}

const call = (name: string, nr: number) => (...args: readonly RowArgument[]): Call => ({ name, nr, args })

/** (source, target, fstype, flags, data) */
export const mount = call('mount', 165)
/** (target, flags) */
export const umount = call('umount2', 166)
/** (new_root, put_old) */
export const pivotRoot = call('pivot_root', 155)
export const chroot = call('chroot', 161)
export const chdir = call('chdir', 80)
export const fchdir = call('fchdir', 81)
export const rmdir = call('rmdir', 84)
export const access = (path: string): Call => call('access', 21)(path, 0)
export const close = call('close', 3)
export const sethostname = (name: string): Call => call('sethostname', 170)(name, name.length)
/** (flags) */
export const unshare = call('unshare', 272)
/** (fd, type) */
export const setns = call('setns', 308)
/** (fd, request, argument) */
export const ioctl = call('ioctl', 16)
/** (flags, 0, 0, 0, 0) like fork(2). */
export const clone = (flags: number): Call => call('clone', 56)(flags, 0, 0, 0, 0)
/** (struct clone_args, size) */
export const clone3 = call('clone3', 435)
/** (pid, status, options, rusage) */
export const wait4 = call('wait4', 61)
export const exitGroup = call('exit_group', 231)
/** (fd, number, flags) */
export const dup3 = call('dup3', 292)
/** Returns 0 always: what an unconditional jump is made of. */
export const yieldCpu = call('sched_yield', 24)
export const getpid = call('getpid', 39)

export const mkdir = (path: string): Call => call('mkdir', 83)(path, 0o755)
export const creat = (path: string): Call => call('creat', 85)(path, 0o644)
/** (dirfd, path) */
export const mkdirat = (dirfd: RowArgument, path: string): Call => call('mkdirat', 258)(dirfd, path, 0o755)
/** (path, flags) */
export const open = (path: string, flags: number): Call => call('openat', 257)(-100, path, flags, 0o644)
export const openat = call('openat', 257)
export const write = (fd: RowArgument, text: string): Call => call('write', 1)(fd, text, text.length)

/** (dirfd, path, flags), since Linux 5.2 */
export const openTree = call('open_tree', 428)
/** (from_dirfd, from_path, to_dirfd, to_path, flags), since Linux 5.2 */
export const moveMount = call('move_mount', 429)
/** (fstype, flags), since Linux 5.2 */
export const fsopen = call('fsopen', 430)
/** (fd, command, key, value, aux), since Linux 5.2 */
export const fsconfig = call('fsconfig', 431)
/** (fd, flags, attributes), since Linux 5.2 */
export const fsmount = call('fsmount', 432)
/** (dirfd, path, flags, struct mount_attr, size), since Linux 5.12 */
export const mountSetattr = call('mount_setattr', 442)
/** (dirfd, path, flags, struct mount_attr, size), since Linux 6.15 */
export const openTreeAttr = call('open_tree_attr', 467)
/** (dirfd, path, flags, mask, struct statx) */
export const statx = call('statx', 332)
/** (struct mnt_id_req, struct statmount, size, flags), since Linux 6.8 */
export const statmount = call('statmount', 457)
/** (struct mnt_id_req, ids, count, flags), since Linux 6.8 */
export const listmount = call('listmount', 458)
/** (fd, bytes, size, offset) */
export const pread = call('pread64', 17)
export const pwrite = call('pwrite64', 18)
/** (address, length, protection, flags, fd, offset) */
export const mmap = call('mmap', 9)
/** (fd, length) */
export const ftruncate = call('ftruncate', 77)
/** (name, flags) */
export const memfdCreate = call('memfd_create', 319)
/** (path, struct statfs) */
export const statfs = call('statfs', 137)
/** (header, data) */
export const capset = call('capset', 126)

// Flags that only oracles use, or that the product's src/abi does not have (yet).
export const MOVE_MOUNT_SET_GROUP = 0x100
export const FSCONFIG_SET_BINARY = 2
export const FSCONFIG_SET_PATH = 3
export const FSCONFIG_SET_PATH_EMPTY = 4
export const FSCONFIG_CMD_RECONFIGURE = 7
export const CLONE_FILES = 0x400
export const CLONE_NEWUSER = 0x10000000
export const CLONE_NEWUTS = 0x04000000
export const CLONE_NEWIPC = 0x08000000
export const CLONE_NEWPID = 0x20000000
/** since Linux 7.1 */
export const UNSHARE_EMPTY_MNTNS = 0x00100000
/** For clone3(2) alone: it does not fit clone(2). since Linux 7.1 */
export const CLONE_EMPTY_MNTNS = 1n << 37n
export const SIGCHLD = 17
export const STATX_MNT_ID_UNIQUE = 0x4000
export const MOUNT_ATTR_RELATIME = 0
export const MOUNT_ATTR_NOATIME = 0x10
export const MOUNT_ATTR_STRICTATIME = 0x20
export const MOUNT_ATTR__ATIME = 0x70
export const MOUNT_ATTR_NODIRATIME = 0x80
export const LISTMOUNT_REVERSE = 1
/** _IOR(0xb7, 5, __u64); since Linux 6.11 */
export const NS_GET_MNTNS_ID = 0x8008b705
/** _IOR(0xb7, 10, struct mnt_ns_info); since Linux 6.12 */
export const NS_MNT_GET_INFO = 0x8010b70a
export const NS_MNT_GET_NEXT = 0x8010b70b
export const NS_MNT_GET_PREV = 0x8010b70c

/** Struct clone_args, first published size. */
export function cloneArgs(flags: bigint): Buffer {
  const args = Buffer.alloc(64)
  args.writeBigUInt64LE(flags, 0)
  args.writeBigUInt64LE(BigInt(SIGCHLD), 32)
  return args
}

/** Struct mount_attr. */
export function mountAttr(values: { readonly set?: number; readonly clear?: number; readonly propagation?: number; readonly userns?: number | bigint }): Buffer {
  const attr = Buffer.alloc(32)
  ;[values.set, values.clear, values.propagation, values.userns].forEach((value, i) => attr.writeBigInt64LE(BigInt(value ?? 0), 8 * i))
  return attr
}
