// fstab(5), parsed.
//
// PID 1 reads the fstab of the mounted root to find a /usr of its own, which must be there before
// init starts. Octal escapes as getmntent(3); a line that cannot be one is left out and reported.
// Man pages: fstab(5), getmntent(3), systemd.mount(5).

import { unescapeOctal } from './octal.ts'

/** One line of fstab(5), escapes decoded. */
export interface FstabEntry {
  /** fs_spec: '/dev/sda2', 'UUID=…', 'LABEL=…', 'tmpfs', 'server:/dir'. */
  readonly source: string
  /** fs_file: '/usr', or 'none' for swap. */
  readonly target: string
  /** fs_vfstype: one type or a comma-separated list, 'auto'. */
  readonly fstype: string
  /** fs_mntops, comma separated; 'defaults' where the line has none. */
  readonly options: string
  /** fs_freq. */
  readonly freq: number
  /** fs_passno: 0 is never checked. */
  readonly passno: number
}

/** A line that cannot be parsed. `line` counts from 1. */
export interface FstabProblem {
  readonly line: number
  readonly detail: string
}

/** Parses the text of an fstab. */
export function parseFstab(text: string): { readonly entries: readonly FstabEntry[]; readonly problems: readonly FstabProblem[] } {
  const entries: FstabEntry[] = []
  const problems: FstabProblem[] = []
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const [source, target, fstype, options = 'defaults', freq = '0', passno = '0'] = line.split(/[ \t]+/).map(unescapeOctal)
    if (source === undefined || target === undefined || fstype === undefined) {
      problems.push({ line: index + 1, detail: `Cannot parse line ${index + 1} of fstab: it has fewer than 3 fields, ignoring` })
      return
    }
    // Where there is a fifth field it can be a comment: systemd and mount(8) read a bad number as 0.
    entries.push({ source: unquoteTag(source), target: trimTarget(target), fstype, options, freq: count(freq), passno: count(passno) })
  })
  return { entries, problems }
}

/** LABEL="My Disk" is LABEL=My Disk (libblkid's rule). */
function unquoteTag(source: string): string {
  const match = /^([A-Z]+)=(["'])(.*)\2$/.exec(source)
  return match === null ? source : `${match[1]}=${match[3]}`
}

function trimTarget(target: string): string {
  return target.length > 1 && target.startsWith('/') ? target.replace(/\/+$/, '') : target
}

function count(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : 0
}

/** True when an option list has this option as a word of its own. */
export function hasOption(options: string, name: string): boolean {
  return options.split(',').includes(name)
}

/**
 * The entry for /usr that has to be mounted before init, or null: the last line for that mount point
 * wins (a later mount would hide an earlier one); 'noauto' is left alone, except that x-initrd.mount
 * asks for it here. Whether its failure may be ignored is hasOption(entry.options, 'nofail').
 */
export function usrEntry(entries: readonly FstabEntry[]): FstabEntry | null {
  const entry = entries.filter((e) => e.target === '/usr').at(-1)
  if (entry === undefined) return null
  if (hasOption(entry.options, 'noauto') && !hasOption(entry.options, 'x-initrd.mount')) return null
  return entry
}
