// What must be known to plan the way back from a running root into the kept initramfs.
//
// Types only: src/return/read-return-facts.ts reads them, src/plan/return.ts looks at nothing else.

import type { Mount } from './mountinfo.ts'

/** Where pivot_root puts the running root; in the image, because nothing can be made in a read-only initramfs. */
export const OLD_ROOT_DIRECTORY = '/oldroot'

/** Where the caller stands. 'elsewhere' is a chroot, a container, another mount or pid namespace. */
export type ReturnPlace = { readonly kind: 'running-root' } | { readonly kind: 'initramfs' } | { readonly kind: 'elsewhere'; readonly what: string }

/**
 * How the initramfs can be reached: mounted at /run/rootfs, or only as the root directory of one of its processes,
 * which the magic link `path` leads to.
 */
export type KeptInitramfs =
  | { readonly kind: 'mounted'; readonly path: string; readonly readOnlyMount: boolean; readonly readOnlyFilesystem: boolean }
  | { readonly kind: 'concealed'; readonly path: string; readonly pid: number }
  | { readonly kind: 'none' }

export interface ReturnFacts {
  readonly pid: number
  readonly uid: number
  readonly place: ReturnPlace
  readonly mounts: readonly Mount[]
  readonly kept: KeptInitramfs
  /** /shutdown of the initramfs can be executed. */
  readonly hasShutdown: boolean
  readonly hasOldRootDirectory: boolean
  /** For each mount point that goes along: whether the initramfs has that directory. */
  readonly targets: ReadonlyMap<string, boolean>
  /** 'full', 'slim' or 'none' of the record of the boot; null without one. */
  readonly recordedKeep: string | null
}
