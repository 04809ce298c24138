// The early segment: processor microcode, which the kernel reads before it unpacks anything.
//
// It has to be the first thing in the image and uncompressed; each vendor's files are joined into one at
// a fixed path. See Documentation/arch/x86/microcode.rst.

import type { CpioSource } from '../cpio/newc-writer.ts'
import { regularMode } from '../cpio/newc-writer.ts'
import { S_IFDIR } from '../cpio/newc-entry.ts'

/** Where each vendor's files are in a sysroot, and the name the kernel looks for. */
export const microcodeVendors = [
  {
    directory: '/lib/firmware/intel-ucode', name: 'GenuineIntel.bin',
    files: /^[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}(\.initramfs)?$/,
  },
  { directory: '/lib/firmware/amd-ucode', name: 'AuthenticAMD.bin', files: /^microcode_amd.*\.bin$/ },
] as const

/** The archive's sources from the joined contents by name; empty without any microcode. */
export function microcodeSources(contents: ReadonlyMap<string, Uint8Array>): CpioSource[] {
  if (contents.size === 0) return []
  const directories = ['kernel', 'kernel/x86', 'kernel/x86/microcode'].map(path => ({ path, mode: S_IFDIR | 0o755 }))
  const files = [...contents].map(([name, data]) => ({ path: `kernel/x86/microcode/${name}`, mode: regularMode(0o644), data }))
  return [...directories, ...files]
}
