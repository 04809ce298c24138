// A Kernel for tests of the rescue console: typed input, recorded output, a few files.
//
// Not part of the program. Every call that a test does not script throws ENOSYS, as a kernel without
// that call would; `stop` ends the endless waits of PID 1 by an exception of its own.

import { POLLIN } from '../../abi/process.ts'
import { errnoNumber } from '../../abi/errno.ts'
import { SyscallError } from '../../kernel/errors.ts'
import { toFd } from '../../kernel/kernel.ts'
import type { StartedTable } from '../../kernel/child-table.ts'
import { makeCall } from '../../kernel/make-call.ts'
import type { BoundedCall, ChildStatus, Fd, FileStat, FsStat, Kernel, MountDetails, MountIdentity, PollResult, RunOptions, RunResult, Schedule, Termios } from '../../kernel/kernel.ts'

/** Thrown where the real PID 1 would wait for ever or be replaced. */
export class Stopped extends Error {}

/** One act that changes something, as text: 'mount /dev/vda1 /mnt ext4 1 null'. */
type Act = string

/** What the test gives. */
export interface Script {
  /** Lines typed, each gets its newline; null is an end of input (^D). */
  readonly typed: readonly (string | null)[]
  /** Files by path; a directory is an array of names. */
  readonly files?: Readonly<Record<string, string | readonly string[]>>
  /** Records of /dev/kmsg; null stands for records that were overwritten. */
  readonly kmsg?: readonly (string | null)[]
  /** Fails these calls: 'mount ext4' → 'EINVAL'. The key is a prefix of the recorded act. */
  readonly fail?: Readonly<Record<string, string>>
  /** Milliseconds until a key is pressed while counting down; never by default. */
  readonly keyAfterMs?: number
  readonly terminal?: boolean
  /** st_rdev of descriptor 0. */
  readonly stdinDevice?: bigint
  readonly links?: Readonly<Record<string, string>>
}

const kmsgFd = toFd(9)

export class ScriptedKernel implements Kernel {
  readonly acts: Act[] = []
  output = ''
  nowMs = 0
  /** When reboot(2) was called first, or null. */
  rebootAtMs: number | null = null
  readonly terminals: Termios[] = []
  readonly #script: Script
  readonly #typed: (string | null)[]
  readonly #kmsg: (string | null)[]

  constructor(script: Script) {
    this.#script = script
    this.#typed = [...script.typed]
    this.#kmsg = [...(script.kmsg ?? [])]
  }

