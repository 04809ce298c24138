// A new file system and its mount, attached nowhere: fsopen(2), fsconfig(2), fsmount(2) in their order.
//
// What the file system says beside an errno is in the error already (Kernel.fsconfig, Kernel.fsmount).

import type { Fd } from './fd.ts'
import type { MountCalls, FileCalls } from './kernel.ts'

/** A key with a text, a descriptor, or as a flag (null). */
export type FsOption = readonly [key: string, value: string | { readonly fd: Fd } | null]

/** The mount; the caller closes it. `attributes`: MOUNT_ATTR_*. Throws SyscallError; nothing stays open then. */
export function newMount(kernel: Pick<MountCalls, 'fsopen' | 'fsconfig' | 'fsmount'> & Pick<FileCalls, 'close'>, fstype: string, options: readonly FsOption[], attributes: number): Fd {
  const context = kernel.fsopen(fstype)
  try {
    for (const [key, value] of options) kernel.fsconfig(context, key, value)
    return kernel.fsmount(context, attributes)
  } finally {
    kernel.close(context)
  }
}
