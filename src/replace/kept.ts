// Mounts that replacements keep in their private directory, and the records that name them.
//
// Losing one is no failure: it only takes away the way back. So nothing here throws SyscallError.  docs/replace.md

import { AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MS_PRIVATE, UMOUNT_NOFOLLOW } from '../abi/mount.ts'
import { recordName, recordText } from '../facts/replace/record.ts'
import { readRecord } from '../facts/replace/read-replace-facts.ts'
import { REPLACE_DIRECTORY } from '../facts/replace/replace-types.ts'
import type { ReplaceRecord } from '../facts/replace/replace-types.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** Unmounts a kept mount and removes its place. Mounts on it are not taken from its peers. */
export function dropKept(kernel: Kernel, path: string): void {
  attempt(() => kernel.mountSetattr(AT_FDCWD, path, AT_RECURSIVE, { propagation: MS_PRIVATE }))
  attempt(() => kernel.umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
  if (attempt(() => kernel.rmdir(path)) === null) attempt(() => kernel.unlink(path))
}

const recordPath = (target: string): string => `${REPLACE_DIRECTORY}/${recordName(target)}.json`

/** Nothing can be rolled back any more: the record goes, and all that it names. */
export function forgetReplacement(kernel: Kernel, target: string): void {
  const record = readRecord(kernel, target)
  if (record === null) return
  for (const path of [record.kept, record.peer]) if (path !== null) dropKept(kernel, path)
  attempt(() => kernel.unlink(recordPath(target)))
  tidyDirectory(kernel)
}

/** The private mount of the directory goes when nothing is in it; copies of it elsewhere go as well. */
export function tidyDirectory(kernel: Kernel): void {
  if (attempt(() => kernel.readdir(REPLACE_DIRECTORY))?.length === 0) attempt(() => kernel.umount2(REPLACE_DIRECTORY, UMOUNT_NOFOLLOW))
}

/** The old mount was lifted: what was kept of it stays, for a rollback. */
export function recordFinished(kernel: Kernel, target: string): void {
  const record = readRecord(kernel, target)
  if (record === null) return
  if (record.kept === null) return forgetReplacement(kernel, target)
  if (record.peer !== null) dropKept(kernel, record.peer)
  const done: ReplaceRecord = { ...record, state: 'done', peer: null }
  attempt(() => kernel.writeFile(recordPath(target), recordText(done), 0o600))
}
