// The words of the kernel command line about the network and the roots that are behind it, and what they mean.
//
// Table and reader side by side, so that a word is added in one place. Pure: part of parameters.ts.
// Man pages: dracut.cmdline(7), kernel-command-line(7), docs/man/fulcrum.7.

import type { Parameter } from './parameter.ts'
import type { WordReader } from './reader.ts'

/** What the command line asks for about the network and the roots that are behind it. */
export interface NetworkWords {
  /** The words as given, until there is one. */
  readonly none: null
}

export const networkParameters: readonly Parameter[] = []

/** Reads them; every value is usable whatever the line says. */
export function readNetworkWords(_read: WordReader): NetworkWords {
  return { none: null }
}
