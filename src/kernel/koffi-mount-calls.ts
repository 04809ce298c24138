// KoffiMountCalls: the mounts and roots of the Kernel interface on the running system.
//
// Through the C library by koffi, by number where it has no wrapper. Section 2 of the manual; kernel.ts has the
// contract of each method.

import { AT_FDCWD, FSCONFIG_CMD_CREATE, FSCONFIG_SET_FD, FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, mountFlagsToString, umountFlagsToString } from '../abi/mount.ts'
import { isErrno, SyscallError } from './errors.ts'
import type { Libc } from './ffi-libc.ts'
import { KoffiFileCalls } from './koffi-file-calls.ts'
import { isFd, toFd } from './kernel.ts'
import type { Fd, MountAttributes, MountCalls, MountDetails, MountIdentity } from './kernel.ts'
import { detailsRequest, listmountRequest, readDetails, readStatmount, STATMOUNT_BYTES, statmountRequest } from './statmount.ts'
import { raw } from './syscall-arg.ts'
import type { SyscallArg } from './syscall-arg.ts'

const ENOSYS = 38
/** Messages of a file system context: fc_log of the kernel keeps eight. */
const [MESSAGES, MESSAGE_BYTES] = [8, 512]
/** struct mount_attr. */
const MOUNT_ATTR_BYTES = 32
/** struct statx: its size, and the offset of stx_mnt_id. <linux/stat.h> */
const STATX_BYTES = 256
const STX_MNT_ID = 0x90
const STATX_MNT_ID_UNIQUE = 0x4000

function showDirfd(fd: number): SyscallArg {
  return fd === AT_FDCWD ? raw('AT_FDCWD') : isFd(fd) ? fd : raw(String(fd))
}

export class KoffiMountCalls extends KoffiFileCalls implements MountCalls {
  readonly #libc: Libc

  constructor(libc: Libc) {
    super(libc)
    this.#libc = libc
  }

