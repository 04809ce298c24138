// KoffiFileCalls: the file part of the Kernel interface on the running system.
//
// Goes through node:fs (synchronous, this thread) where Node has the call, through the C library by
// koffi where it has not; either way a failure is a SyscallError.  Section 2 of the manual; kernel.ts
// has the contract of each method.

import * as fs from 'node:fs'
import { openFlagsToString } from '../abi/open-flags.ts'
import { O_CLOEXEC, POLLIN } from '../abi/process.ts'
import { fromNodeError, isErrno } from './errors.ts'
import type { Libc } from './ffi-libc.ts'
import { toFd } from './kernel.ts'
import type { Fd, FileCalls, FileStat, FsStat, PollResult } from './kernel.ts'
import { raw } from './syscall-arg.ts'
import type { SyscallArg } from './syscall-arg.ts'

const POLLFD_BYTES = 8
/** More than any attribute that is asked for. */
const XATTR_BYTES = 256

/** Runs a node:fs call and turns its exception into a SyscallError. */
function nodeCall<T>(args: readonly SyscallArg[], body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw fromNodeError(error, args)
  }
}

function toFileStat(s: fs.BigIntStats): FileStat {
  return { dev: s.dev, ino: s.ino, mode: Number(s.mode), rdev: s.rdev, uid: Number(s.uid), gid: Number(s.gid), size: s.size }
}

export class KoffiFileCalls implements FileCalls {
  readonly #libc: Libc

  constructor(libc: Libc) {
    this.#libc = libc
  }

