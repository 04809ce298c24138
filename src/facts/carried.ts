// Which mounts go along into the new root.
//
// Those that stand directly on the initramfs's root mount below /dev, /proc, /sys or /run; what is
// mounted on them follows by itself. Moving the upper ones only keeps every submount, where a list
// of four fixed names loses /dev/pts on a kernel without devtmpfs.

import { childrenOf, mountContaining, rootMount } from './mountinfo.ts'
import type { Mount } from './mountinfo.ts'
import { isBelow } from './paths.ts'
import { CARRIED_PREFIXES } from './switch-types.ts'

/**
 * The visible mounts to carry, in mount point order. A mount that lies below another on the same point is
 * left out: it cannot be named by a path.
 */
export function carriedMounts(mounts: readonly Mount[], newRoot: string): Mount[] {
  const root = rootMount(mounts)
  if (root === undefined) return []
  return childrenOf(mounts, root.id)
    .filter((m) => CARRIED_PREFIXES.some((prefix) => isBelow(m.mountPoint, prefix)) && !isBelow(newRoot, m.mountPoint))
    .map((m) => mountContaining(mounts, m.mountPoint) ?? m)
    .sort((a, b) => (a.mountPoint < b.mountPoint ? -1 : 1))
}
