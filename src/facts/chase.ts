// Resolving a path as a process would that is rooted somewhere else.
//
// An absolute symbolic link inside the new root means a path inside it, not in the initramfs, and
// ".." stops at its "/". realpath(3) knows neither, so the walk is done here, step by step.
// path_resolution(7), openat2(2) RESOLVE_IN_ROOT.

import { S_IFDIR, S_IFLNK, S_IFMT } from '../abi/process.ts'
import { SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { inRoot } from './paths.ts'

const ENOTDIR = 20
const ELOOP = 40
const MAX_LINKS = 40

/**
 * Resolves `path` (absolute, inside `root`) to the absolute path inside `root` without symbolic links.
 * Throws SyscallError (ENOENT, ENOTDIR, ELOOP) as a lookup by a process with that root would.
 */
export function chaseInRoot(kernel: Pick<Kernel, 'lstat' | 'readlink'>, root: string, path: string): string {
  const pending = path.split('/').filter((part) => part !== '' && part !== '.')
  const done: string[] = []
  let links = 0
  while (pending.length > 0) {
    const part = pending.shift() ?? ''
    if (part === '..') {
      done.pop()
      continue
    }
    const here = `/${[...done, part].join('/')}`
    const type = kernel.lstat(inRoot(root, here)).mode & S_IFMT
    if (type === S_IFLNK) {
      links += 1
      if (links > MAX_LINKS) throw new SyscallError('open', [inRoot(root, path)], ELOOP)
      const target = kernel.readlink(inRoot(root, here))
      if (target.startsWith('/')) done.length = 0
      pending.unshift(...target.split('/').filter((p) => p !== '' && p !== '.'))
    } else {
      if (pending.length > 0 && type !== S_IFDIR) throw new SyscallError('open', [inRoot(root, here)], ENOTDIR)
      done.push(part)
    }
  }
  return `/${done.join('/')}`
}