  mount(source: string, target: string, fstype: string | null, flags: number, data: string | null): void {
    this.#libc.call(
      'mount', 'int mount(const char *, const char *, const char *, unsigned long, const char *)',
      [source, target, fstype, flags, data], [source, target, fstype, raw(mountFlagsToString(flags)), data],
    )
  }
  umount2(target: string, flags: number): void {
    this.#libc.call('umount2', 'int umount2(const char *, int)', [target, flags], [target, raw(umountFlagsToString(flags))])
  }
  swapoff(path: string): void {
    this.#libc.call('swapoff', 'int swapoff(const char *)', [path], [path])
  }
  pivotRoot(newRoot: string, putOld: string): void {
    const definition = 'long syscall(long, const char *, const char *)'
    this.#libc.call('pivot_root', definition, [this.#libc.numbers.pivot_root, newRoot, putOld], [newRoot, putOld])
  }
  chroot(path: string): void {
    this.#libc.call('chroot', 'int chroot(const char *)', [path], [path])
  }
  chdir(path: string): void {
    // Not process.chdir: Node caches the working directory and asks for its name, which may not exist after a pivot.
    this.#libc.call('chdir', 'int chdir(const char *)', [path], [path])
  }
  fchdir(fd: Fd): void {
    this.#libc.call('fchdir', 'int fchdir(int)', [fd], [fd])
  }
  openTree(dirfd: number, path: string, flags: number): Fd {
    const definition = 'long syscall(long, int, const char *, unsigned int)'
    return toFd(this.#libc.call('open_tree', definition, [this.#libc.numbers.open_tree, dirfd, path, flags >>> 0], [showDirfd(dirfd), path, raw(`0x${flags.toString(16)}`)]))
  }
  moveMount(fromFd: number, fromPath: string, toFdNumber: number, toPath: string, flags: number): void {
    const definition = 'long syscall(long, int, const char *, int, const char *, unsigned int)'
    const args = [this.#libc.numbers.move_mount, fromFd, fromPath, toFdNumber, toPath, flags]
    this.#libc.call('move_mount', definition, args, [showDirfd(fromFd), fromPath, showDirfd(toFdNumber), toPath, raw(`0x${flags.toString(16)}`)])
  }
  mountSetattr(dirfd: number, path: string, flags: number, { set = 0, clear = 0, propagation = 0, userNamespace }: MountAttributes): void {
    const attr = Buffer.alloc(MOUNT_ATTR_BYTES)
    const values = [set, clear, propagation, userNamespace ?? 0]
    values.forEach((value, i) => attr.writeBigUInt64LE(BigInt(value), 8 * i))
    const hex = (n: number): string => `0x${n.toString(16)}`
    this.#libc.call(
      'mount_setattr', 'long syscall(long, int, const char *, unsigned int, const void *, size_t)',
      [this.#libc.numbers.mount_setattr, dirfd, path, flags >>> 0, attr, attr.length],
      [showDirfd(dirfd), path, raw(hex(flags)), raw(`{set=${hex(set)}, clr=${hex(clear)}, propagation=${mountFlagsToString(propagation)}}`)],
    )
  }
  fsopen(fstype: string): Fd {
    return toFd(this.#libc.call('fsopen', 'long syscall(long, const char *, unsigned int)', [this.#libc.numbers.fsopen, fstype, FSOPEN_CLOEXEC], [fstype]))
  }
  fsconfig(context: Fd, key: string, value: string | { readonly fd: Fd } | null): void {
    const [command, text, aux] = value === null ? [FSCONFIG_SET_FLAG, null, 0] : typeof value === 'string' ? [FSCONFIG_SET_STRING, value, 0] : [FSCONFIG_SET_FD, null, value.fd]
    this.#fsconfig(context, command, key, text, aux)
  }
  #fsconfig(context: Fd, command: number, key: string | null, text: string | null, aux: number): void {
    const definition = 'long syscall(long, int, unsigned int, const char *, const char *, int)'
    this.#logged(context, () => this.#libc.call('fsconfig', definition, [this.#libc.numbers.fsconfig, context, command, key, text, aux], [context, command, key, text, aux]))
  }
  /** A file system says more than an errno: read(2) on its context answers one message, 'e overlay: …', until ENODATA. */
  #logged<T>(context: Fd, body: () => T): T {
    try {
      return body()
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error
      const message = Buffer.alloc(MESSAGE_BYTES)
      const said: string[] = []
      for (let length = 1; length > 0 && said.length < MESSAGES; ) {
        length = this.#libc.raw('long read(int, void *, size_t)', context, message, message.length)
        if (length > 0) said.push(message.toString('utf8', 0, length).trim().replace(/^[ewi] /, ''))
      }
      throw said.length === 0 ? error : new SyscallError(error.syscall, error.args, error.errno, said.join('; '))
    }
  }
  fsmount(context: Fd, attributes: number): Fd {
    this.#fsconfig(context, FSCONFIG_CMD_CREATE, null, null, 0)
    return this.#logged(context, () => toFd(this.#libc.syscall('fsmount', [context, FSMOUNT_CLOEXEC, attributes], [context, raw('FSMOUNT_CLOEXEC'), raw(`0x${attributes.toString(16)}`)])))
  }
  unshare(flags: number): void {
    this.#libc.call('unshare', 'int unshare(int)', [flags], [raw(`0x${flags.toString(16)}`)])
  }
  setns(fd: Fd, nstype: number): void {
    this.#libc.call('setns', 'int setns(int, int)', [fd, nstype], [fd, nstype])
  }

  uniqueMountId(path: string): bigint {
    const found = Buffer.alloc(STATX_BYTES)
    this.#libc.call('statx', 'int statx(int, const char *, int, unsigned int, void *)', [AT_FDCWD, path, 0, STATX_MNT_ID_UNIQUE, found], [raw('AT_FDCWD'), path])
    // An older kernel leaves the bit out and says nothing.
    if ((found.readUInt32LE(0) & STATX_MNT_ID_UNIQUE) === 0) throw new SyscallError('statx', [raw('AT_FDCWD'), path, raw('STATX_MNT_ID_UNIQUE')], ENOSYS)
    return found.readBigUInt64LE(STX_MNT_ID)
  }
  statmount(mount: { readonly id: bigint } | { readonly fd: Fd }): MountIdentity {
    const { request, flags } = statmountRequest(mount)
    const answer = Buffer.alloc(STATMOUNT_BYTES)
    const definition = 'long syscall(long, const void *, void *, size_t, unsigned int)'
    this.#libc.call('statmount', definition, [this.#libc.numbers.statmount, request, answer, answer.length, flags], ['id' in mount ? mount.id : mount.fd])
    return readStatmount(answer)
  }
  statmountDetails(id: bigint, namespace?: bigint): MountDetails {
    for (let size = 4096; ; size *= 4) {
      const answer = Buffer.alloc(size)
      try {
        const definition = 'long syscall(long, const void *, void *, size_t, unsigned int)'
        this.#libc.call('statmount', definition, [this.#libc.numbers.statmount, detailsRequest(id, namespace), answer, size, 0], [id])
        return readDetails(answer)
      } catch (error) {
        if (!isErrno(error, 'EOVERFLOW') || size > 1 << 20) throw error
      }
    }
  }
  listmount(below: bigint | 'root', namespace?: bigint): bigint[] {
    const found: bigint[] = []
    const ids = Buffer.alloc(8 * 1024)
    for (;;) {
      const definition = 'long syscall(long, const void *, void *, size_t, unsigned int)'
      const request = listmountRequest(below, found.at(-1) ?? 0n, namespace)
      const count = this.#libc.call('listmount', definition, [this.#libc.numbers.listmount, request, ids, 1024, 0], [raw(String(below))])
      for (let i = 0; i < count; i += 1) found.push(ids.readBigUInt64LE(8 * i))
      if (count < 1024) return found
    }
  }
}