  readFile(path: string): Uint8Array {
    return nodeCall([path], () => fs.readFileSync(path))
  }
  readText(path: string): string {
    return nodeCall([path], () => fs.readFileSync(path, 'utf8'))
  }
  writeFile(path: string, data: string | Uint8Array, mode = 0o644): void {
    nodeCall([path], () => fs.writeFileSync(path, data, { mode }))
  }
  appendFile(path: string, data: string): void {
    nodeCall([path], () => fs.appendFileSync(path, data))
  }
  readdir(path: string): string[] {
    return nodeCall([path], () => fs.readdirSync(path))
  }
  readlink(path: string): string {
    return nodeCall([path], () => fs.readlinkSync(path))
  }
  realpath(path: string): string {
    return nodeCall([path], () => fs.realpathSync.native(path))
  }
  stat(path: string): FileStat {
    return nodeCall([path], () => toFileStat(fs.statSync(path, { bigint: true })))
  }
  lstat(path: string): FileStat {
    return nodeCall([path], () => toFileStat(fs.lstatSync(path, { bigint: true })))
  }
  fstat(fd: Fd): FileStat {
    return nodeCall([fd], () => toFileStat(fs.fstatSync(fd, { bigint: true })))
  }
  statfs(path: string): FsStat {
    return nodeCall([path], () => {
      const s = fs.statfsSync(path)
      return { type: s.type, bsize: s.bsize, blocks: s.blocks, bfree: s.bfree }
    })
  }
  exists(path: string): boolean {
    return fs.existsSync(path)
  }
  mkdir(path: string, mode: number): void {
    nodeCall([path, raw(`0${mode.toString(8)}`)], () => fs.mkdirSync(path, { mode }))
  }
  rmdir(path: string): void {
    nodeCall([path], () => fs.rmdirSync(path))
  }
  unlink(path: string): void {
    nodeCall([path], () => fs.unlinkSync(path))
  }
  symlink(target: string, path: string): void {
    nodeCall([target, path], () => fs.symlinkSync(target, path))
  }
  rename(from: string, to: string): void {
    nodeCall([from, to], () => fs.renameSync(from, to))
  }
  chmod(path: string, mode: number): void {
    nodeCall([path, raw(`0${mode.toString(8)}`)], () => fs.chmodSync(path, mode))
  }
  getxattr(path: string, name: string): string | null {
    const value = Buffer.alloc(XATTR_BYTES)
    try {
      const length = this.#libc.call('getxattr', 'long getxattr(const char *, const char *, void *, size_t)', [path, name, value, value.length], [path, name])
      return value.toString('utf8', 0, length)
    } catch (error) {
      if (isErrno(error, 'ENODATA', 'EOPNOTSUPP')) return null
      throw error
    }
  }
  setxattr(path: string, name: string, value: string): void {
    const bytes = Buffer.from(value)
    this.#libc.call('setxattr', 'int setxattr(const char *, const char *, const void *, size_t, int)', [path, name, bytes, bytes.length, 0], [path, name, value])
  }
  mknod(path: string, mode: number, dev: bigint): void {
    this.#libc.call('mknod', 'int mknod(const char *, uint32_t, uint64_t)', [path, mode, dev], [path, raw(`0${mode.toString(8)}`), dev])
  }
  open(path: string, flags: number, mode = 0o666): Fd {
    const fd = this.#libc.call('open', 'int open(const char *, int, uint32_t)', [path, flags | O_CLOEXEC, mode], [path, raw(openFlagsToString(flags))])
    return toFd(fd)
  }
  close(fd: Fd): void {
    this.#libc.call('close', 'int close(int)', [fd], [fd])
  }
  read(fd: Fd, into: Uint8Array, position: number | null): number {
    return nodeCall([fd], () => fs.readSync(fd, into, 0, into.length, position))
  }
  write(fd: Fd, data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    let done = 0
    while (done < bytes.length) done += nodeCall([fd], () => fs.writeSync(fd, bytes, done))
  }
  writeAt(fd: Fd, data: Uint8Array, position: bigint): void {
    // Not fs.writeSync: addresses in /proc/PID/mem are larger than its numbers go.
    for (let done = 0; done < data.length; ) {
      const rest = data.subarray(done)
      done += this.#libc.call('pwrite', 'long pwrite(int, const void *, size_t, int64_t)', [fd, rest, rest.length, position + BigInt(done)], [fd, rest.length, position])
    }
  }
  dup2(from: Fd, to: Fd): void {
    this.#libc.call('dup2', 'int dup2(int, int)', [from, to], [from, to])
  }
  memfdCreate(name: string, flags: number): Fd {
    return toFd(this.#libc.call('memfd_create', 'int memfd_create(const char *, unsigned int)', [name, flags], [name, flags]))
  }
  fcntl(fd: Fd, command: number, argument: number): number {
    return this.#libc.call('fcntl', 'int fcntl(int, int, long)', [fd, command, argument], [fd, command, argument])
  }
  ioctl(fd: Fd, request: number, argument: number | Uint8Array): number {
    const shown = [fd, raw(`0x${request.toString(16)}`)]
    if (typeof argument === 'number') return this.#libc.call('ioctl', 'int ioctl(int, unsigned long, long)', [fd, request, argument], shown)
    return this.#libc.call('ioctl', 'int ioctl(int, unsigned long, void *)', [fd, request, argument], shown)
  }
  poll(fds: readonly Fd[], timeoutMs: number): PollResult[] {
    const polled = Buffer.alloc(POLLFD_BYTES * fds.length)
    fds.forEach((fd, i) => {
      polled.writeInt32LE(fd, i * POLLFD_BYTES)
      polled.writeInt16LE(POLLIN, i * POLLFD_BYTES + 4)
    })
    this.#libc.call('poll', 'int poll(void *, unsigned long, int)', [polled, fds.length, timeoutMs], [fds.join(' '), timeoutMs])
    return fds.map((fd, i) => ({ fd, revents: polled.readInt16LE(i * POLLFD_BYTES + 6) }))
  }
  flock(fd: Fd, operation: number): void {
    this.#libc.call('flock', 'int flock(int, int)', [fd, operation], [fd, operation])
  }
  sync(): void {
    this.#libc.raw('void sync()')
  }
  syncfs(fd: Fd): void {
    this.#libc.call('syncfs', 'int syncfs(int)', [fd], [fd])
  }
}
