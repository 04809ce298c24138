// Reads which mirrors a Debian machine uses, from one-line (.list) and deb822 (.sources) files.
// The kernels and roots that the tests boot come from other suites than the machine's own, through the same
// mirror: its address is the machine's business and is never written into this project.
// Man page: sources.list(5). Pure.

export interface Mirrors {
  /** Serves the suites trixie, trixie-backports, sid, …, without a slash at the end. */
  readonly main: string
  /** Serves trixie-security and the like, if the machine uses one. */
  readonly security?: string
}

interface Entry {
  readonly uri: string
  readonly suite: string
}

function deb822Entries(text: string): Entry[] {
  const entries: Entry[] = []
  for (const stanza of text.split(/\n[ \t]*\n/)) {
    const fields = new Map<string, string>()
    let last = ''
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#')) continue
      const field = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line)
      if (field?.[1] !== undefined) {
        last = field[1].toLowerCase()
        fields.set(last, field[2] ?? '')
      } else if (/^[ \t]/.test(line) && last !== '') {
        fields.set(last, `${fields.get(last) ?? ''} ${line.trim()}`)
      }
    }
    if (/^(no|false|without|off|disable)$/i.test(fields.get('enabled') ?? 'yes')) continue
    const words = (name: string): string[] => (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '')
    if (!words('types').includes('deb')) continue
    for (const uri of words('uris')) for (const suite of words('suites')) entries.push({ uri, suite })
  }
  return entries
}

function oneLineEntries(text: string): Entry[] {
  const entries: Entry[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined) entries.push({ uri: match[1], suite: match[2] })
  }
  return entries
}

/**
 * The mirrors named by a machine's source files, or undefined if none serves Debian.
 * @param files name (only its ending matters) and text of each file, in apt's order
 */
export function findMirrors(files: readonly { readonly name: string; readonly text: string }[]): Mirrors | undefined {
  let main: string | undefined
  let security: string | undefined
  for (const file of files) {
    const entries = file.name.endsWith('.sources') ? deb822Entries(file.text) : oneLineEntries(file.text)
    for (const { uri, suite } of entries) {
      const bare = uri.replace(/\/+$/, '')
      const release = /^(buster|bullseye|bookworm|trixie|forky|duke|sid|oldstable|stable|testing|unstable)(-.*)?$/
      const match = release.exec(suite.replace(/\/updates$/, '-security'))
      if (match === null) continue
      if (match[2]?.startsWith('-security')) security ??= bare
      else main ??= bare
    }
  }
  if (main === undefined) return undefined
  return security === undefined ? { main } : { main, security }
}
