// System call numbers of x86-64 for calls that are made without the C library and without this program: in a table
// that machine code works off (src/kernel/ffi-call-table.ts), or in another process (src/kernel/ffi-exec-in-process.ts).
//
// Source: arch/x86/entry/syscalls/syscall_64.tbl. Only x86-64 has such code.

export const SYS_WRITE = 1
export const SYS_CLOSE = 3
export const SYS_MMAP = 9
export const SYS_MUNMAP = 11
export const SYS_IOCTL = 16
export const SYS_DUP = 32
export const SYS_GETPID = 39
export const SYS_CLONE = 56
export const SYS_EXECVE = 59
export const SYS_EXIT_GROUP = 231
export const SYS_RT_SIGPROCMASK = 14
export const SYS_PTRACE = 101
export const SYS_SYNC = 162
export const SYS_MOUNT = 165
export const SYS_UMOUNT2 = 166
export const SYS_SWAPOFF = 168
export const SYS_OPENAT = 257
/** since Linux 2.6.39 */
export const SYS_SYNCFS = 306
/** since Linux 5.9 */
export const SYS_CLOSE_RANGE = 436

/** Calls that end with EINTR when a tracer stops them, and would go on by themselves with a restart code: signal(7). */
export const SYS_RT_SIGTIMEDWAIT = 128
export const SYS_EPOLL_WAIT = 232
export const SYS_EPOLL_PWAIT = 281
/** since Linux 5.11 */
export const SYS_EPOLL_PWAIT2 = 441
