// Mount options as text (fstab, rootflags=, mount -o) turned into mount(2)'s flags and data.
//
// The kernel takes some options as flag bits and hands all the others to the file system as one
// string; options that only user space reads must be dropped, or the file system refuses them.
// Man pages: mount(2), mount(8), fstab(5), systemd.mount(5).

import {
  MS_BIND, MS_DIRSYNC, MS_LAZYTIME, MS_MANDLOCK, MS_NOATIME, MS_NODEV, MS_NODIRATIME, MS_NOEXEC, MS_NOSUID, MS_NOSYMFOLLOW,
  MS_RDONLY, MS_REC, MS_RELATIME, MS_REMOUNT, MS_SILENT, MS_STRICTATIME, MS_SYNCHRONOUS,
} from '../abi/mount.ts'

/** What mount(2) takes: flag bits, and the file system's own options or null for none. */
export interface MountOptions {
  readonly flags: number
  readonly data: string | null
}

/** Option → bits to clear, bits to set. A later option wins over an earlier one. */
const flagOptions: Readonly<Record<string, readonly [clear: number, set: number]>> = {
  defaults: [0, 0],
  ro: [0, MS_RDONLY],
  rw: [MS_RDONLY, 0],
  nosuid: [0, MS_NOSUID],
  suid: [MS_NOSUID, 0],
  nodev: [0, MS_NODEV],
  dev: [MS_NODEV, 0],
  noexec: [0, MS_NOEXEC],
  exec: [MS_NOEXEC, 0],
  sync: [0, MS_SYNCHRONOUS],
  async: [MS_SYNCHRONOUS, 0],
  dirsync: [0, MS_DIRSYNC],
  remount: [0, MS_REMOUNT],
  bind: [0, MS_BIND],
  rbind: [0, MS_BIND | MS_REC],
  mand: [0, MS_MANDLOCK],
  nomand: [MS_MANDLOCK, 0],
  silent: [0, MS_SILENT],
  loud: [MS_SILENT, 0],
  nosymfollow: [0, MS_NOSYMFOLLOW],
  symfollow: [MS_NOSYMFOLLOW, 0],
  noatime: [MS_RELATIME | MS_STRICTATIME, MS_NOATIME],
  atime: [MS_NOATIME, 0],
  relatime: [MS_NOATIME | MS_STRICTATIME, MS_RELATIME],
  norelatime: [MS_RELATIME, 0],
  strictatime: [MS_NOATIME | MS_RELATIME, MS_STRICTATIME],
  nostrictatime: [MS_STRICTATIME, 0],
  nodiratime: [0, MS_NODIRATIME],
  diratime: [MS_NODIRATIME, 0],
  lazytime: [0, MS_LAZYTIME],
  nolazytime: [MS_LAZYTIME, 0],
}

/** Read by mount(8), systemd or fsck only. `user` and its like also mean noexec,nosuid,nodev. */
const userSpaceOnly = new Set([
  'auto', 'noauto', 'nofail', '_netdev', 'nouser', 'nousers', 'noowner', 'nogroup', 'helper', 'uhelper', 'loop', 'offset', 'sizelimit',
])
const userMounts = new Set(['user', 'users', 'owner', 'group'])

/** Splits at commas that are not inside double quotes: SELinux contexts have commas in quotes. */
export function splitOptions(text: string): string[] {
  const parts = text.match(/(?:[^,"]|"[^"]*"?)+/g) ?? []
  return [...parts].map((part) => part.trim()).filter((part) => part !== '')
}

/**
 * Turns a comma-separated option list into flags and data, starting from `initial` flags. x-*, X-* and
 * comment= are dropped; what is not known goes to the file system as it is, quotes and all.
 */
export function parseMountOptions(text: string, initial = 0): MountOptions {
  let flags = initial
  const data: string[] = []
  for (const option of splitOptions(text)) {
    const name = option.split('=', 1)[0] ?? option
    const known = Object.hasOwn(flagOptions, option) ? flagOptions[option] : undefined
    if (known !== undefined) flags = (flags & ~known[0]) | known[1]
    else if (userMounts.has(name)) flags |= MS_NOSUID | MS_NODEV | (name === 'owner' || name === 'group' ? 0 : MS_NOEXEC)
    else if (/^[xX]-/.test(option) || name === 'comment' || userSpaceOnly.has(name)) continue
    else data.push(option)
  }
  return { flags, data: data.length === 0 ? null : data.join(',') }
}
