// Mount-related constants of the kernel's ABI, verbatim.
//
// Each says its header and the first kernel that has it, so that a plan can explain a refusal.
// Sources: include/uapi/linux/mount.h, include/uapi/linux/fcntl.h, mount(2), umount2(2),
// open_tree(2), move_mount(2), mount_setattr(2), statmount(2).

/** mount(2) flags, <sys/mount.h>. */
export const MS_RDONLY = 0x1
export const MS_NOSUID = 0x2
export const MS_NODEV = 0x4
export const MS_NOEXEC = 0x8
export const MS_SYNCHRONOUS = 0x10
export const MS_REMOUNT = 0x20
export const MS_MANDLOCK = 0x40
export const MS_DIRSYNC = 0x80
/** since Linux 5.10 */
export const MS_NOSYMFOLLOW = 0x100
export const MS_NOATIME = 0x400
export const MS_NODIRATIME = 0x800
export const MS_BIND = 0x1000
export const MS_MOVE = 0x2000
export const MS_REC = 0x4000
export const MS_SILENT = 0x8000
export const MS_UNBINDABLE = 0x20000
export const MS_PRIVATE = 0x40000
export const MS_SLAVE = 0x80000
export const MS_SHARED = 0x100000
export const MS_RELATIME = 0x200000
export const MS_STRICTATIME = 0x1000000
export const MS_LAZYTIME = 0x2000000

/** umount2(2) flags. */
export const MNT_FORCE = 0x1
export const MNT_DETACH = 0x2
export const UMOUNT_NOFOLLOW = 0x8

/** open_tree(2), since Linux 5.2. */
export const OPEN_TREE_CLONE = 1
/** Returns a mount namespace instead of a detached tree; since Linux 7.0. */
export const OPEN_TREE_NAMESPACE = 2
export const OPEN_TREE_CLOEXEC = 0x80000

/** move_mount(2), since Linux 5.2. */
export const MOVE_MOUNT_F_EMPTY_PATH = 0x4
/** move_mount(2): follows a symbolic link at the end of the target's path. */
export const MOVE_MOUNT_T_SYMLINKS = 0x10
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40
/** Puts the target into the peer group and under the master of the source; since Linux 5.15. */
export const MOVE_MOUNT_SET_GROUP = 0x100
/** Mount beneath the top mount; since Linux 6.5. */
export const MOVE_MOUNT_BENEATH = 0x200

/** mount_setattr(2), since Linux 5.12. */
export const MOUNT_ATTR_RDONLY = 0x1
export const MOUNT_ATTR_NOSUID = 0x2
export const MOUNT_ATTR_NODEV = 0x4
export const MOUNT_ATTR_NOEXEC = 0x8
export const MOUNT_ATTR_NOATIME = 0x10
export const MOUNT_ATTR_STRICTATIME = 0x20
export const MOUNT_ATTR_NODIRATIME = 0x80
/** Owners shown through the map of a user namespace. */
export const MOUNT_ATTR_IDMAP = 0x100000
/** since Linux 5.14 */
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000

/** fsopen(2), fsconfig(2), fsmount(2), since Linux 5.2. */
export const FSOPEN_CLOEXEC = 1
export const FSCONFIG_SET_FLAG = 0
export const FSCONFIG_SET_STRING = 1
export const FSCONFIG_SET_FD = 5
export const FSCONFIG_CMD_CREATE = 6
export const FSMOUNT_CLOEXEC = 1
/** Returns a mount namespace with the new mount in it; since Linux 7.1. */
export const FSMOUNT_NAMESPACE = 2

/** *at(2) constants, <fcntl.h>. */
export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
export const AT_NO_AUTOMOUNT = 0x800
export const AT_EMPTY_PATH = 0x1000
export const AT_RECURSIVE = 0x8000

/** statfs(2) f_type of the file systems an initramfs lives on, <linux/magic.h>. */
export const RAMFS_MAGIC = 0x858458f6
export const TMPFS_MAGIC = 0x01021994
export const SQUASHFS_MAGIC = 0x73717368
/** The immutable root below the initramfs; since Linux 7.0. */
export const NULL_FS_MAGIC = 0x4e554c4c

const flagNames: readonly (readonly [number, string])[] = [
  [MS_RDONLY, 'MS_RDONLY'],
  [MS_NOSUID, 'MS_NOSUID'],
  [MS_NODEV, 'MS_NODEV'],
  [MS_NOEXEC, 'MS_NOEXEC'],
  [MS_SYNCHRONOUS, 'MS_SYNCHRONOUS'],
  [MS_REMOUNT, 'MS_REMOUNT'],
  [MS_MANDLOCK, 'MS_MANDLOCK'],
  [MS_DIRSYNC, 'MS_DIRSYNC'],
  [MS_NOSYMFOLLOW, 'MS_NOSYMFOLLOW'],
  [MS_NOATIME, 'MS_NOATIME'],
  [MS_NODIRATIME, 'MS_NODIRATIME'],
  [MS_BIND, 'MS_BIND'],
  [MS_MOVE, 'MS_MOVE'],
  [MS_REC, 'MS_REC'],
  [MS_SILENT, 'MS_SILENT'],
  [MS_UNBINDABLE, 'MS_UNBINDABLE'],
  [MS_PRIVATE, 'MS_PRIVATE'],
  [MS_SLAVE, 'MS_SLAVE'],
  [MS_SHARED, 'MS_SHARED'],
  [MS_RELATIME, 'MS_RELATIME'],
  [MS_STRICTATIME, 'MS_STRICTATIME'],
  [MS_LAZYTIME, 'MS_LAZYTIME'],
]

const umountNames: readonly (readonly [number, string])[] = [
  [MNT_FORCE, 'MNT_FORCE'],
  [MNT_DETACH, 'MNT_DETACH'],
  [UMOUNT_NOFOLLOW, 'UMOUNT_NOFOLLOW'],
]

function join(value: number, names: readonly (readonly [number, string])[]): string {
  const parts: string[] = []
  let rest = value
  for (const [bit, name] of names) {
    if ((rest & bit) !== 0) {
      parts.push(name)
      rest &= ~bit
    }
  }
  if (rest !== 0) parts.push(`0x${rest.toString(16)}`)
  return parts.length === 0 ? '0' : parts.join('|')
}

/** mount(2) flags as the kernel spells them, unknown bits in hexadecimal: 'MS_REC|MS_PRIVATE', '0'. */
export function mountFlagsToString(flags: number): string {
  return join(flags, flagNames)
}

/** umount2(2) flags likewise. */
export function umountFlagsToString(flags: number): string {
  return join(flags, umountNames)
}
