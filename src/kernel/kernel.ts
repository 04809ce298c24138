// The Kernel interface: the one door through which fulcrum looks at and changes a system.
//
// Everything but main.ts and tests is handed a Kernel. KoffiKernel is the real one, ModelKernel
// (tests) keeps a mount tree in memory under the same contract. All methods are synchronous and
// run on the calling thread (law 3); every failure is a SyscallError.

import type { Fd } from './fd.ts'
import type { ChildCalls } from './child-table.ts'
import type { MountAttributes, MountDetails, MountIdentity } from './mount-types.ts'

export { isFd, toFd } from './fd.ts'
export type { Fd }
export type { MountAttributes, MountDetails, MountIdentity }

/** stat(2), the fields that fulcrum reads. */
export interface FileStat {
  /** Device number of the file system; makedev(3) encoding as st_dev. */
  readonly dev: bigint
  readonly ino: bigint
  /** Type and permission bits, as st_mode. */
  readonly mode: number
  /** Device number of a device node (st_rdev). */
  readonly rdev: bigint
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: bigint
}

/** statfs(2). Sizes in blocks of `bsize` bytes. */
export interface FsStat {
  /** f_type, for instance TMPFS_MAGIC. */
  readonly type: number
  readonly bsize: number
  readonly blocks: number
  readonly bfree: number
}

/** One event of poll(2): `revents` is the mask that came back, 0 for none. */
export interface PollResult {
  readonly fd: Fd
  readonly revents: number
}

/** A child that waitChild found: pid, and the exit code or the signal. */
export interface ChildStatus {
  readonly pid: number
  readonly code: number | null
  readonly signal: number | null
}

/** One terminal's settings, as the raw bytes of struct termios. */
export type Termios = Uint8Array

/** Result of running a program to its end. */
export interface RunResult {
  /** Exit code, or null when a signal ended it or it could not be started. */
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  /** Why it could not be started, or undefined. */
  readonly error: string | undefined
}

/** How `run` starts a program. */
export interface RunOptions {
  /** Environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** 'inherit' connects descriptors 0 to 2 to the console, 'capture' returns them (default). */
  readonly stdio?: 'inherit' | 'capture'
  /** Milliseconds until SIGKILL; none by default. */
  readonly timeoutMs?: number
  /** A terminal device: the program gets a session of its own with it as controlling terminal on descriptors 0 to 2. */
  readonly terminal?: string
  /** With 'capture': what it reads from descriptor 0, at most a few pages (default: end of file at once). Never on disk. */
  readonly input?: Uint8Array
}

/**
 * A call that may never come back: the device beneath may be gone. `path` calls open, act and close.
 * mount(2), umount2(2), sync(2), syncfs(2), statfs(2), swapoff(2), ioctl(2).
 */
export type BoundedCall =
  | { readonly call: 'mount'; readonly source: string; readonly target: string; readonly fstype: string | null; readonly flags: number; readonly data: string | null }
  | { readonly call: 'umount2'; readonly target: string; readonly flags: number }
  | { readonly call: 'sync' }
  | { readonly call: 'syncfs'; readonly path: string }
  /** Whether the file system answers: what it says is not told. */
  | { readonly call: 'statfs'; readonly path: string }
  | { readonly call: 'swapoff'; readonly path: string }
  /** `open` are the flags of open(2). */
  | { readonly call: 'ioctl'; readonly path: string; readonly open: number; readonly request: number; readonly argument: number | Uint8Array }
  | { readonly call: 'write'; readonly path: string; readonly data: string }

/** How a bounded call is waited for. */
export interface BoundedOptions {
  readonly timeoutMs: number
  /** Called at least every `tickMs` (default 1000) while it is waited for: feeds a watchdog. */
  readonly tick?: () => void
  readonly tickMs?: number
}

