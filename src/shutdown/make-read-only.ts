// Makes file systems read-only in place, for a machine that stops without having left its root: the rescue console,
// and the way back that was refused.
//
// Read-only makes ext4 drop its needs_recovery flag wherever else the superblock lives on (docs/kernel-facts.md C).
// Man pages: mount(2), systemd-shutdown(8).

import { MS_RDONLY, MS_REMOUNT } from '../abi/mount.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { isBelow } from '../facts/paths.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { needsReadOnly } from './stack-facts.ts'

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

/** Makes everything on disks at or below `prefix` read-only. Returns what could not be; never throws. */
export function makeReadOnly(kernel: Pick<Kernel, 'readText' | 'mount'>, prefix: string): string[] {
  const failures: string[] = []
  const attempt = (body: () => void): void => {
    try {
      body()
    } catch (error) {
      failures.push(errorLine(error))
    }
  }
  attempt(() => {
    for (const mount of unmountOrder(readOwnMounts(kernel), prefix)) {
      if (needsReadOnly(mount)) attempt(() => kernel.mount(mount.source, mount.mountPoint, null, MS_REMOUNT | MS_RDONLY, null))
    }
  })
  return failures
}
