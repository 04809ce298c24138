// Reads files out of a sysroot as a program chrooted into it would see them.
//
// Symbolic links are walked by hand, since an absolute link of the sysroot leads back into the sysroot
// and not into the running system; each link passed is reported, because the image needs it too.

import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { BuilderError, describeCause } from '../builder-error.ts'
import { directoryOf, normalizePath } from '../image/image-path.ts'

/** One symbolic link that was passed; both absolute in the sysroot. */
export interface LinkHop {
  readonly link: string
  readonly target: string
}

/** Where a path leads in the sysroot. */
export interface SysrootFile {
  /** Absolute in the sysroot, free of links. */
  readonly path: string
  readonly stats: Stats
  readonly hops: readonly LinkHop[]
}

export interface Sysroot {
  /** The directory on the running system. */
  readonly directory: string
  /** Follows every link. Nothing there, or a link to nothing: undefined. */
  find(path: string): SysrootFile | undefined
  /** The content of a path that `find` returned. Throws BuilderError. */
  read(path: string): Buffer
  /** The content of a file that may be absent. */
  readIfThere(path: string): Buffer | undefined
  /** Sorted names in a directory, links followed; empty if there is none. */
  list(path: string): string[]
  /** Target text of a symbolic link that is at the (link-free) path, else undefined. */
  linkAt(path: string): string | undefined
}

/** ELOOP's limit in the kernel. */
const maximumHops = 40

/** Opens a directory as a sysroot. Throws BuilderError if it is none. */
export function openSysroot(directory: string): Sysroot {
  const stats = statOf(directory)
  if (stats === undefined) {
    throw new BuilderError('system', `Cannot open sysroot '${directory}': ENOENT (No such file or directory)`)
  }
  const root = directory === '/' ? '' : directory.replace(/\/+$/, '')
  const onHost = (path: string): string => root + path

  const find = (path: string): SysrootFile | undefined => {
    const hops: LinkHop[] = []
    let pending = normalizeKeepingDots(path)
    let at = '/'
    let stats = statOf(onHost('/'))
    while (pending.length > 0) {
      const [part = '', ...rest] = pending
      pending = rest
      if (part === '..') {
        at = directoryOf(at)
        stats = statOf(onHost(at))
        continue
      }
      const next = at === '/' ? `/${part}` : `${at}/${part}`
      stats = statOf(onHost(next))
      if (stats === undefined) return undefined
      if (!stats.isSymbolicLink()) {
        at = next
        continue
      }
      const text = readlinkSync(onHost(next))
      if (hops.length >= maximumHops) return undefined
      hops.push({ link: next, target: normalizePath(text.startsWith('/') ? text : `${at}/${text}`) })
      if (text.startsWith('/')) at = '/'
      pending = [...normalizeKeepingDots(text), ...pending]
      stats = statOf(onHost(at))
    }
    return stats === undefined ? undefined : { path: at, stats, hops }
  }
  const read = (path: string): Buffer => {
    try {
      return readFileSync(onHost(path))
    } catch (cause) {
      throw new BuilderError('system', `Cannot read '${onHost(path)}': ${describeCause(cause)}`, { cause })
    }
  }
  return {
    directory,
    find,
    read,
    readIfThere: path => {
      const file = find(path)
      return file?.stats.isFile() === true ? read(file.path) : undefined
    },
    list: path => {
      const file = find(path)
      return file?.stats.isDirectory() === true ? readdirSync(onHost(file.path)).sort() : []
    },
    linkAt: path => (statOf(onHost(path))?.isSymbolicLink() === true ? readlinkSync(onHost(path)) : undefined),
  }
}

/** Components without `.` and empty ones; `..` can only be resolved while walking. */
function normalizeKeepingDots(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.')
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(join(path))
  } catch {
    return undefined
  }
}
