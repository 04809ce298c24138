// Looks at processes without asking a file system that may be dead.
//
// stat(2) through /proc/PID/exe, cwd or fd/N asks an NFS server or a FUSE daemon again, and never returns when that
// is gone. readlink(2) does not ask: the path and the mount table say which mount it would be, and for those types
// the answer is made of the mount table alone. For who takes a system down, where PID 1 must not hang.
// proc_pid_fd(5); fs/namei.c complete_walk().

import { mountLookup } from '../facts/mountinfo.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { mayHang } from '../facts/server-filesystems.ts'
import { attempt, SyscallError } from '../kernel/errors.ts'
import type { FileStat } from '../kernel/kernel.ts'
import type { ProcessDoors } from './read-processes.ts'

/** A link of /proc that leads to a file of a process. */
const MAGIC = /^\/proc\/\d+\/(exe|cwd|root|fd\/\d+)$/

const EIO = 5

/**
 * The same doors, but files of processes on such a file system are not asked: they have the device of the mount,
 * no inode and no type, and cannot be opened (EIO). `mounts` is the mount table that the paths are seen in.
 */
export function carefulDoors(kernel: ProcessDoors, mounts: readonly Mount[]): ProcessDoors {
  const lookup = mountLookup(mounts)
  const dangerous = mounts.some((mount) => mayHang(mount.fstype))
  const dangerBehind = (path: string): Mount | null => {
    if (!dangerous || !MAGIC.test(path)) return null
    const link = attempt(() => kernel.readlink(path))
    if (link?.startsWith('/') !== true) return null
    const mount = lookup.containing(link.replace(/ \(deleted\)$/, ''))
    return mount !== undefined && mayHang(mount.fstype) ? mount : null
  }
  const stat = (path: string): FileStat => {
    const mount = dangerBehind(path)
    return mount === null ? kernel.stat(path) : { dev: mount.dev, ino: 0n, mode: 0, rdev: 0n, uid: 0, gid: 0, size: 0n }
  }
  return {
    stat,
    open: (path, flags, mode) => {
      if (dangerBehind(path) !== null) throw new SyscallError('open', [path], EIO)
      return kernel.open(path, flags, mode)
    },
    readdir: (path) => kernel.readdir(path),
    readText: (path) => kernel.readText(path),
    readlink: (path) => kernel.readlink(path),
    close: (fd) => kernel.close(fd),
    getxattr: (path, name) => kernel.getxattr(path, name),
    statmount: (mount) => kernel.statmount(mount),
  }
}
