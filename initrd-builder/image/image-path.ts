// Where a file of the sysroot goes in the image, and how links between such places are spelled.
//
// The image is merged the other way round than a distribution: /bin, /lib and /lib64 are real, /sbin and
// /usr/{bin,sbin,lib,lib64} are links to them, so that every path which a program may have compiled in
// exists with as few entries as can be. Links are written relative: after pivot_root the image is seen
// below /run/rootfs, where an absolute link would lead into the new root.

/** Directories that are links in the image, and the real directory each stands for. */
export const mergedDirectories: Readonly<Record<string, string>> = {
  '/sbin': '/bin',
  '/usr/bin': '/bin',
  '/usr/sbin': '/bin',
  '/usr/lib': '/lib',
  '/usr/lib64': '/lib64',
}

/** The path in the image of an absolute, normalized path of the sysroot. */
export function imagePath(path: string): string {
  const normal = normalizePath(path)
  for (const [from, to] of Object.entries(mergedDirectories)) {
    if (normal === from) return to
    if (normal.startsWith(`${from}/`)) return to + normal.slice(from.length)
  }
  return normal
}

/** Resolves `.`, `..` and repeated slashes by text only; the result starts with `/`, `..` stops at it. */
export function normalizePath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** The directory of an absolute path; of `/` itself `/`. */
export function directoryOf(path: string): string {
  const end = path.lastIndexOf('/')
  return end <= 0 ? '/' : path.slice(0, end)
}

/** The last component of a path. */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** An absolute target as a link in `linkPath`'s directory has to spell it: `../lib/x`. */
export function relativeTarget(linkPath: string, target: string): string {
  const from = directoryOf(linkPath).split('/').filter(part => part !== '')
  const to = target.split('/').filter(part => part !== '')
  let common = 0
  while (common < from.length && common < to.length && from[common] === to[common]) common++
  const result = [...from.slice(common).map(() => '..'), ...to.slice(common)].join('/')
  return result === '' ? '.' : result
}
