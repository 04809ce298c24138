// One parameter of the kernel command line as data: what the table, the help and the man page show of it.
//
// The tables are parameter-table.ts and the *-words.ts beside this file; what the words mean is said there too.
// Man pages: bootparam(7), kernel-command-line(7), dracut.cmdline(7).

/** Whose word it is: the kernel itself reads those of 'kernel' as well. */
export type ParameterOwner = 'kernel' | 'systemd' | 'dracut' | 'fulcrum'

export interface Parameter {
  readonly key: string
  /** Other spellings of the same. */
  readonly aliases: readonly string[]
  /** What stands behind '=', for instance 'SECONDS'; empty for a word without a value. */
  readonly value: string
  /** The value that holds when the word is missing, as text. */
  readonly default: string
  readonly owner: ParameterOwner
  /** One or two sentences without full stop at the end. */
  readonly summary: string
}

/** Makes an entry. */
export function parameter(
  owner: ParameterOwner,
  key: string,
  value: string,
  fallback: string,
  summary: string,
  aliases: readonly string[] = [],
): Parameter {
  return { key, aliases, value, default: fallback, owner, summary }
}
