// The kernel's own file systems: /proc, /sys, /dev with pts and shm, /run.
//
// Mounted only where they are not mounted yet (a wrapper, or a second try from the rescue console).
// Options follow what systemd expects to find; /run keeps exec, because systemd runs
// /run/initramfs/shutdown from it.  file-hierarchy(7), contracts of dracut (docs/compat.md).

import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_STRICTATIME } from '../abi/mount.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

interface ApiMount {
  readonly fstype: string
  readonly target: string
  readonly mode: number
  readonly flags: number
  readonly data: string | null
}

export const PROC: ApiMount = { fstype: 'proc', target: '/proc', mode: 0o555, flags: MS_NOSUID | MS_NOEXEC | MS_NODEV, data: null }

const rest: readonly ApiMount[] = [
  { fstype: 'sysfs', target: '/sys', mode: 0o555, flags: MS_NOSUID | MS_NOEXEC | MS_NODEV, data: null },
  { fstype: 'devtmpfs', target: '/dev', mode: 0o755, flags: MS_NOSUID, data: 'mode=0755' },
  { fstype: 'devpts', target: '/dev/pts', mode: 0o755, flags: MS_NOSUID | MS_NOEXEC, data: 'mode=0620,gid=5,ptmxmode=000' },
  { fstype: 'tmpfs', target: '/dev/shm', mode: 0o755, flags: MS_NOSUID | MS_NODEV, data: 'mode=1777' },
  { fstype: 'tmpfs', target: '/run', mode: 0o755, flags: MS_NOSUID | MS_NODEV | MS_STRICTATIME, data: 'mode=0755' },
]

function isMounted(kernel: Kernel, target: string): boolean {
  // A mount point is another device than its parent directory; the parents here are never bind mounts of themselves.
  const parent = target.slice(0, Math.max(1, target.lastIndexOf('/')))
  return kernel.stat(target).dev !== kernel.stat(parent).dev
}

function mountOne(kernel: Kernel, mount: ApiMount): void {
  if (!kernel.exists(mount.target)) kernel.mkdir(mount.target, mount.mode)
  if (isMounted(kernel, mount.target)) return
  try {
    kernel.mount(mount.fstype, mount.target, mount.fstype, mount.flags, mount.data)
  } catch (error) {
    // EBUSY: mounted already, devtmpfs by the kernel itself (CONFIG_DEVTMPFS_MOUNT).
    if (!isErrno(error, 'EBUSY')) throw error
  }
}

/** Mounts /proc alone: the command line decides what happens before anything else is mounted. */
export function mountProc(kernel: Kernel): void {
  mountOne(kernel, PROC)
}

/**
 * Mounts the others. Returns what could not be mounted and why: a kernel without devpts or shmem
 * can still boot; without sysfs or devtmpfs the search for the root will say what is missing.
 */
export function mountApiFilesystems(kernel: Kernel): string[] {
  const failures: string[] = []
  for (const mount of rest) {
    try {
      mountOne(kernel, mount)
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  return failures
}
