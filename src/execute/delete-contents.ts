// Empties a directory tree through a descriptor, without leaving its file system.
//
// The descriptor keeps naming the old root after it is concealed or lies elsewhere; fchdir(2) makes it the
// working directory, which is "/" afterwards. Mounts on the way are left alone by comparing st_dev, so that a
// carried or forgotten mount cannot lose a file. Deleting is the one way to free the initramfs that
// works on every kernel (docs/kernel-facts.md A).

import { S_IFDIR, S_IFMT } from '../abi/process.ts'
import { SyscallError } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

/** What was deleted; `skipped` counts what could not be, or lay on another file system. */
export interface Deletion {
  readonly files: number
  readonly directories: number
  /** Apparent size of the deleted files. */
  readonly bytes: number
  readonly skipped: number
}

type Doors = Pick<Kernel, 'readdir' | 'lstat' | 'unlink' | 'rmdir' | 'fstat' | 'fchdir' | 'chdir'>

/** Deletes everything in the directory `fd`, which stays itself. Entries that cannot be deleted are counted, never fatal. */
export function deleteContents(kernel: Doors, fd: Fd): Deletion {
  const { dev } = kernel.fstat(fd)
  const count = { files: 0, directories: 0, bytes: 0, skipped: 0 }
  const empty = (directory: string): void => {
    for (const name of kernel.readdir(directory)) {
      const path = `${directory}/${name}`
      try {
        const stat = kernel.lstat(path)
        if (stat.dev !== dev) {
          count.skipped += 1
        } else if ((stat.mode & S_IFMT) === S_IFDIR) {
          empty(path)
          kernel.rmdir(path)
          count.directories += 1
        } else {
          kernel.unlink(path)
          count.files += 1
          count.bytes += Number(stat.size)
        }
      } catch (error) {
        // EBUSY: something is mounted there in this or another namespace; ENOTEMPTY follows from a skipped child;
        // EROFS: the file system is read-only. What stays costs memory, and is no reason not to go on.
        if (!(error instanceof SyscallError)) throw error
        count.skipped += 1
      }
    }
  }
  // From inside, and not by /proc/self/fd: the new root need not have a /proc.
  kernel.fchdir(fd)
  try {
    empty('.')
  } finally {
    kernel.chdir('/')
  }
  return count
}
