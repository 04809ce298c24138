// Reads a fragment of kernel configuration, and checks a finished configuration against what fragments want. Pure.
// A fragment is a list of CONFIG_… lines in paragraphs, each paragraph with a comment that says what for; merging
// is done by the kernel's own scripts/kconfig/merge_config.sh, but only warns of what Kconfig has thrown away again.
// Format: Documentation/kbuild/kconfig-language in the kernel's sources.

/** One symbol that a fragment sets. */
export interface WantedSymbol {
  /** With the prefix CONFIG_. */
  readonly name: string
  /** 'y', 'm', 'n', a number or a quoted string, as it stands in the file. */
  readonly value: string
  /** The comment of its paragraph. */
  readonly reason: string
  /** The symbol does not exist in every kernel version: its absence is no loss. */
  readonly mayBeAbsent: boolean
}

export interface Fragment {
  /** What the feature is: the comment at the top. */
  readonly about: string
  readonly symbols: readonly WantedSymbol[]
}

const MAY_BE_ABSENT = '[may be absent]'

function comment(lines: readonly string[]): string {
  return lines.filter((line) => line.startsWith('#')).map((line) => line.replace(/^#\s?/, '')).join(' ')
}

/** Parses a fragment. @throws Error naming the line for anything that is not a comment or a symbol with a reason */
export function parseFragment(text: string, name: string): Fragment {
  const paragraphs = text.split(/\n\s*\n/).map((paragraph) => paragraph.split('\n').filter((line) => line.trim() !== ''))
  const [head = [], ...groups] = paragraphs.filter((lines) => lines.length > 0)
  if (head.length === 0 || head.some((line) => !line.startsWith('#'))) throw new Error(`Cannot read fragment '${name}': it does not begin with a comment about itself`)
  const symbols = groups.flatMap((lines) => {
    const reason = comment(lines)
    const settings = lines.filter((line) => !line.startsWith('#'))
    if (reason === '' && settings.length > 0) throw new Error(`Cannot read fragment '${name}': '${settings[0]}' has no comment above it`)
    return settings.map((line) => {
      const match = /^(CONFIG_[A-Z0-9_a-z]+)=(y|m|n|-?\d+|0x[0-9a-f]+|"[^"]*")$/.exec(line)
      const [, symbol, value] = match ?? []
      if (symbol === undefined || value === undefined) throw new Error(`Cannot read fragment '${name}': '${line}' is no CONFIG_NAME=VALUE`)
      return { name: symbol, value, reason: reason.replace(MAY_BE_ABSENT, '').trim(), mayBeAbsent: reason.includes(MAY_BE_ABSENT) }
    })
  })
  return { about: comment(head), symbols }
}

/** Parses a .config: 'CONFIG_X=y' and '# CONFIG_X is not set' (which is 'n'). */
export function parseConfig(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const set = /^(CONFIG_\w+)=(.*)$/.exec(line)
    const unset = /^# (CONFIG_\w+) is not set$/.exec(line)
    if (set?.[1] !== undefined && set[2] !== undefined) found.set(set[1], set[2])
    else if (unset?.[1] !== undefined) found.set(unset[1], 'n')
  }
  return found
}

/** The symbols of fragments in order, later ones replacing earlier ones, as merge_config.sh would have it. */
export function mergeSymbols(fragments: readonly Fragment[]): WantedSymbol[] {
  const merged = new Map<string, WantedSymbol>()
  for (const { symbols } of fragments) for (const symbol of symbols) merged.set(symbol.name, symbol)
  return [...merged.values()]
}

/** One line per wanted symbol that a finished configuration has otherwise; empty when every wish was granted. */
export function lostSymbols(wanted: readonly WantedSymbol[], config: ReadonlyMap<string, string>): string[] {
  return wanted.flatMap(({ name, value, reason, mayBeAbsent }) => {
    const got = config.get(name)
    if (got === value || (got === undefined && (value === 'n' || mayBeAbsent))) return []
    const state = got === undefined ? 'is not there: this kernel does not have it, or something it depends on is off' : `is '${got}'`
    return [`${name}=${value} ${state} (wanted: ${reason})`]
  })
}
