// Flags of system calls in words, for the text of a planned call.
//
// Pure: `nameFlags` with one of the tables. strace(1) is the model: names joined by '|', the rest in hexadecimal.

/** Names of bits; values up to 2^53, since CLONE_* has more than 32. */
export type FlagTable = Readonly<Record<string, number>>

/** clone(2), unshare(2), setns(2). */
export const CLONE_FLAGS: FlagTable = {
  CLONE_VM: 0x100, CLONE_FS: 0x200, CLONE_FILES: 0x400, CLONE_VFORK: 0x4000, CLONE_PARENT: 0x8000, CLONE_NEWNS: 0x20000, CLONE_PARENT_SETTID: 0x100000, CLONE_CHILD_CLEARTID: 0x200000,
  CLONE_NEWCGROUP: 0x02000000, CLONE_NEWUTS: 0x04000000, CLONE_NEWIPC: 0x08000000, CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000, CLONE_NEWNET: 0x40000000, CLONE_EMPTY_MNTNS: 0x2000000000,
}
/** open_tree(2), with the AT_* flags that it takes. */
export const OPEN_TREE_FLAGS: FlagTable = {
  OPEN_TREE_CLONE: 1, OPEN_TREE_NAMESPACE: 2, OPEN_TREE_CLOEXEC: 0x80000, AT_SYMLINK_NOFOLLOW: 0x100, AT_NO_AUTOMOUNT: 0x800,
  AT_EMPTY_PATH: 0x1000, AT_RECURSIVE: 0x8000,
}
export const MOVE_MOUNT_FLAGS: FlagTable = {
  MOVE_MOUNT_F_SYMLINKS: 1, MOVE_MOUNT_F_AUTOMOUNTS: 2, MOVE_MOUNT_F_EMPTY_PATH: 4, MOVE_MOUNT_T_SYMLINKS: 0x10,
  MOVE_MOUNT_T_AUTOMOUNTS: 0x20, MOVE_MOUNT_T_EMPTY_PATH: 0x40, MOVE_MOUNT_SET_GROUP: 0x100, MOVE_MOUNT_BENEATH: 0x200,
}
/** mount_setattr(2), fsmount(2). The times are a field of their own and are not named. */
export const MOUNT_ATTR_FLAGS: FlagTable = {
  MOUNT_ATTR_RDONLY: 1, MOUNT_ATTR_NOSUID: 2, MOUNT_ATTR_NODEV: 4, MOUNT_ATTR_NOEXEC: 8, MOUNT_ATTR_IDMAP: 0x100000,
  MOUNT_ATTR_NOSYMFOLLOW: 0x200000,
}
export const AT_FLAGS: FlagTable = {
  AT_SYMLINK_NOFOLLOW: 0x100, AT_REMOVEDIR: 0x200, AT_NO_AUTOMOUNT: 0x800, AT_EMPTY_PATH: 0x1000, AT_RECURSIVE: 0x8000,
}
export const OPEN_FLAGS: FlagTable = {
  O_WRONLY: 1, O_RDWR: 2, O_CREAT: 0o100, O_EXCL: 0o200, O_NOCTTY: 0o400, O_TRUNC: 0o1000, O_APPEND: 0o2000, O_NONBLOCK: 0o4000,
  O_DIRECTORY: 0o200000, O_NOFOLLOW: 0o400000, O_CLOEXEC: 0o2000000, O_PATH: 0o10000000,
}

/** 'CLONE_NEWNS|CLONE_NEWPID', '0' for none, unknown bits in hexadecimal. */
export function nameFlags(value: number, table: FlagTable): string {
  let rest = BigInt(value)
  const parts: string[] = []
  for (const [name, bits] of Object.entries(table)) {
    if ((rest & BigInt(bits)) !== BigInt(bits)) continue
    parts.push(name)
    rest &= ~BigInt(bits)
  }
  if (rest !== 0n) parts.push(`0x${rest.toString(16)}`)
  return parts.length === 0 ? '0' : parts.join('|')
}
