// Lines about an image's files as `ls -l` and lsinitrd(1) have them.
//
// Without times: in a reproducible image they tell nothing, and a list can be compared by diff(1).

import type { ReadImage } from './read-image.ts'
import type { ImageFile } from './merge-segments.ts'

const typeLetters: Readonly<Record<ImageFile['type'], string>> = {
  file: '-', directory: 'd', symlink: 'l', char: 'c', block: 'b', fifo: 'p', socket: 's', unknown: '?',
}

/** One line a file: mode, links, owner, size or device numbers, path, and a link's target. */
export function listImage({ files }: ReadImage): string {
  const rows = [...files.values()].map(file => ({ file, size: sizeText(file) }))
  const width = Math.max(0, ...rows.map(row => row.size.length))
  return rows.map(({ file, size }) => {
    const { entry } = file
    const arrow = file.target === undefined ? '' : ` -> ${file.target}`
    return `${modeText(file)} ${entry.uid}/${entry.gid} ${size.padStart(width)} ${file.path}${arrow}\n`
  }).join('')
}

function sizeText({ type, entry, data }: ImageFile): string {
  return type === 'char' || type === 'block' ? `${entry.rdevMajor}, ${entry.rdevMinor}` : String(data.length)
}

/** `drwxr-xr-t` as strmode(3) writes it. */
export function modeText({ type, entry: { mode } }: Pick<ImageFile, 'type' | 'entry'>): string {
  const triple = (shift: number, special: number, letter: string): string => {
    const bits = (mode >> shift) & 7
    const isSpecial = (mode & special) !== 0
    const last = (bits & 1) !== 0 ? (isSpecial ? letter : 'x') : isSpecial ? letter.toUpperCase() : '-'
    return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${last}`
  }
  return typeLetters[type] + triple(6, 0o4000, 's') + triple(3, 0o2000, 's') + triple(0, 0o1000, 't')
}

/** A file as `--list --json` gives it. */
export function describeFile(file: ImageFile): Record<string, string | number> {
  const { entry } = file
  const isDevice = file.type === 'char' || file.type === 'block'
  return {
    path: file.path, type: file.type, mode: (entry.mode & 0o7777).toString(8).padStart(4, '0'),
    uid: entry.uid, gid: entry.gid, size: file.type === 'symlink' ? 0 : file.data.length, mtime: entry.mtime,
    segment: file.segment,
    ...(file.target === undefined ? {} : { target: file.target }),
    ...(isDevice ? { major: entry.rdevMajor, minor: entry.rdevMinor } : {}),
  }
}
