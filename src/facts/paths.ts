// Path arithmetic for roots inside roots.
//
// Pure, and about absolute paths without symbolic links only: what a path leads to is asked of
// chase.ts.  path_resolution(7).

/** Joins a root and an absolute path inside it: ('/sysroot', '/sbin/init') → '/sysroot/sbin/init'. */
export function inRoot(root: string, path: string): string {
  const base = root === '/' ? '' : root.replace(/\/+$/, '')
  return path === '/' ? base || '/' : `${base}${path.startsWith('/') ? '' : '/'}${path}`
}

/** True when `path` is `prefix` or below it. */
export function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(prefix === '/' ? '/' : `${prefix}/`)
}
