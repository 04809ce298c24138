// The words of the kernel command line about encrypted disks, volume groups and RAID, and what they mean.
//
// Table and reader side by side, so that a word is added in one place. Pure: part of parameters.ts.
// Man pages: dracut.cmdline(7), kernel-command-line(7), docs/man/fulcrum.7.

import { luksParameters, readLuksWords } from './luks-words.ts'
import type { LuksWords } from './luks-words.ts'
import type { Parameter } from './parameter.ts'
import type { WordReader } from './reader.ts'
import { readLvmWords, readMdWords, volumeParameters } from './volume-words.ts'
import type { LvmWords, MdWords } from './volume-words.ts'

/** What the command line asks for about encrypted disks, volume groups and RAID. */
export interface BlockWords {
  readonly luks: LuksWords
  readonly lvm: LvmWords
  readonly md: MdWords
}

export const blockParameters: readonly Parameter[] = [...luksParameters, ...volumeParameters]

/** Reads them; every value is usable whatever the line says. */
export function readBlockWords(read: WordReader): BlockWords {
  return { luks: readLuksWords(read), lvm: readLvmWords(read), md: readMdWords(read) }
}
