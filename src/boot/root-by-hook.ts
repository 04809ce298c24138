// A root that a hook has mounted: FUSE, or whatever else mount(2) alone cannot do.
//
// What the pre-mount hooks (or a person at that break) put on /sysroot is the root, and root= is not looked
// at. Compared with what was there before them, so that a mount which could not be taken away after a failed
// try is never taken for the answer to another root=.  docs/man/fulcrum.7, HOOKS.

import { SYSROOT } from '../facts/switch-types.ts'
import { topMountAt } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { BootSummary } from './boot-record.ts'

/** The id of the mount on /sysroot; null when it is a plain directory. */
export function sysrootMountId(kernel: Pick<Kernel, 'readText'>): number | null {
  return topMountAt(readOwnMounts(kernel), SYSROOT)?.id ?? null
}

/** The root, if /sysroot has another mount than `before`; else null. */
export function rootByHook(kernel: Pick<Kernel, 'readText'>, before: number | null): BootSummary['root'] | null {
  const mount = topMountAt(readOwnMounts(kernel), SYSROOT)
  if (mount === undefined || mount.id === before) return null
  const access = [mount.options, mount.superOptions].some((options) => options.includes('ro')) ? 'ro' : 'rw'
  return { source: mount.source, type: mount.fstype, options: access }
}
