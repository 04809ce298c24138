// Mounts a file as a file system: a free loop device, its file, the mount.
//
// The device is configured to let go of the file with the last user, so that the mount is all that holds it
// once this is done: an unmount takes everything back. The file may be deleted while it is mounted.  loop(4).

import { LO_FLAGS_AUTOCLEAR, LO_FLAGS_DIRECT_IO, LO_FLAGS_READ_ONLY, LOOP_CLR_FD, LOOP_CONFIGURE, LOOP_CTL_GET_FREE, loopConfig } from '../abi/loop.ts'
import { MS_RDONLY } from '../abi/mount.ts'
import { BLKRASET, O_RDONLY, O_RDWR } from '../abi/process.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

type LoopDoors = Pick<Kernel, 'open' | 'close' | 'ioctl'>
type Doors = LoopDoors & Pick<Kernel, 'mount'>

/** Others may take the free device between the two calls. */
const TRIES = 8

/**
 * Attaches a free loop device to `file` and hands it to `use`, which mounts it: the device lives on with that mount only.
 * Returns what `use` does. Throws SyscallError with nothing left behind.
 */
export function withLoopDevice<T>(kernel: LoopDoors, file: string, readOnly: boolean, use: (device: string, fd: Fd) => T): T {
  return attach(kernel, file, (readOnly ? LO_FLAGS_READ_ONLY : 0) | LO_FLAGS_AUTOCLEAR, use)
}

/** Attaches a free loop device to `file`, for as long as nobody lets go of it (LOOP_CLR_FD). Returns its node. Throws SyscallError. */
export function attachLoopDevice(kernel: LoopDoors, file: string, readOnly: boolean): string {
  return attach(kernel, file, (readOnly ? LO_FLAGS_READ_ONLY : 0) | LO_FLAGS_DIRECT_IO, (device) => device)
}

/** Lets go of the file of a loop device; while something still uses it, at its last close. Throws SyscallError. */
export function detachLoopDevice(kernel: LoopDoors, device: string): void {
  const fd = kernel.open(device, O_RDONLY)
  try {
    kernel.ioctl(fd, LOOP_CLR_FD, 0)
  } finally {
    kernel.close(fd)
  }
}

function attach<T>(kernel: LoopDoors, file: string, flags: number, use: (device: string, fd: Fd) => T): T {
  const readOnly = (flags & LO_FLAGS_READ_ONLY) !== 0
  const access = readOnly ? O_RDONLY : O_RDWR
  const backing = kernel.open(file, access)
  try {
    for (let left = TRIES; ; left -= 1) {
      const device = freeDevice(kernel)
      const fd = kernel.open(device, access)
      try {
        kernel.ioctl(fd, LOOP_CONFIGURE, loopConfig(backing, flags, file))
        return use(device, fd)
      } catch (error) {
        if (left === 0 || !isErrno(error, 'EBUSY')) throw error
      } finally {
        kernel.close(fd)
      }
    }
  } finally {
    kernel.close(backing)
  }
}

/**
 * Mounts `file`, which is in memory, read-only on `target`. Without readahead: where the whole of a compressed block is
 * read anyway, the kernel would unpack the neighbours of what is asked for as well, 5 of 47 MB for a start of fulcrum.
 * Returns the loop device. Throws SyscallError with nothing left behind.
 */
export function mountImage(kernel: Doors, file: string, target: string, fstype: string): string {
  return withLoopDevice(kernel, file, true, (device, fd) => {
    attempt(() => kernel.ioctl(fd, BLKRASET, 0))
    kernel.mount(device, target, fstype, MS_RDONLY, null)
    return device
  })
}

function freeDevice(kernel: LoopDoors): string {
  const control = kernel.open('/dev/loop-control', O_RDWR)
  try {
    return `/dev/loop${kernel.ioctl(control, LOOP_CTL_GET_FREE, 0)}`
  } finally {
    kernel.close(control)
  }
}
