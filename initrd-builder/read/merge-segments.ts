// The tree that results from unpacking archives one over the other. Pure.
//
// Paths are resolved through the symbolic links made so far, always inside the image, as the kernel's
// rootfs would; so an extractor that writes this tree can never be led out of its directory.

import { fileTypeName, type CpioEntry, type FileTypeName } from '../cpio/newc-entry.ts'

/** A file of the resulting tree. */
export interface ImageFile {
  /** Absolute, free of links but perhaps the last component. */
  readonly path: string
  readonly type: FileTypeName
  readonly entry: CpioEntry
  /** The content; of hard links that of their group. */
  readonly data: Uint8Array
  /** Target text of a symlink. */
  readonly target: string | undefined
  /** Index of the segment that it is from. */
  readonly segment: number
}

const maximumHops = 40

/** Merges the entries of the segments, in their order. A path with `..` in it is left out: nothing good has one. */
export function mergeSegments(segments: readonly (readonly CpioEntry[])[]): Map<string, ImageFile> {
  const files = new Map<string, ImageFile>()
  for (const [segment, entries] of segments.entries()) {
    const contents = hardLinkContents(entries)
    for (const entry of entries) {
      const parts = entry.path.split('/')
      if (entry.path === '.' || parts.includes('..')) continue
      const parent = resolveIn(files, parts.slice(0, -1))
      if (parent === undefined) continue
      const path = `${parent === '/' ? '' : parent}/${parts.at(-1) ?? ''}`
      const type = fileTypeName(entry.mode)
      // A directory entry over a link to a directory is that directory, in the kernel too.
      if (type === 'directory' && files.get(path)?.type === 'symlink') continue
      files.set(path, {
        path, type, entry, segment,
        data: (entry.nlink > 1 ? contents.get(entry.inode) : undefined) ?? entry.data,
        target: type === 'symlink' ? Buffer.from(entry.data).toString('utf8') : undefined,
      })
    }
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The path that `path` leads to with all links followed, or undefined if it goes round in circles. */
export function resolveImagePath(files: ReadonlyMap<string, ImageFile>, path: string): string | undefined {
  return resolveIn(files, path.split('/').filter(part => part !== '' && part !== '.'))
}

/** The regular files, of hard links the first one only. */
export function uniqueFiles(files: ReadonlyMap<string, ImageFile>): ImageFile[] {
  const seen = new Set<string>()
  return [...files.values()].filter(({ type, entry, segment }) => {
    if (type !== 'file') return false
    if (entry.nlink <= 1) return true
    const key = `${segment}:${entry.inode}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

function resolveIn(files: ReadonlyMap<string, ImageFile>, parts: readonly string[]): string | undefined {
  let pending = [...parts]
  let done: string[] = []
  for (let hops = 0; pending.length > 0;) {
    const [part = '', ...rest] = pending
    pending = rest
    if (part === '..') {
      done.pop()
      continue
    }
    const target = files.get(`/${[...done, part].join('/')}`)?.target
    if (target === undefined) {
      done.push(part)
      continue
    }
    if (++hops > maximumHops) return undefined
    if (target.startsWith('/')) done = []
    pending = [...target.split('/').filter(p => p !== '' && p !== '.'), ...pending]
  }
  return `/${done.join('/')}`
}

function hardLinkContents(entries: readonly CpioEntry[]): Map<number, Uint8Array> {
  const contents = new Map<number, Uint8Array>()
  for (const entry of entries) {
    if (entry.nlink > 1 && fileTypeName(entry.mode) === 'file' && entry.data.length > 0) contents.set(entry.inode, entry.data)
  }
  return contents
}
