// A root in an image file of another file system, as live media have it.
//
// root=live:SPEC and its path; losetup by ioctl, no tool.  dmsquash-live of dracut.cmdline(7)

import type { RootContext, SpecialRoot, Wanted } from './context.ts'

/** The root, if root= names an image file; else null. Throws BootFailure. */
export function imageRoot(_context: RootContext, _wanted: Wanted): SpecialRoot | null {
  return null
}