  #error(call: string, code: string): SyscallError {
    return new SyscallError(call, [], errnoNumber(code) ?? 38)
  }
  #unsupported(call: string): never {
    throw this.#error(call, 'ENOSYS')
  }
  #act(call: string, ...args: readonly unknown[]): void {
    const act = [call, ...args.map(String)].join(' ')
    this.acts.push(act)
    for (const [prefix, code] of Object.entries(this.#script.fail ?? {})) if (act.startsWith(prefix)) throw this.#error(call, code)
  }
  #file(call: string, path: string): string | readonly string[] {
    const file = this.#script.files?.[path]
    if (file === undefined) throw this.#error(call, 'ENOENT')
    return file
  }
  #stat(call: string, path: string): FileStat {
    const file = this.#file(call, path)
    const mode = typeof file === 'string' ? 0o100644 : 0o040755
    return { dev: 1n, ino: 1n, mode, rdev: 0n, uid: 0, gid: 0, size: BigInt(file.length) }
  }

  readText(path: string): string {
    const file = this.#file('open', path)
    if (typeof file !== 'string') throw this.#error('read', 'EISDIR')
    return file
  }
  readFile(path: string): Uint8Array {
    return Buffer.from(this.readText(path))
  }
  readdir(path: string): string[] {
    const file = this.#file('open', path)
    if (typeof file === 'string') throw this.#error('open', 'ENOTDIR')
    return [...file]
  }
  stat(path: string): FileStat {
    return this.#stat('stat', path)
  }
  lstat(path: string): FileStat {
    return this.#stat('lstat', path)
  }
  exists(path: string): boolean {
    return this.#script.files?.[path] !== undefined
  }
  fstat(fd: Fd): FileStat {
    if (fd !== 0 || this.#script.stdinDevice === undefined) throw this.#error('fstat', 'EBADF')
    return { dev: 1n, ino: 1n, mode: 0o020600, rdev: this.#script.stdinDevice, uid: 0, gid: 0, size: 0n }
  }
  readlink(path: string): string {
    const target = this.#script.links?.[path]
    if (target === undefined) throw this.#error('readlink', 'ENOENT')
    return target
  }
  mkdir(path: string, mode: number): void {
    this.#act('mkdir', path, mode.toString(8))
  }
  open(path: string): Fd {
    if (path === '/dev/kmsg' && this.#script.kmsg !== undefined) return kmsgFd
    throw this.#error('open', 'ENOENT')
  }
  close(): void {}
  read(fd: Fd, into: Uint8Array): number {
    if (fd === kmsgFd) {
      const record = this.#kmsg.shift()
      if (record === undefined) throw this.#error('read', 'EAGAIN')
      if (record === null) throw this.#error('read', 'EPIPE')
      return Buffer.from(record).copy(into)
    }
    if (fd !== 0) throw this.#error('read', 'EBADF')
    const line = this.#typed.shift()
    if (line === undefined) throw this.#error('read', 'EIO')
    return line === null ? 0 : Buffer.from(`${line}\n`).copy(into)
  }
  write(fd: Fd, data: string | Uint8Array): void {
    if (fd !== 1) throw this.#error('write', 'EBADF')
    this.output += typeof data === 'string' ? data : Buffer.from(data).toString()
  }
  poll(fds: readonly Fd[], timeoutMs: number): PollResult[] {
    const keyAfterMs = this.#script.keyAfterMs
    const waiting = keyAfterMs !== undefined && this.nowMs < keyAfterMs
    if (waiting || (keyAfterMs === undefined && this.#script.terminal === true && timeoutMs <= 1000)) {
      this.nowMs += timeoutMs
      return fds.map((fd) => ({ fd, revents: 0 }))
    }
    return fds.map((fd) => ({ fd, revents: POLLIN }))
  }
  sync(): void {
    this.#act('sync')
  }
  mount(source: string, target: string, fstype: string | null, flags: number, data: string | null): void {
    this.#act('mount', source, target, fstype, flags, data)
  }
  umount2(target: string, flags: number): void {
    this.#act('umount2', target, flags)
  }
  run(path: string, args: readonly string[], options: RunOptions): RunResult {
    this.#act('run', path, ...args, options.terminal ?? '-')
    return { code: 3, signal: null, stdout: '', stderr: '', error: undefined }
  }
  reap(): ChildStatus | null {
    return null
  }
  reapOrphan(): ChildStatus | null {
    return null
  }
  reboot(command: number): void {
    this.rebootAtMs ??= this.nowMs
    this.#act('reboot', command.toString(16))
    throw new Stopped()
  }
  monotonicUs(): bigint {
    return BigInt(this.nowMs) * 1000n
  }
  sleepMs(ms: number): void {
    this.nowMs += ms
    if (this.nowMs > 3_600_000) throw new Stopped()
  }
  tcgetattr(): Termios | null {
    return this.#script.terminal === true ? Uint8Array.from({ length: 60 }, () => 0xff) : null
  }
  tcsetattr(_fd: Fd, termios: Termios): void {
    this.terminals.push(termios)
  }
  getpid(): number {
    return 1
  }

  writeFile(): void { this.#unsupported('open') }
  appendFile(): void { this.#unsupported('open') }
  realpath(): string { return this.#unsupported('realpath') }
  statfs(): FsStat { return this.#unsupported('statfs') }
  rmdir(): void { this.#unsupported('rmdir') }
  unlink(): void { this.#unsupported('unlink') }
  symlink(): void { this.#unsupported('symlink') }
  rename(): void { this.#unsupported('rename') }
  chmod(): void { this.#unsupported('chmod') }
  mknod(): void { this.#unsupported('mknod') }
  getxattr(): string | null { return this.#unsupported('getxattr') }
  setxattr(): void { this.#unsupported('setxattr') }
  writeAt(): void { this.#unsupported('pwrite') }
  swapoff(): void { this.#unsupported('swapoff') }
  execInProcess(): void { this.#unsupported('ptrace') }
  bounded(call: BoundedCall): 'done' {
    makeCall(this, call)
    return 'done'
  }
  dup2(): void { this.#unsupported('dup2') }
  memfdCreate(): Fd { return this.#unsupported('memfd_create') }
  fcntl(): number { return this.#unsupported('fcntl') }
  ioctl(): number { return this.#unsupported('ioctl') }
  flock(): void { this.#unsupported('flock') }
  syncfs(): void { this.#unsupported('syncfs') }
  pivotRoot(): void { this.#unsupported('pivot_root') }
  chroot(): void { this.#unsupported('chroot') }
  chdir(): void { this.#unsupported('chdir') }
  fchdir(): void { this.#unsupported('fchdir') }
  openTree(): Fd { return this.#unsupported('open_tree') }
  moveMount(): void { this.#unsupported('move_mount') }
  unshare(): void { this.#unsupported('unshare') }
  setns(): void { this.#unsupported('setns') }
  uniqueMountId(): bigint { return this.#unsupported('statx') }
  statmount(): MountIdentity { return this.#unsupported('statmount') }
  statmountDetails(): MountDetails { return this.#unsupported('statmount') }
  mountSetattr(): void { this.#unsupported('mount_setattr') }
  fsopen(): Fd { return this.#unsupported('fsopen') }
  fsconfig(): void { this.#unsupported('fsconfig') }
  fsmount(): Fd { return this.#unsupported('fsmount') }
  startChild(): StartedTable { return this.#unsupported('clone') }
  onReadable(): () => void { return this.#unsupported('epoll_ctl') }
  listmount(): bigint[] { return this.#unsupported('listmount') }
  getuid(): number { return 0 }
  pidfdOpen(): Fd { return this.#unsupported('pidfd_open') }
  pidfdGetfd(): Fd { return this.#unsupported('pidfd_getfd') }
  pidfdSendSignal(): void { this.#unsupported('pidfd_send_signal') }
  kill(): void { this.#unsupported('kill') }
  spawn(): number { return this.#unsupported('execve') }
  finitModule(): void { this.#unsupported('finit_module') }
  deleteModule(): void { this.#unsupported('delete_module') }
  openUeventSocket(): Fd { return this.#unsupported('socket') }
  openRouteSocket(): Fd { return this.#unsupported('socket') }
  probeTcp(): void { this.#unsupported('connect') }
  prctl(): number { return this.#unsupported('prctl') }
  dropCapabilities(): void { this.#unsupported('capset') }
  setHostname(): void { this.#unsupported('sethostname') }
  realtimeUs(): bigint { return 0n }
  resetSignal(): void { this.#unsupported('sigaction') }
  clearSignalMask(): void { this.#unsupported('sigprocmask') }
  setSoftLimit(): void { this.#unsupported('prlimit64') }
  getLimit(): { soft: bigint; hard: bigint } { return this.#unsupported('prlimit64') }
  setCloexecRange(): void { this.#unsupported('close_range') }
  getSchedule(): Schedule { return this.#unsupported('sched_getattr') }
  setSchedule(): void { this.#unsupported('sched_setattr') }
  execve(): never { return this.#unsupported('execve') }
  armCrashExec(): void { this.#unsupported('sigaction') }
}
