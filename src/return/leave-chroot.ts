// Leaves the chroot in which the kept binary is called: `chroot /run/rootfs fulcrum return`.
//
// The kept binary needs the libraries of the initramfs, so that is how it is started from any root whatever. To
// return it must stand in the running root: a working directory outside of the root directory can go up past it.
// Not a way in for anybody: CAP_SYS_CHROOT is needed, and means as much.  chroot(2).

import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { OLD_ROOT_DIRECTORY } from '../facts/return-types.ts'
import { isInitramfs } from './read-return-facts.ts'

/** Deeper than /run/rootfs can be below the running root. */
const MAX_UP = 32
/** Any directory of the initramfs itself: on /oldroot an old root may be mounted that answers no more. */
const BELOW = '/etc'

/** Whether "/" is an initramfs that was kept: what may stand above it is the running root. */
function isKept(kernel: Kernel): boolean {
  return isInitramfs(kernel) && kernel.exists(OLD_ROOT_DIRECTORY)
}

/** Calls with "/" as the working directory and nothing that '..' stops at, then goes back to where it was. Throws SyscallError. */
export function climb<T>(kernel: Kernel, action: () => T): T {
  kernel.chdir('/')
  // The root directory is below the working directory now, so ".." does not stop at it.
  kernel.chroot(BELOW)
  try {
    return action()
  } finally {
    kernel.chroot('.')
  }
}

/**
 * If "/" is an initramfs and there is something above it, makes that "/" and answers true. In an initramfs that is
 * the real root of this process nothing changes. Throws SyscallError (EPERM for who may not chroot).
 */
export function leaveChroot(kernel: Kernel): boolean {
  if (!isKept(kernel)) return false
  const identity = (): string => {
    const { dev, ino } = kernel.stat('.')
    return `${dev}:${ino}`
  }
  kernel.chdir('/')
  const before = identity()
  climb(kernel, () => {
    for (let last = '', i = 0; i < MAX_UP && last !== identity(); i += 1) {
      last = identity()
      kernel.chdir('..')
    }
  })
  if (identity() === before) return false
  // A root that nobody booted from: another chroot around this one.
  attempt(() => kernel.chdir('/'))
  return true
}
