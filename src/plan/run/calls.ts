// Constructors of the child's system calls: arguments for the kernel and the text that strace(1) would print.
//
// Pure: `calls.mount(…)` answers a ChildCall. Every nested clone(2) shares the memory, which must not be given back before the
// inner one has its program: the outer one waits for that (CLONE_VFORK), or the kernel tells it (CLONE_CHILD_CLEARTID).

import { AT_EMPTY_PATH, AT_FDCWD, mountFlagsToString, umountFlagsToString } from '../../abi/mount.ts'
import { CLONE_CHILD_CLEARTID, CLONE_PARENT_SETTID, CLONE_VFORK, CLONE_VM, SIGCHLD } from '../../abi/process.ts'
import type { RawCallName } from '../../abi/raw-syscalls.ts'
import { AT_FLAGS, CLONE_FLAGS, MOUNT_ATTR_FLAGS, MOVE_MOUNT_FLAGS, nameFlags, OPEN_FLAGS, OPEN_TREE_FLAGS } from './flag-text.ts'
import type { ChildArgument, ChildCall, Handle, Result } from './run-plan.ts'

/** What a call may have besides its arguments. */
export type CallOptions = Pick<ChildCall, 'label' | 'goOn' | 'ifZero' | 'role'>
/** A descriptor: of the host by its handle, of an earlier call by its label, or a number such as AT_FDCWD. */
export type Descriptor = number | Handle | Result

/** A handle by its name. */
export const handle = (name: string): Handle => ({ handle: name })
/** The result of an earlier call by its label. */
export const result = (label: string): Result => ({ result: label })

/** An argument as strace(1) prints it; a Handle or Result is its name. */
export function showArgument(argument: ChildArgument): string {
  if (argument === null) return 'NULL'
  if (typeof argument === 'string') return JSON.stringify(argument)
  if (typeof argument === 'number') return argument === AT_FDCWD ? 'AT_FDCWD' : String(argument)
  if (typeof argument === 'bigint') return String(argument)
  if (argument instanceof Uint8Array) return `[${argument.length} bytes]`
  if (Array.isArray(argument)) return JSON.stringify(argument)
  if ('handle' in argument) return argument.handle
  if ('result' in argument) return argument.result
  if ('presence' in argument) return '&word'
  return '{…}'
}

/** Any call at all. `shown` are the arguments in words where they differ from showArgument. */
export function makeCall(call: RawCallName, args: readonly ChildArgument[], options: CallOptions = {}, shown: readonly (string | undefined)[] = []): ChildCall {
  return { call, args, shown: `${call}(${args.map((it, i) => shown[i] ?? showArgument(it)).join(', ')})`, ...options }
}

const octal = (mode: number): string => `0${mode.toString(8)}`

/** struct mount_attr. */
function mountAttr(set: number, clear: number, propagation: number): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  for (const [i, value] of [set, clear, propagation].entries()) view.setBigUint64(8 * i, BigInt(value), true)
  return bytes
}

