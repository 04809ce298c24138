// DeviceKernel: the few calls of the Kernel interface that looking for devices needs.
//
// A narrow type says what this folder can do to a system (read, load modules, make device nodes) and
// keeps the fake kernel of its tests small.

import { isErrno } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'

export type DeviceKernel = Pick<
  Kernel,
  | 'readText'
  | 'readFile'
  | 'readdir'
  | 'readlink'
  | 'realpath'
  | 'stat'
  | 'exists'
  | 'mkdir'
  | 'mknod'
  | 'open'
  | 'close'
  | 'read'
  | 'write'
  | 'ioctl'
  | 'poll'
  | 'memfdCreate'
  | 'finitModule'
  | 'openUeventSocket'
  | 'monotonicUs'
>

/** What a file of sysfs or procfs can fail with because the device has gone or has no such attribute. */
const absent = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'EINVAL', 'EIO', 'EACCES', 'EPERM', 'EOPNOTSUPP'] as const

/** A text file without its last newline, or null when it is not there or cannot be read. */
export function readTextIfThere(kernel: DeviceKernel, path: string): string | null {
  try {
    return kernel.readText(path).trimEnd()
  } catch (error) {
    if (isErrno(error, ...absent)) return null
    throw error
  }
}

/** The names in a directory, or none when it is not there. */
export function readdirIfThere(kernel: DeviceKernel, path: string): string[] {
  try {
    return kernel.readdir(path)
  } catch (error) {
    if (isErrno(error, ...absent)) return []
    throw error
  }
}

/** The target of a symbolic link, or null. */
export function readlinkIfThere(kernel: DeviceKernel, path: string): string | null {
  try {
    return kernel.readlink(path)
  } catch (error) {
    if (isErrno(error, ...absent)) return null
    throw error
  }
}
