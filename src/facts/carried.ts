// Which mounts go along into the new root.
//
// Those that stand directly on the initramfs's root mount below /dev, /proc, /sys or /run; what is
// mounted on them follows by itself. Moving the upper ones only keeps every submount, where a list
// of four fixed names loses /dev/pts on a kernel without devtmpfs.

import { childrenOf, mountLookup, rootMount } from './mountinfo.ts'
import type { Mount } from './mountinfo.ts'
import { isBelow } from './paths.ts'
import { CARRIED_PREFIXES, STAGED_ROOT } from './switch-types.ts'

/**
 * Where the new root has to be moved to first: it stands on a mount that is to be carried into it, as roots of live
 * media do ('/run/…'). null where it stands on the root mount, or outside of what is carried.
 */
export function staging(mounts: readonly Mount[], newRoot: string): string | null {
  const root = rootMount(mounts)
  if (root === undefined || !CARRIED_PREFIXES.some((prefix) => isBelow(newRoot, prefix))) return null
  const holder = childrenOf(mounts, root.id).find((m) => m.mountPoint !== newRoot && isBelow(newRoot, m.mountPoint))
  return holder === undefined ? null : STAGED_ROOT
}

/**
 * The visible mounts to carry, in mount point order. A mount that lies below another on the same point is
 * left out: it cannot be named by a path.
 */
export function carriedMounts(mounts: readonly Mount[], newRoot: string): Mount[] {
  const root = rootMount(mounts)
  if (root === undefined) return []
  const lookup = mountLookup(mounts)
  return childrenOf(mounts, root.id)
    .filter((m) => CARRIED_PREFIXES.some((prefix) => isBelow(m.mountPoint, prefix)) && !isBelow(newRoot, m.mountPoint))
    .map((m) => lookup.containing(m.mountPoint) ?? m)
    .sort((a, b) => (a.mountPoint < b.mountPoint ? -1 : 1))
}
