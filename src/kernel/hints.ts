// What is usually wrong when a given call gives a given errno.
//
// Pure table, printed behind a SyscallError. Each line names a cause that was seen (docs/kernel-facts.md)
// and what to do about it.  Man pages: pivot_root(2), mount(2), umount2(2), finit_module(2), execve(2).

import type { SyscallArg } from './syscall-arg.ts'

interface Hint {
  readonly syscall: string
  readonly code: string
  /** Only when one printed argument contains this text. */
  readonly arg?: string
  readonly text: string
}

const NO_CONTROLLER = 'cgroup v2 has no such controller here: cgroup.controllers at its root has those that there are, the others belong to cgroup v1 or are not built'

const NO_MODULES = 'CAP_SYS_MODULE is needed: run as root; or /proc/sys/kernel/modules_disabled is 1'

const hints: readonly Hint[] = [
  {
    syscall: 'pivot_root',
    code: 'EINVAL',
    text: 'the caller stands on the absolute root (kernels before 7.0), the parent of the new root or of put_old is shared, or put_old is not below the new root',
  },
  { syscall: 'pivot_root', code: 'EBUSY', text: 'the new root or put_old is on the current root mount: bind the directory onto itself first' },
  { syscall: 'pivot_root', code: 'EPERM', text: 'CAP_SYS_ADMIN in the user namespace of the mount namespace is needed: run as root' },
  { syscall: 'mount', code: 'EINVAL', arg: 'MS_MOVE', text: 'the source is not a mount point, or its parent mount is shared: make "/" private first' },
  { syscall: 'mount', code: 'EINVAL', arg: 'MS_BIND', text: 'the source is on a mount that is unbindable, or, in a user namespace, has locked mounts below it that the bind would uncover' },
  { syscall: 'mount', code: 'EINVAL', arg: 'MS_SLAVE', text: 'not a mount point: a chroot to a plain directory is none' },
  { syscall: 'mount', code: 'ENODEV', text: 'the kernel does not know this file system: its module is not in the image or not built' },
  { syscall: 'mount', code: 'EINVAL', text: 'no file system of this type is there, its superblock is damaged, or an option is not known to it' },
  { syscall: 'mount', code: 'EUCLEAN', text: 'the file system is damaged: run fsck' },
  { syscall: 'mount', code: 'EBUSY', text: 'the device or mount point is in use already' },
  { syscall: 'mount', code: 'ENOTBLK', text: 'the source is not a block device' },
  { syscall: 'mount', code: 'ENOENT', text: 'the source or the mount point does not exist' },
  { syscall: 'mount', code: 'EACCES', text: 'the device is read-only: mount with "ro"' },
  { syscall: 'mount', code: 'EROFS', text: 'the device is read-only: mount with "ro"' },
  { syscall: 'mount', code: 'EPERM', text: 'CAP_SYS_ADMIN is needed, or the mount is locked by a user namespace' },
  { syscall: 'umount2', code: 'EBUSY', text: 'a process, descriptor, nested mount, swap file or loop device still uses it' },
  { syscall: 'umount2', code: 'EINVAL', text: 'not a mount point, or locked by a user namespace' },
  { syscall: 'open', code: 'ENOENT', arg: '/memory.max', text: NO_CONTROLLER },
  { syscall: 'open', code: 'ENOENT', arg: '/pids.max', text: NO_CONTROLLER },
  { syscall: 'open', code: 'ENOENT', arg: '/cpu.', text: NO_CONTROLLER },
  { syscall: 'execve', code: 'ENOENT', text: 'the file, its script interpreter or its ELF interpreter does not exist in the new root' },
  { syscall: 'execve', code: 'ENOEXEC', text: 'not an executable format that this kernel knows (another architecture, or a script without "#!")' },
  { syscall: 'execve', code: 'EACCES', text: 'not a regular file, no execute permission, or a file system mounted noexec' },
  { syscall: 'memfd_create', code: 'EACCES', text: 'sysctl vm.memfd_noexec is 2: no program can be started from memory. Set it to 1 or 0, or do without an init (--no-init)' },
  { syscall: 'ptrace', code: 'EPERM', text: 'it is traced already (strace, gdb), a kernel thread or this program itself, or CAP_SYS_PTRACE, /proc/sys/kernel/yama/ptrace_scope or a security module forbids it' },
  { syscall: 'finit_module', code: 'ENOENT', text: 'a symbol that the module needs is missing: a dependency is not loaded' },
  { syscall: 'finit_module', code: 'ENOEXEC', text: 'the module was built for another kernel version' },
  { syscall: 'finit_module', code: 'EPERM', text: NO_MODULES },
  { syscall: 'delete_module', code: 'EPERM', text: NO_MODULES },
  { syscall: 'finit_module', code: 'EKEYREJECTED', text: 'the kernel accepts signed modules only' },
  { syscall: 'open_tree', code: 'EINVAL', text: 'the mount is unbindable, is in another mount namespace, or the kernel does not know a flag' },
  { syscall: 'move_mount', code: 'EINVAL', text: 'see docs/kernel-facts.md E: not a mount root, shared parent, or a kernel without this flag' },
]

/** The hint for a failed call, or undefined. `args` are those of the SyscallError. */
export function hintFor(syscall: string, code: string, args: readonly SyscallArg[]): string | undefined {
  const printed = args.map((a) => (typeof a === 'object' && a !== null ? a.raw : String(a))).join(' ')
  return hints.find((h) => h.syscall === syscall && h.code === code && (h.arg === undefined || printed.includes(h.arg)))?.text
}
