// What programs of the initramfs have left in the directory /run/initramfs for the time after it: dracut the passphrase of
// an encrypted overlay, its log and its report, initramfs-tools the sign that the root was checked.
//
// The initramfs that stays is mounted on top of that directory, so these become files of it, under the same names: what
// is small, and what the initramfs has nothing of itself in the place of. Images and mounts of live media stay where
// they are (src/plan/keep.ts). Where they were is only covered, so nothing is lost if the switch fails.

import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../abi/process.ts'
import { inRoot, isBelow } from '../facts/paths.ts'
import { topMountAt } from '../facts/mountinfo.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { INITRAMFS_DIRECTORY } from '../facts/switch-types.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** Bytes: of one file, and of all. */
const FILE_LIMIT = 1n << 20n
const ALL_LIMIT = 4n << 20n
const DEPTH = 4
/** What was copied, a path in each line: after a return to the initramfs it is old, and gives way to what is left then. */
const COPIED = '/etc/fulcrum-left'

/** The directory, in whichever place /run is by now; null where there is none, or something is mounted at or below it. */
function leftDirectory(kernel: Kernel, mounts: readonly Mount[], newRoot: string): string | null {
  const run = ['/run', inRoot(newRoot, '/run')].find((it) => topMountAt(mounts, it) !== undefined)
  if (run === undefined) return null
  const directory = `${run}${INITRAMFS_DIRECTORY.slice('/run'.length)}`
  if (mounts.some(({ mountPoint }) => isBelow(mountPoint, directory))) return null
  return attempt(() => kernel.lstat(directory).mode & S_IFMT) === S_IFDIR ? directory : null
}

/** Copies what was left into the initramfs, which is "/". What cannot be copied is passed over. Returns what takes it back. */
export function keepLeftFiles(kernel: Kernel, newRoot: string): () => void {
  const undo: (() => void)[] = []
  const copied = new Set((attempt(() => kernel.readText(COPIED)) ?? '').split('\n').filter((it) => it !== ''))
  let room = ALL_LIMIT
  const copy = (from: string, to: string, depth: number): void => {
    const { mode, size } = kernel.lstat(from)
    const type = mode & S_IFMT
    if (copied.has(to) && type !== S_IFDIR) attempt(() => kernel.unlink(to))
    const there = attempt(() => kernel.lstat(to).mode & S_IFMT)
    if (type === S_IFDIR && depth < DEPTH && (there === null || there === S_IFDIR)) {
      if (there === null) {
        kernel.mkdir(to, mode & 0o7777)
        undo.unshift(() => kernel.rmdir(to))
      }
      for (const name of kernel.readdir(from)) attempt(() => copy(`${from}/${name}`, `${to}/${name}`, depth + 1))
    } else if (there === null && type === S_IFLNK) {
      kernel.symlink(kernel.readlink(from), to)
      copied.add(to)
      undo.unshift(() => kernel.unlink(to))
    } else if (there === null && type === S_IFREG && size <= FILE_LIMIT && size <= room) {
      room -= size
      kernel.writeFile(to, kernel.readFile(from), mode & 0o7777)
      copied.add(to)
      undo.unshift(() => kernel.unlink(to))
      kernel.chmod(to, mode & 0o7777)
    }
  }
  attempt(() => {
    const from = leftDirectory(kernel, readOwnMounts(kernel), newRoot)
    if (from !== null) for (const name of kernel.readdir(from)) attempt(() => copy(`${from}/${name}`, `/${name}`, 0))
    if (copied.size > 0) kernel.writeFile(COPIED, [...copied, ''].join('\n'))
  })
  return () => {
    for (const back of undo) attempt(back)
  }
}
