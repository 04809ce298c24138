// mkdir -p, through the Kernel.
//
// For the places in the initramfs that a boot mounts things on.  mkdir(2)

import type { Kernel } from '../kernel/kernel.ts'

/** Makes a directory and those above it, where they are not there. Throws SyscallError. */
export function makeDirectories(kernel: Pick<Kernel, 'exists' | 'mkdir'>, path: string): void {
  if (kernel.exists(path)) return
  const parent = path.slice(0, Math.max(1, path.lastIndexOf('/')))
  if (parent !== path) makeDirectories(kernel, parent)
  kernel.mkdir(path, 0o755)
}
