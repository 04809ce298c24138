// The places of submounts in a new tree that is not attached: are they there, and of the right kind?
//
// Links are not followed: an absolute one would lead out of the tree, and the submount onto something else.

import { S_IFDIR, S_IFMT } from '../abi/process.ts'
import { Refused } from '../facts/refused.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import type { Place } from '../plan/replace-step.ts'

/** A refusal that only the finished tree could show: nothing visible was done yet. */
export class ReplaceRefused extends Refused {
  override readonly name = 'ReplaceRefused'
}

type Kind = 'directory' | 'other' | 'missing'

function kindOf(kernel: Pick<Kernel, 'lstat'>, path: string): Kind {
  try {
    return (kernel.lstat(path).mode & S_IFMT) === S_IFDIR ? 'directory' : 'other'
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'missing'
    throw error
  }
}

/** The prefixes of a place in the tree, the place itself last. */
function prefixes(fd: Fd, place: string): string[] {
  const names = place.split('/')
  return names.map((_, i) => `/proc/self/fd/${fd}/${names.slice(0, i + 1).join('/')}`)
}

/** What is at a place of a tree, without following links on the way. */
export function placeKind(kernel: Kernel, fd: Fd, place: string): Kind {
  let kind: Kind = 'directory'
  for (const path of prefixes(fd, place)) {
    if (kind !== 'directory') return 'missing'
    kind = kindOf(kernel, path)
  }
  return kind
}

/** Throws ReplaceRefused that names the places that are missing or of another kind. */
export function checkPlaces(kernel: Kernel, fd: Fd, places: readonly Place[]): void {
  const bad = places.filter((place) => placeKind(kernel, fd, place.path) !== (place.isDirectory ? 'directory' : 'other'))
  if (bad.length === 0) return
  throw new ReplaceRefused({
    reason: 'submount-place-missing',
    detail: `Cannot carry the mounts of the old one over: the new one has no place for ${bad.map((place) => `'${place.path}'`).join(', ')}`,
    remedy: '--make-mountpoints makes them if it can be written to, --drop-submounts lets these mounts go',
  })
}

/** Makes what is missing; `undo` gets the way back of each. */
export function makePlaces(kernel: Kernel, fd: Fd, places: readonly Place[], undo: (back: () => void) => void): void {
  for (const { path, isDirectory } of places) {
    if (placeKind(kernel, fd, path) !== 'missing') continue
    const all = prefixes(fd, path)
    for (const [i, one] of all.entries()) {
      const kind = kindOf(kernel, one)
      if (kind === 'other') break
      if (kind === 'directory') continue
      const directory = i < all.length - 1 || isDirectory
      if (directory) kernel.mkdir(one, 0o755)
      else kernel.writeFile(one, '')
      undo(() => (directory ? kernel.rmdir(one) : kernel.unlink(one)))
    }
  }
}