export const calls = {
  mount: (source: string | null, target: string, fstype: string | null, flags: number, data: string | null = null, options?: CallOptions): ChildCall =>
    makeCall('mount', [source, target, fstype, flags, data], options, [undefined, undefined, undefined, mountFlagsToString(flags)]),
  umount2: (target: string, flags: number, options?: CallOptions): ChildCall =>
    makeCall('umount2', [target, flags], options, [undefined, umountFlagsToString(flags)]),
  pivotRoot: (newRoot: string, putOld: string, options?: CallOptions): ChildCall => makeCall('pivot_root', [newRoot, putOld], options),
  chroot: (path: string, options?: CallOptions): ChildCall => makeCall('chroot', [path], options),
  chdir: (path: string, options?: CallOptions): ChildCall => makeCall('chdir', [path], options),
  fchdir: (fd: Descriptor, options?: CallOptions): ChildCall => makeCall('fchdir', [fd], options),
  openTree: (at: Descriptor, path: string, flags: number, options?: CallOptions): ChildCall =>
    makeCall('open_tree', [at, path, flags], options, [undefined, undefined, nameFlags(flags, OPEN_TREE_FLAGS)]),
  moveMount: (from: Descriptor, fromPath: string, to: Descriptor, toPath: string, flags: number, options?: CallOptions): ChildCall =>
    makeCall('move_mount', [from, fromPath, to, toPath, flags], options, [undefined, undefined, undefined, undefined, nameFlags(flags, MOVE_MOUNT_FLAGS)]),
  /** `set` and `clear`: MOUNT_ATTR_*, without MOUNT_ATTR_IDMAP, which is a step of the host; `propagation`: MS_*, or 0. */
  mountSetattr: (at: Descriptor, path: string, flags: number, change: { readonly set?: number; readonly clear?: number; readonly propagation?: number }, options?: CallOptions): ChildCall => {
    const { set = 0, clear = 0, propagation = 0 } = change
    const shown = `{set=${nameFlags(set, MOUNT_ATTR_FLAGS)}, clr=${nameFlags(clear, MOUNT_ATTR_FLAGS)}, propagation=${mountFlagsToString(propagation)}}`
    return makeCall('mount_setattr', [at, path, flags, mountAttr(set, clear, propagation), 32], options, [undefined, undefined, nameFlags(flags, AT_FLAGS), shown])
  },
  fsopen: (fstype: string, options?: CallOptions): ChildCall => makeCall('fsopen', [fstype, 1], options, [undefined, 'FSOPEN_CLOEXEC']),
  /** FSCONFIG_SET_STRING, FSCONFIG_SET_FLAG where the value is null, FSCONFIG_SET_FD. */
  fsconfig: (context: Descriptor, key: string, value: string | null | Handle | Result, options?: CallOptions): ChildCall => {
    const [command, name] = value === null ? [0, 'FSCONFIG_SET_FLAG'] : typeof value === 'string' ? [1, 'FSCONFIG_SET_STRING'] : [5, 'FSCONFIG_SET_FD']
    return makeCall('fsconfig', [context, command, key, ...(typeof value === 'object' && value !== null ? [null, value] : [value, 0])], options, [undefined, name])
  },
  fsconfigCreate: (context: Descriptor, options?: CallOptions): ChildCall =>
    makeCall('fsconfig', [context, 6, null, null, 0], options, [undefined, 'FSCONFIG_CMD_CREATE']),
  fsmount: (context: Descriptor, attributes: number, options?: CallOptions): ChildCall =>
    makeCall('fsmount', [context, 1, attributes], options, [undefined, 'FSMOUNT_CLOEXEC', nameFlags(attributes, MOUNT_ATTR_FLAGS)]),
  setns: (fd: Descriptor, flags: number, options?: CallOptions): ChildCall => makeCall('setns', [fd, flags], options, [undefined, nameFlags(flags, CLONE_FLAGS)]),
  unshare: (flags: number, options?: CallOptions): ChildCall => makeCall('unshare', [flags], options, [nameFlags(flags, CLONE_FLAGS)]),
  /** clone(2) in the table: `ifZero` is where the child goes on. CLONE_VM, CLONE_VFORK and SIGCHLD are added. */
  clone: (flags: number, options: CallOptions & { readonly ifZero: string }): ChildCall => {
    const all = flags | CLONE_VM | CLONE_VFORK
    return makeCall('clone', [all | SIGCHLD, 0, 0, 0, 0], options, [`${nameFlags(all, CLONE_FLAGS)}|SIGCHLD`])
  },
  /** The same, but the outer one goes on at once: for a main child that waits until its parent is the init. `start` waits for both. */
  cloneBeside: (flags: number, options: CallOptions & { readonly label: string; readonly ifZero: string }): ChildCall => {
    const all = flags | CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID
    const word = { presence: options.label }
    return makeCall('clone', [all | SIGCHLD, 0, word, word, 0], options, [`${nameFlags(all, CLONE_FLAGS)}|SIGCHLD`])
  },
  exit: (code: number, options?: CallOptions): ChildCall => makeCall('exit_group', [code], options),
  setsid: (options?: CallOptions): ChildCall => makeCall('setsid', [], options),
  sethostname: (name: string, options?: CallOptions): ChildCall => makeCall('sethostname', [name, new TextEncoder().encode(name).length], options),
  open: (at: Descriptor, path: string, flags: number, options?: CallOptions): ChildCall =>
    makeCall('openat', [at, path, flags, 0], options, [undefined, undefined, nameFlags(flags, OPEN_FLAGS)]),
  close: (fd: Descriptor, options?: CallOptions): ChildCall => makeCall('close', [fd], options),
  dup3: (from: Descriptor, to: number, options?: CallOptions): ChildCall => makeCall('dup3', [from, to, 0], options),
  ioctl: (fd: Descriptor, request: number, argument: number | Uint8Array, options?: CallOptions): ChildCall =>
    makeCall('ioctl', [fd, request, argument], options, [undefined, `0x${request.toString(16)}`]),
  mkdir: (at: Descriptor, path: string, mode: number, options?: CallOptions): ChildCall => makeCall('mkdirat', [at, path, mode], options, [undefined, undefined, octal(mode)]),
  /** `device`: st_rdev's encoding, which for small numbers is major << 8 | minor. */
  mknod: (at: Descriptor, path: string, mode: number, device: number, options?: CallOptions): ChildCall =>
    makeCall('mknodat', [at, path, mode, device], options, [undefined, undefined, octal(mode)]),
  symlink: (to: string, at: Descriptor, path: string, options?: CallOptions): ChildCall => makeCall('symlinkat', [to, at, path], options),
  /** write(2) of a text, for files of /proc. */
  write: (fd: Descriptor, text: string, options?: CallOptions): ChildCall => makeCall('write', [fd, text, new TextEncoder().encode(text).length], options),
  prctl: (option: number, argument: number, shown: string, options?: CallOptions): ChildCall => makeCall('prctl', [option, argument, 0, 0, 0], options, [shown]),
  execve: (path: string, argv: readonly string[], env: Readonly<Record<string, string>>, options?: CallOptions): ChildCall => {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    return makeCall('execve', [path, argv, variables], options, [undefined, undefined, `[${variables.length} variables]`])
  },
  /** execveat(2) of a descriptor. */
  execFd: (fd: Descriptor, argv: readonly string[], options?: CallOptions): ChildCall =>
    makeCall('execveat', [fd, '', argv, [], AT_EMPTY_PATH], options, [undefined, undefined, undefined, undefined, 'AT_EMPTY_PATH']),
} as const
