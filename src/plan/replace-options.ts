// Mount options of a new mount in the terms of fsconfig(2) and mount_setattr(2).
//
// Pure. The words are those of mount(8); what is a flag of the superblock and what of the mount the kernel decides.

import {
  MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODEV, MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME, MS_DIRSYNC, MS_LAZYTIME, MS_MANDLOCK, MS_NOATIME, MS_NODEV, MS_NODIRATIME, MS_NOEXEC, MS_NOSUID, MS_NOSYMFOLLOW,
  MS_RDONLY, MS_STRICTATIME, MS_SYNCHRONOUS,
} from '../abi/mount.ts'
import { parseMountOptions, splitOptions } from '../facts/mount-options.ts'
import type { FsSettings } from './replace-step.ts'

const attributes: readonly (readonly [flag: number, attribute: number, option: string])[] = [
  [MS_RDONLY, MOUNT_ATTR_RDONLY, 'ro'], [MS_NOSUID, MOUNT_ATTR_NOSUID, 'nosuid'], [MS_NODEV, MOUNT_ATTR_NODEV, 'nodev'],
  [MS_NOEXEC, MOUNT_ATTR_NOEXEC, 'noexec'], [MS_NOATIME, MOUNT_ATTR_NOATIME, 'noatime'], [MS_STRICTATIME, MOUNT_ATTR_STRICTATIME, 'strictatime'],
  [MS_NODIRATIME, MOUNT_ATTR_NODIRATIME, 'nodiratime'], [MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW, 'nosymfollow'],
]
const superblockFlags: readonly (readonly [flag: number, name: string])[] = [
  [MS_RDONLY, 'ro'], [MS_SYNCHRONOUS, 'sync'], [MS_DIRSYNC, 'dirsync'], [MS_LAZYTIME, 'lazytime'], [MS_MANDLOCK, 'mand'],
]

/** 'ro,nosuid,size=1m' → settings; `readOnly` is what holds when neither ro nor rw is said. */
export function fsSettings(options: string, readOnly: boolean): FsSettings {
  const { flags, data } = parseMountOptions(options, readOnly ? MS_RDONLY : 0)
  return {
    flags: superblockFlags.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name),
    data: splitOptions(data ?? '').map((option) => {
      const equals = option.indexOf('=')
      return equals < 0 ? [option, null] : [option.slice(0, equals), option.slice(equals + 1).replaceAll('"', '')]
    }),
    attributes: attributes.reduce((sum, [flag, attribute]) => ((flags & flag) === 0 ? sum : sum | attribute), 0),
  }
}

/** Which of the restrictions of the old mount the new one does not have, of those that matter for security. */
export function lostRestrictions(old: readonly string[], set: number): string[] {
  const watched = ['ro', 'nosuid', 'nodev', 'noexec', 'nosymfollow']
  return attributes.filter(([, attribute, option]) => watched.includes(option) && old.includes(option) && (set & attribute) === 0).map(([, , option]) => option)
}
