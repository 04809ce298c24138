// mount-path: the paths that a lookup passes on its way, spelled as mountinfo spells mount points.
//
// Pure string work, apart from mountinfo.ts because the planners also need it. Symbolic links and ".."
// have to be resolved before: mountinfo knows neither.

/**
 * The absolute prefixes of a path below "/", shortest first: "/run//a/" → ["/run", "/run/a"]. Repeated and
 * trailing slashes and "." components vanish; "/" gives none.
 */
export function mountPathPrefixes(path: string): string[] {
  const prefixes: string[] = []
  let sofar = ''
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    sofar = `${sofar}/${name}`
    prefixes.push(sofar)
  }
  return prefixes
}

/** True when `path` is `ancestor` or below it, both absolute: isWithin("/run", "/runner") is false. */
export function isWithin(ancestor: string, path: string): boolean {
  const top = mountPathPrefixes(ancestor).at(-1)
  return top === undefined || mountPathPrefixes(path).includes(top)
}
