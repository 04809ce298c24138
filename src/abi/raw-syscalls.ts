// System call numbers of x86-64 for calls that are made without the C library and without this program: in a table
// that machine code works off (src/kernel/ffi-call-table.ts), or in another process (src/kernel/ffi-exec-in-process.ts).
//
// Source: arch/x86/entry/syscalls/syscall_64.tbl. Only x86-64 has such code.

export const SYS_WRITE = 1
export const SYS_POLL = 7
export const SYS_NANOSLEEP = 35
export const SYS_UNLINKAT = 263
/** since Linux 5.1 */
export const SYS_PIDFD_SEND_SIGNAL = 424
export const SYS_CLOSE = 3
export const SYS_MMAP = 9
export const SYS_MUNMAP = 11
export const SYS_IOCTL = 16
export const SYS_DUP = 32
export const SYS_GETPID = 39
export const SYS_CLONE = 56
export const SYS_EXECVE = 59
export const SYS_FUTEX = 202
export const SYS_EXIT_GROUP = 231
export const SYS_RT_SIGPROCMASK = 14
export const SYS_PTRACE = 101
export const SYS_STATFS = 137
export const SYS_SYNC = 162
export const SYS_MOUNT = 165
export const SYS_UMOUNT2 = 166
export const SYS_SWAPOFF = 168
export const SYS_OPENAT = 257
/** since Linux 2.6.39 */
export const SYS_SYNCFS = 306
/** since Linux 5.3 */
export const SYS_CLONE3 = 435
/** since Linux 5.9 */
export const SYS_CLOSE_RANGE = 436

/** Calls that end with EINTR when a tracer stops them, and would go on by themselves with a restart code: signal(7). */
export const SYS_RT_SIGTIMEDWAIT = 128
export const SYS_EPOLL_WAIT = 232
export const SYS_EPOLL_PWAIT = 281
/** since Linux 5.11 */
export const SYS_EPOLL_PWAIT2 = 441

/** By name, for tables that are planned (src/plan/run). The newest: mount_setattr since Linux 5.12. */
export const RAW_CALLS = {
  read: 0,
  write: SYS_WRITE,
  close: SYS_CLOSE,
  poll: 7,
  rt_sigaction: 13,
  rt_sigprocmask: SYS_RT_SIGPROCMASK,
  ioctl: SYS_IOCTL,
  dup: SYS_DUP,
  socket: 41,
  clone: SYS_CLONE,
  execve: SYS_EXECVE,
  wait4: 61,
  fcntl: 72,
  chdir: 80,
  fchdir: 81,
  umask: 95,
  pause: 34,
  getppid: 110,
  setsid: 112,
  setgroups: 116,
  setresuid: 117,
  setresgid: 119,
  setfsuid: 122,
  setfsgid: 123,
  capset: 126,
  pivot_root: 155,
  prctl: 157,
  chroot: 161,
  mount: SYS_MOUNT,
  umount2: SYS_UMOUNT2,
  sethostname: 170,
  keyctl: 250,
  openat: SYS_OPENAT,
  mkdirat: 258,
  mknodat: 259,
  fchownat: 260,
  unlinkat: 263,
  symlinkat: 266,
  fchmodat: 268,
  exit_group: SYS_EXIT_GROUP,
  unshare: 272,
  dup3: 292,
  prlimit64: 302, rt_sigtimedwait: SYS_RT_SIGTIMEDWAIT,
  setns: 308,
  execveat: 322,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  clone3: SYS_CLONE3,
  close_range: SYS_CLOSE_RANGE,
  mount_setattr: 442,
} as const
export type RawCallName = keyof typeof RAW_CALLS
