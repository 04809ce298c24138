// Writes the prototype file by which mkfs.xfs fills a file system: the only way that needs neither a mount nor
// a newer xfsprogs than Debian 12 has. The format knows no sticky bit and no names with blanks.
// Man page: mkfs.xfs(8), option -p.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

function modeWord(type: string, mode: number): string {
  const setUid = (mode & 0o4000) !== 0 ? 'u' : '-'
  const setGid = (mode & 0o2000) !== 0 ? 'g' : '-'
  return `${type}${setUid}${setGid}${(mode & 0o777).toString(8).padStart(3, '0')}`
}

function lines(folder: string, depth: number): string[] {
  const indent = ' '.repeat(depth)
  const found: string[] = []
  for (const name of readdirSync(folder).sort()) {
    if (/\s/.test(name)) throw new Error(`Cannot put '${name}' into an XFS prototype file: its name has a blank`)
    const path = join(folder, name)
    const status = lstatSync(path)
    const word = (type: string): string => `${indent}${name} ${modeWord(type, status.mode)} ${status.uid} ${status.gid}`
    if (status.isDirectory()) found.push(word('d'), ...lines(path, depth + 1), `${indent}$`)
    else if (status.isSymbolicLink()) found.push(`${word('l')} ${readlinkSync(path)}`)
    else if (status.isFile()) found.push(`${word('-')} ${path}`)
    else if (status.isCharacterDevice() || status.isBlockDevice()) {
      const [major, minor] = [(status.rdev >> 8) & 0xfff, (status.rdev & 0xff) | ((status.rdev >> 12) & 0xfff00)]
      found.push(`${word(status.isCharacterDevice() ? 'c' : 'b')} ${major} ${minor}`)
    } else found.push(word('p'))
  }
  return found
}

/** The prototype file of a folder: its root directory gets mode 0755 and owner 0. */
export function xfsProtofile(folder: string): string {
  return ['/dev/null', '0 0', 'd--755 0 0', ...lines(folder, 1), '$', ''].join('\n')
}