/** File calls. Paths are absolute unless a working directory is known. */
export interface FileCalls {
  readFile(path: string): Uint8Array
  readText(path: string): string
  writeFile(path: string, data: string | Uint8Array, mode?: number): void
  appendFile(path: string, data: string): void
  readdir(path: string): string[]
  readlink(path: string): string
  /** realpath(3). */
  realpath(path: string): string
  stat(path: string): FileStat
  lstat(path: string): FileStat
  fstat(fd: Fd): FileStat
  statfs(path: string): FsStat
  /** True when stat(2) succeeds. Never throws. */
  exists(path: string): boolean
  mkdir(path: string, mode: number): void
  rmdir(path: string): void
  unlink(path: string): void
  symlink(target: string, path: string): void
  rename(from: string, to: string): void
  chmod(path: string, mode: number): void
  /** getxattr(2) as text; null when the file has no such attribute, or its file system none at all. */
  getxattr(path: string, name: string): string | null
  /** setxattr(2), creating or replacing. */
  setxattr(path: string, name: string, value: string): void
  mknod(path: string, mode: number, dev: bigint): void
  open(path: string, flags: number, mode?: number): Fd
  close(fd: Fd): void
  /** Reads at a position (pread(2)) or at the current offset when `position` is null. Returns bytes read. */
  read(fd: Fd, into: Uint8Array, position: number | null): number
  /** Writes everything; returns when all bytes are written. */
  write(fd: Fd, data: string | Uint8Array): void
  /** Writes everything at a position (pwrite(2)). */
  writeAt(fd: Fd, data: Uint8Array, position: bigint): void
  dup2(from: Fd, to: Fd): void
  memfdCreate(name: string, flags: number): Fd
  fcntl(fd: Fd, command: number, argument: number): number
  /** ioctl(2) with an integer or with a buffer that is read and written. */
  ioctl(fd: Fd, request: number, argument: number | Uint8Array): number
  poll(fds: readonly Fd[], timeoutMs: number): PollResult[]
  /** flock(2): LOCK_EX, LOCK_UN, with LOCK_NB EAGAIN instead of waiting. */
  flock(fd: Fd, operation: number): void
  sync(): void
  syncfs(fd: Fd): void
}

/** Mount and root calls. Flags as in src/abi/mount.ts. */
export interface MountCalls {
  mount(source: string, target: string, fstype: string | null, flags: number, data: string | null): void
  umount2(target: string, flags: number): void
  swapoff(path: string): void
  pivotRoot(newRoot: string, putOld: string): void
  chroot(path: string): void
  chdir(path: string): void
  fchdir(fd: Fd): void
  openTree(dirfd: number, path: string, flags: number): Fd
  moveMount(fromFd: number, fromPath: string, toFd: number, toPath: string, flags: number): void
  /** mount_setattr(2), since Linux 5.12. `flags`: AT_EMPTY_PATH, AT_RECURSIVE. */
  mountSetattr(dirfd: number, path: string, flags: number, attributes: MountAttributes): void
  /** fsopen(2): the context of a file system that is not made yet. The descriptor is close-on-exec. */
  fsopen(fstype: string): Fd
  /** fsconfig(2): a key with a text, a descriptor, or as a flag (null). */
  fsconfig(context: Fd, key: string, value: string | { readonly fd: Fd } | null): void
  /** FSCONFIG_CMD_CREATE and fsmount(2): the mount, attached nowhere. `attributes`: MOUNT_ATTR_*. */
  fsmount(context: Fd, attributes: number): Fd
  unshare(flags: number): void
  setns(fd: Fd, nstype: number): void
  /** Unique id of the mount that a path is on: statx(2) with STATX_MNT_ID_UNIQUE, since Linux 6.8 (ENOSYS before). */
  uniqueMountId(path: string): bigint
  /** statmount(2) by unique id, since Linux 6.8, or by a descriptor on the mount, since Linux 7.0 (EINVAL before). */
  statmount(mount: { readonly id: bigint } | { readonly fd: Fd }): MountIdentity
  /** The same call by unique id, with everything that is asked for in MountDetails; ENOENT once the mount is gone. */
  statmountDetails(id: bigint, namespace?: bigint): MountDetails
  /**
   * listmount(2), since Linux 6.8: unique ids of all mounts below one (not itself), or of all that this process's root
   * reaches; of another namespace by its id (NS_GET_MNTNS_ID), since Linux 6.11.
   */
  listmount(below: bigint | 'root', namespace?: bigint): bigint[]
}

