// Options in front of NEWROOT INIT ARGS: parsing stops at the first other word.
//
// What follows belongs to init, dashes and all; that is getopt(3) with a leading '+', as switch_root and run-init
// have it. node:util's parseArgs cannot stop. Pure.

/** Which options a command takes, by their names without dashes: one letter or a long word. */
export interface OptionTable {
  readonly flags: readonly string[]
  readonly values: readonly string[]
}

export interface LeadingOptions {
  readonly flags: ReadonlySet<string>
  /** The last one wins. */
  readonly values: ReadonlyMap<string, string>
  /** Everything from the first word that is no option. */
  readonly rest: readonly string[]
  /** What is wrong, in the words of getopt(3), or null. */
  readonly problem: string | null
}

/** Parses '-np', '-cDEV', '-c DEV', '--engine=move', '--engine move' and '--'. */
export function parseLeadingOptions(args: readonly string[], table: OptionTable): LeadingOptions {
  const flags = new Set<string>()
  const values = new Map<string, string>()
  const fail = (problem: string): LeadingOptions => ({ flags, values, rest: [], problem })
  let i = 0
  for (; i < args.length; i += 1) {
    const word = args[i] ?? ''
    if (word === '--') return { flags, values, rest: args.slice(i + 1), problem: null }
    if (word === '-' || !word.startsWith('-')) break
    if (word.startsWith('--')) {
      const equals = word.indexOf('=')
      const name = word.slice(2, equals < 0 ? undefined : equals)
      if (name.length > 1 && table.flags.includes(name)) {
        if (equals >= 0) return fail(`option '--${name}' doesn't allow an argument`)
        flags.add(name)
      } else if (name.length > 1 && table.values.includes(name)) {
        const value = equals < 0 ? args[(i += 1)] : word.slice(equals + 1)
        if (value === undefined) return fail(`option '--${name}' requires an argument`)
        values.set(name, value)
      } else return fail(`unrecognized option '--${name}'`)
      continue
    }
    for (let at = 1; at < word.length; at += 1) {
      const letter = word.charAt(at)
      if (table.flags.includes(letter)) flags.add(letter)
      else if (table.values.includes(letter)) {
        const value = at + 1 < word.length ? word.slice(at + 1) : args[(i += 1)]
        if (value === undefined) return fail(`option requires an argument -- '${letter}'`)
        values.set(letter, value)
        break
      } else return fail(`invalid option -- '${letter}'`)
    }
  }
  return { flags, values, rest: args.slice(i), problem: null }
}
