// `ls` and `cat` of the rescue console, for images that have neither.
//
// Output is for a person at a serial line: bounded, and free of control characters.
// Man pages: ls(1), cat(1), stat(2).

import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../../abi/process.ts'
import { splitDev } from '../../facts/mountinfo.ts'
import { errorLine } from '../../kernel/errors.ts'
import type { FileStat, Kernel } from '../../kernel/kernel.ts'

/** More than this is not shown: a serial console takes seconds for it. */
const catBytes = 64 * 1024

const typeLetters: Readonly<Record<number, string>> = {
  [S_IFDIR]: 'd', [S_IFLNK]: 'l', [S_IFCHR]: 'c', [S_IFBLK]: 'b', [S_IFIFO]: 'p', [S_IFSOCK]: 's',
}

/** Mode as ls(1) prints it: 'drwxr-xr-x', 'drwxrwxrwt'. */
export function modeText(mode: number): string {
  const bit = (mask: number, letter: string): string => ((mode & mask) === 0 ? '-' : letter)
  const exec = (mask: number, special: number, letter: string): string => {
    if ((mode & special) === 0) return bit(mask, 'x')
    return (mode & mask) === 0 ? letter.toUpperCase() : letter
  }
  return [
    typeLetters[mode & S_IFMT] ?? '-',
    bit(0o400, 'r'), bit(0o200, 'w'), exec(0o100, 0o4000, 's'),
    bit(0o40, 'r'), bit(0o20, 'w'), exec(0o10, 0o2000, 's'),
    bit(0o4, 'r'), bit(0o2, 'w'), exec(0o1, 0o1000, 't'),
  ].join('')
}

/** Size in bytes, or 'major, minor' of a device (makedev(3)). */
function sizeText(stat: FileStat): string {
  const type = stat.mode & S_IFMT
  if (type !== S_IFCHR && type !== S_IFBLK) return String(stat.size)
  const { major, minor } = splitDev(stat.rdev)
  return `${major}, ${minor}`
}

function entryLine(kernel: Kernel, path: string, name: string): string {
  try {
    const stat = kernel.lstat(path)
    const link = (stat.mode & S_IFMT) === S_IFLNK ? ` -> ${kernel.readlink(path)}` : ''
    return `${modeText(stat.mode)} ${sizeText(stat).padStart(10)} ${name}${link}`
  } catch (error) {
    return `?????????? ${'?'.padStart(10)} ${name} (${errorLine(error)})`
  }
}

/** Lines for a directory's entries sorted by name, or for one file. Throws SyscallError when `path` does not exist. */
export function listFiles(kernel: Kernel, path: string): string[] {
  if ((kernel.stat(path).mode & S_IFMT) !== S_IFDIR) return [entryLine(kernel, path, path)]
  const base = path.endsWith('/') ? path : `${path}/`
  return kernel.readdir(path).sort().map((name) => entryLine(kernel, base + name, name))
}

/** A file's text as lines, cut at 64 KiB. Control characters are shown as '?': they could confuse the terminal. */
export function showFile(kernel: Kernel, path: string): string[] {
  const bytes = kernel.readFile(path)
  const text = Buffer.from(bytes.subarray(0, catBytes)).toString('utf8')
  const lines = text.replace(/[\0-\x08\x0b-\x1f\x7f]/g, '?').replace(/\n$/, '').split('\n')
  if (bytes.length > catBytes) lines.push(`(${bytes.length - catBytes} more bytes)`)
  return lines
}
