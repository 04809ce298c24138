// One member of a newc cpio archive, as the writer takes it and the reader gives it.
//
// The format is the kernel's: Documentation/driver-api/early-userspace/buffer-format.rst,
// init/initramfs.c. Numbers are 32 bits, in hexadecimal text.

import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../../src/abi/process.ts'

export { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK }

/** The words for file types which the inspector and the manifest use. */
export type FileTypeName = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket' | 'unknown'

/** One archive member. Paths have neither a leading `/` nor `./`. */
export interface CpioEntry {
  readonly path: string
  /** Type and permission bits, as in st_mode. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Members with the same inode number (and device) are hard links of one file when nlink > 1. */
  readonly inode: number
  readonly nlink: number
  /** Seconds since 1970. */
  readonly mtime: number
  /** The device that a char or block node stands for. */
  readonly rdevMajor: number
  readonly rdevMinor: number
  /** The content; of a symlink its target in UTF-8. Of hard links only the last has it. */
  readonly data: Uint8Array
}

/** The type bits of a mode, as a word. */
export function fileTypeName(mode: number): FileTypeName {
  switch (mode & S_IFMT) {
    case S_IFREG: return 'file'
    case S_IFDIR: return 'directory'
    case S_IFLNK: return 'symlink'
    case S_IFCHR: return 'char'
    case S_IFBLK: return 'block'
    case S_IFIFO: return 'fifo'
    case S_IFSOCK: return 'socket'
    default: return 'unknown'
  }
}

/** Name of the member that ends an archive. */
export const trailerName = 'TRAILER!!!'

/** Bytes of the fixed header: six of magic and thirteen numbers of eight. */
export const headerSize = 110

/** The next multiple of four, to which headers with names, and contents, are padded. */
export function align4(offset: number): number {
  return (offset + 3) & ~3
}
