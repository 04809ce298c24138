// The root as the command will see it: files of ROOT, with the binds over them.
//
// Where a bind lands depends on the links in the root, and what is below it comes from elsewhere on the host, so that a
// path in the root is looked up through both. Nothing is mounted to find out.  path_resolution(7)

import { S_IFDIR, S_IFMT } from '../../abi/process.ts'
import { attempt, isErrno } from '../../kernel/errors.ts'
import type { FileStat, Kernel } from '../../kernel/kernel.ts'
import { chaseInRoot } from '../chase.ts'
import { inRoot, isBelow } from '../paths.ts'
import type { Bind, Presence } from './run-types.ts'

type Doors = Pick<Kernel, 'lstat' | 'readlink' | 'realpath' | 'stat'>

export interface SeenRoot {
  /** `path` without symbolic links, in the root. Throws SyscallError as a lookup there would. */
  resolve(path: string): string
  /** Of a path that resolve() has answered. */
  stat(path: string): FileStat
  presence(path: string): Presence
  /** Of the binds, in their order; those that have no source or no target are not seen. */
  readonly sources: Readonly<Record<string, { readonly type: Presence; readonly path: string }>>
}

const typeOf = ({ mode }: FileStat): Presence => ((mode & S_IFMT) === S_IFDIR ? 'directory' : 'file')

/** Looks at `root` and the sources of the binds. Throws no error: what cannot be looked up is missing. */
export function seenRoot(kernel: Doors, root: string, binds: readonly Bind[]): SeenRoot {
  const mounted: { readonly target: string; readonly source: string }[] = []
  /** Where a path in the root is on the host: in the last bind that covers it, else in ROOT. */
  const onHost = (path: string): string => {
    const over = mounted.findLast(({ target }) => isBelow(path, target))
    if (over === undefined) return inRoot(root, path)
    const rest = over.target === '/' ? path : path.slice(over.target.length)
    return rest === '' || rest === '/' ? over.source : inRoot(over.source, rest)
  }
  const view = { lstat: (path: string) => kernel.lstat(onHost(path)), readlink: (path: string) => kernel.readlink(onHost(path)) }
  const resolve = (path: string): string => chaseInRoot(view, '/', path)
  const sources: Record<string, { type: Presence; path: string }> = {}
  for (const { source, target } of binds) {
    const path = attempt(() => kernel.realpath(source))
    sources[source] = path === null ? { type: 'missing', path: source } : { type: typeOf(kernel.stat(path)), path }
    const at = attempt(() => resolve(target))
    if (path !== null && at !== null) mounted.push({ target: at, source: path })
  }
  return {
    resolve,
    stat: (path) => kernel.lstat(onHost(path)),
    presence: (path) => {
      try {
        return typeOf(kernel.lstat(onHost(resolve(path))))
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) return 'missing'
        throw error
      }
    },
    sources,
  }
}
