// Reads a small file of a root that somebody else may change meanwhile: /etc/passwd of a container that runs.
//
// Links are followed inside of the root only. What is found has to be a regular file and of a sensible size: a fifo would
// hold up whoever reads it.  path_resolution(7)

import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from '../abi/process.ts'
import { chaseInRoot } from '../facts/chase.ts'
import { inRoot } from '../facts/paths.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

const LARGEST = 1_048_576n

export type ReadDoors = Pick<Kernel, 'open' | 'close' | 'fstat' | 'read' | 'lstat' | 'readlink'>

/** The text of a file; '' where there is none that can be read. */
export function readTextInRoot(kernel: ReadDoors, root: string, path: string): string {
  const fd = attempt(() => kernel.open(inRoot(root, chaseInRoot(kernel, root, path)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
  if (fd === null) return ''
  try {
    const { mode, size } = kernel.fstat(fd)
    if ((mode & S_IFMT) !== S_IFREG || size > LARGEST) return ''
    const bytes = new Uint8Array(Number(size))
    const length = attempt(() => kernel.read(fd, bytes, 0)) ?? 0
    return new TextDecoder().decode(bytes.subarray(0, length))
  } finally {
    kernel.close(fd)
  }
}