/** Process, module and machine calls. */
export interface ProcessCalls {
  getpid(): number
  getuid(): number
  /** kill(2); pid and signal number. */
  kill(pid: number, signal: number): void
  /** Reaps one orphan that Node did not start; null when there is none. */
  reapOrphan(): ChildStatus | null
  /** Reaps this child if it has ended: no other child is touched. Null when it runs on, or is no child. */
  reap(pid: number): ChildStatus | null
  /** pidfd_open(2): a descriptor that means this process for ever, whoever gets its pid later. */
  pidfdOpen(pid: number): Fd
  /** pidfd_getfd(2): the open file behind a descriptor of another process, shared with it; since Linux 5.6. */
  pidfdGetfd(pidfd: Fd, fd: number): Fd
  /** pidfd_send_signal(2). ESRCH once the process is reaped; a zombie takes every signal. */
  pidfdSendSignal(pidfd: Fd, signal: number): void
  /** Runs a program to its end, on this thread. Never throws: see RunResult.error. */
  run(path: string, args: readonly string[], options: RunOptions): RunResult
  /** Starts a program in a session of its own and does not wait for it. Returns its pid. */
  spawn(path: string, args: readonly string[], env: Readonly<Record<string, string>>): number
  finitModule(fd: Fd, params: string, flags: number): void
  deleteModule(name: string, flags: number): void
  /** Opens a netlink socket bound to the kernel's uevent group. */
  openUeventSocket(): Fd
  /** Opens an rtnetlink socket that reads without waiting, bound to these groups (RTMGRP_*; 0: answers only). */
  openRouteSocket(groups: number): Fd
  /** Makes a TCP connection and closes it: whether somebody listens. 4 or 16 bytes; ETIMEDOUT when the time is over. */
  probeTcp(address: Uint8Array, port: number, timeoutMs: number): void
  prctl(option: number, argument: number): number
  /** Drops a capability from the inheritable set and the bounding set, as klibc run-init -d does. */
  dropCapabilities(numbers: readonly number[]): void
  reboot(command: number): void
  /**
   * Makes the call in a helper that shares memory, mounts and working directory with this program, and waits for it
   * no longer than asked. 'hung': the time is over and the call may still happen. Throws SyscallError if it failed.
   */
  bounded(call: BoundedCall, options: BoundedOptions): 'done' | 'hung'
  /**
   * Makes another process replace its program, as if it had called execve(2) itself: ptrace(2). Throws SyscallError
   * of ptrace (EPERM, ESRCH) or of that execve; the process then goes on as if nothing had been.
   */
  execInProcess(pid: number, path: string, argv: readonly string[], env: Readonly<Record<string, string>>): void
  setHostname(name: string): void
  /** CLOCK_MONOTONIC in microseconds. */
  monotonicUs(): bigint
  /** CLOCK_REALTIME in microseconds. */
  realtimeUs(): bigint
  /** Blocks this thread for that many milliseconds. */
  sleepMs(ms: number): void
}

/** How a thread is scheduled: struct sched_attr of sched_setattr(2). */
export interface Schedule {
  /** SCHED_OTHER and the like. */
  readonly policy: number
  /** SCHED_FLAG_*. */
  readonly flags: number
  /** -20 to 19. */
  readonly nice: number
}

/** The calls that make a hand-over clean (docs/hand-over.md). */
export interface HandOverCalls {
  tcgetattr(fd: Fd): Termios | null
  tcsetattr(fd: Fd, termios: Termios): void
  /** Signal disposition back to SIG_DFL; SIGKILL and SIGSTOP are refused by the kernel. */
  resetSignal(signal: number): void
  /** Empties the calling thread's signal mask. */
  clearSignalMask(): void
  /** prlimit64(2) of this process: sets the soft limit, keeps the hard one. */
  setSoftLimit(resource: number, soft: bigint): void
  getLimit(resource: number): { soft: bigint; hard: bigint }
  /** Marks descriptors first..last close-on-exec (close_range(2), since Linux 5.11). */
  setCloexecRange(first: number, last: number): void
  /** sched_getattr(2) of the calling thread. */
  getSchedule(): Schedule
  /** sched_setattr(2) of the calling thread, for policies without a priority of their own. EPERM for a nice that needs CAP_SYS_NICE. */
  setSchedule(schedule: Schedule): void
  /** Replaces the process. Returns only by throwing. */
  execve(path: string, argv: readonly string[], env: Readonly<Record<string, string>>): never
  /** Installs a handler that execs the first of these programs that can be, when Node dies of a fatal signal (abort, SEGV, heap exhaustion). */
  armCrashExec(paths: readonly [string, string], argv: readonly string[], env: Readonly<Record<string, string>>): void
}

export interface Kernel extends FileCalls, MountCalls, ProcessCalls, HandOverCalls, ChildCalls {}
