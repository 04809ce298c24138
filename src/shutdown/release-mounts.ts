// Lets go of file systems before the machine stops: read-only first, then unmounted, top ones first.
//
// Read-only comes first because an unmount can succeed while the superblock lives on in another mount
// namespace, and only the remount makes ext4 drop its needs_recovery flag then (docs/kernel-facts.md C).
// Man pages: mount(2), umount2(2), systemd-shutdown(8).

import { MNT_DETACH, MS_RDONLY, MS_REMOUNT } from '../abi/mount.ts'
import { parseMountInfo } from '../facts/mountinfo.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { isBelow } from '../facts/paths.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** Types without a device to write to: read-only means nothing to them. */
const inMemory = new Set([
  'proc', 'sysfs', 'devtmpfs', 'devpts', 'tmpfs', 'ramfs', 'rootfs', 'cgroup', 'cgroup2', 'securityfs', 'debugfs', 'tracefs',
  'bpf', 'pstore', 'efivarfs', 'configfs', 'mqueue', 'hugetlbfs', 'autofs', 'binfmt_misc', 'fusectl', 'rpc_pipefs', 'nsfs',
])

/** As often as something could still be unmounted, at most this many times. */
const passes = 40

/** The mounts at or below `prefix`, those on top before those they stand on. */
export function unmountOrder(mounts: readonly Mount[], prefix: string): Mount[] {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]))
  const depth = (mount: Mount): number => {
    let levels = 0
    let at = byId.get(mount.parentId)
    while (at !== undefined && at.id !== at.parentId && levels < mounts.length) {
      levels++
      at = byId.get(at.parentId)
    }
    return levels
  }
  return mounts
    .filter((mount) => isBelow(mount.mountPoint, prefix))
    .map((mount) => ({ mount, depth: depth(mount) }))
    .sort((a, b) => b.depth - a.depth || b.mount.id - a.mount.id)
    .map(({ mount }) => mount)
}

function remountReadOnly(kernel: Kernel, mount: Mount): string | null {
  if (inMemory.has(mount.fstype) || mount.superOptions.includes('ro')) return null
  try {
    kernel.mount(mount.source, mount.mountPoint, null, MS_REMOUNT | MS_RDONLY, null)
    return null
  } catch (error) {
    return errorLine(error)
  }
}

/**
 * Makes everything at or below `prefix` read-only and, unless `how` is 'read-only', unmounts it; what
 * stays busy is detached at the end. Returns what could not be made clean; never throws.
 */
export function releaseMounts(kernel: Kernel, prefix: string, how: 'read-only' | 'unmount'): string[] {
  const failures = new Map<string, string>()
  const list = (): Mount[] => {
    try {
      return unmountOrder(parseMountInfo(kernel.readText('/proc/self/mountinfo')), prefix)
    } catch (error) {
      failures.set('/proc/self/mountinfo', errorLine(error))
      return []
    }
  }
  for (const mount of list()) {
    const failure = remountReadOnly(kernel, mount)
    if (failure !== null) failures.set(mount.mountPoint, failure)
  }
  if (how === 'read-only') return [...failures.values()]
  for (let pass = 0; pass < passes; pass++) {
    let progress = false
    for (const mount of list()) {
      try {
        kernel.umount2(mount.mountPoint, 0)
        failures.delete(mount.mountPoint)
        progress = true
      } catch (error) {
        failures.set(mount.mountPoint, errorLine(error))
      }
    }
    if (!progress) break
  }
  for (const mount of list()) {
    try {
      kernel.umount2(mount.mountPoint, MNT_DETACH)
    } catch {
      // Reported already by the plain unmount above.
    }
  }
  return [...failures.values()]
}
