// Path lookup of the model: path_resolution(7) over the mount tree.
//
// What matters for switching roots is reproduced: "." and "/" do not cross to what covers them, every other
// component does, ".." stops at the process's root, and magic links of /proc jump to a place.

import { S_IFLNK, S_IFMT } from '../../abi/process.ts'
import { Errno } from './errno.ts'
import type { Loc } from './mount-tree.ts'
import { magicTarget, needLook } from './proc-fs.ts'
import { isDir, lookupEntry } from './vfs.ts'
import type { ModelProcess } from './model-process.ts'
import type { ModelWorld } from './world.ts'

const MAX_LINKS = 40

/** Finds the place of `path` for a process. `follow` says whether a symbolic link at the end is followed. */
export function resolve(world: ModelWorld, proc: ModelProcess, path: string, follow = true, from: Loc = proc.cwd): Loc {
  const budget = { links: MAX_LINKS }
  return walk(world, proc, path, follow, from, budget)
}

function walk(world: ModelWorld, proc: ModelProcess, path: string, follow: boolean, from: Loc, budget: { links: number }): Loc {
  if (path === '') throw new Errno('ENOENT')
  const names = path.split('/').filter((n) => n !== '')
  const mustBeDir = path.endsWith('/')
  let at = path.startsWith('/') ? proc.root : from
  names.forEach((name, i) => {
    if (!isDir(at.node)) throw new Errno('ENOTDIR')
    if (name === '.') return
    if (name === '..') {
      at = world.mounts.dotDot(at, proc.root)
      return
    }
    const node = lookupEntry(at.node, name, proc)
    if (node === undefined) throw new Errno('ENOENT')
    const last = i === names.length - 1
    if ((node.mode & S_IFMT) !== S_IFLNK || (last && !follow && !mustBeDir)) {
      at = world.mounts.followDown({ mnt: at.mnt, node })
      return
    }
    if (budget.links-- === 0) throw new Errno('ELOOP')
    const { content } = node
    if (content.kind === 'magic') {
      needLook(world, proc, content.key)
      at = magicTarget(world, content.key)
    }
    if (content.kind === 'symlink') at = walk(world, proc, content.target, true, at, budget)
    else if (content.kind === 'self-link') at = walk(world, proc, content.target(proc), true, at, budget)
  })
  if (mustBeDir && !isDir(at.node)) throw new Errno('ENOTDIR')
  return at
}

/** The directory that will hold, or holds, the last component, and that component. */
export function resolveParent(world: ModelWorld, proc: ModelProcess, path: string): { readonly dir: Loc; readonly name: string } {
  const trimmed = path.replace(/\/+$/, '')
  if (path === '') throw new Errno('ENOENT')
  const slash = trimmed.lastIndexOf('/')
  const name = trimmed.slice(slash + 1)
  if (name === '' || name === '.' || name === '..') throw new Errno('EEXIST')
  const head = slash < 0 ? '.' : slash === 0 ? '/' : trimmed.slice(0, slash)
  const dir = resolve(world, proc, head)
  if (!isDir(dir.node)) throw new Errno('ENOTDIR')
  return { dir, name }
}
