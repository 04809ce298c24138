// What the mount calls of the Kernel interface answer and take.
//
// Types only. statmount(2), mount_setattr(2): include/uapi/linux/mount.h.

import type { Propagation } from '../facts/mountinfo.ts'
import type { Fd } from './fd.ts'

/** What statmount(2) says of one mount, hidden ones included for root. Ids are unique and never reused. */
export interface MountIdentity {
  readonly id: bigint
  /** The own id on the absolute root. */
  readonly parentId: bigint
  /** Device of the superblock, in the encoding of st_dev. */
  readonly dev: bigint
  readonly fstype: string
}

/** All that statmount(2) says of one mount, in the words of mountinfo. */
export interface MountDetails extends MountIdentity {
  /** The ids that mountinfo prints, reused after the mount is gone. */
  readonly oldId: number
  readonly oldParentId: number
  readonly major: number
  readonly minor: number
  /** Path inside the file system, as in mountinfo. */
  readonly root: string
  /** Relative to the caller's root; null where no path leads from it. */
  readonly mountPoint: string | null
  readonly options: readonly string[]
  readonly superOptions: readonly string[]
  readonly propagation: Propagation
  /** Null where the kernel does not say (before 6.13) or the file system has none. */
  readonly source: string | null
}

/** What mount_setattr(2) shall change. Flags MOUNT_ATTR_*; propagation MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE or 0. */
export interface MountAttributes {
  readonly set?: number
  readonly clear?: number
  readonly propagation?: number
  /** User namespace whose map owners are shown through, with MOUNT_ATTR_IDMAP in `set`. */
  readonly userNamespace?: Fd
}
