// Overwrites a file of the initramfs with zeros where it lies, then deletes it.
//
// Files of a ramfs or tmpfs are the pages themselves: what is written replaces what was there. A deleted file's
// pages would keep their content until somebody else gets them. A link that leads to another file system is
// refused, so that nothing of the real root can be hit.  pwrite(2).

import { O_NOFOLLOW, O_RDWR, S_IFMT, S_IFREG } from '../abi/process.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

type Doors = Pick<Kernel, 'open' | 'close' | 'fstat' | 'writeAt' | 'unlink'>

const CHUNK = 1 << 16

/** Wipes `path` below the directory `root`. Returns the bytes overwritten, or -1 where nothing was to be wiped. */
export function wipeFile(kernel: Doors, root: Fd, path: string): number {
  const place = `/proc/self/fd/${root}${path}`
  let fd: Fd
  try {
    fd = kernel.open(place, O_RDWR | O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return -1
    throw error
  }
  try {
    const stat = kernel.fstat(fd)
    if ((stat.mode & S_IFMT) !== S_IFREG || stat.dev !== kernel.fstat(root).dev) return -1
    const size = Number(stat.size)
    for (let at = 0; at < size; at += CHUNK) kernel.writeAt(fd, new Uint8Array(Math.min(CHUNK, size - at)), BigInt(at))
    kernel.unlink(place)
    return size
  } finally {
    kernel.close(fd)
  }
}
