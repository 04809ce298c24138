// The cgroup of a run: made with its limits, removed with whatever is left in it.
//
// Parents are made where they are missing and let the controllers through that the limits need; both stay. A process that has
// ended may count for a moment longer (since Linux 6.19 until its last switch), and cgroup.kill takes effect when its
// victims get to run: rmdir(2) says EBUSY so long.  cgroups(7), admin-guide/cgroup-v2.rst

import { S_IFDIR, S_IFMT } from '../abi/process.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** How long processes that were killed may take. */
const PATIENCE_US = 2_000_000n
const LONGEST_PAUSE_MS = 16

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))

/** Makes a directory of cgroup2 and those above it that are missing. */
function makeParents(kernel: Kernel, path: string): void {
  if (path === '' || kernel.exists(path)) return
  makeParents(kernel, parentOf(path))
  try {
    kernel.mkdir(path, 0o755)
  } catch (error) {
    // Somebody else was faster.
    if (!isErrno(error, 'EEXIST')) throw error
  }
}

/** Has these controllers let through to what is below `path`, as far up as there are cgroups. EBUSY where processes are in the way. */
function letThrough(kernel: Kernel, path: string, controllers: readonly string[]): void {
  const control = `${path}/cgroup.subtree_control`
  if (controllers.length === 0 || !kernel.exists(control)) return
  const missing = controllers.filter((name) => !kernel.readText(control).trimEnd().split(' ').includes(name))
  if (missing.length === 0) return
  letThrough(kernel, parentOf(path), controllers)
  kernel.writeFile(control, missing.map((name) => `+${name}`).join(' '))
}

/** Makes it. `files`: name and text. Throws SyscallError: EEXIST where one with this name has processes. */
export function makeCgroup(kernel: Kernel, path: string, files: readonly (readonly [name: string, text: string])[]): void {
  const parent = parentOf(path)
  makeParents(kernel, parent)
  letThrough(kernel, parent, [...new Set(files.map(([name]) => name.slice(0, name.indexOf('.'))))].filter((name) => name !== 'cgroup'))
  try {
    kernel.mkdir(path, 0o755)
  } catch (error) {
    // An empty one is what a run has left that was killed.
    if (!isErrno(error, 'EEXIST') || attempt(() => [kernel.rmdir(path)]) === null) throw error
    kernel.mkdir(path, 0o755)
  }
  try {
    for (const [name, text] of files) kernel.writeFile(`${path}/${name}`, text)
  } catch (error) {
    removeCgroup(kernel, path)
    throw error
  }
}

/** Removes a cgroup and those below it, and ends what is in them. Answers whether it is gone. Never throws. */
export function removeCgroup(kernel: Kernel, path: string): boolean {
  const deadline = kernel.monotonicUs() + PATIENCE_US
  for (let pause = 1; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      kernel.rmdir(path)
      return true
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return true
      if (!isErrno(error, 'EBUSY', 'ENOTEMPTY')) return false
    }
    // Processes, since Linux 5.14, or what a container has made below.
    attempt(() => kernel.writeFile(`${path}/cgroup.kill`, '1'))
    for (const name of attempt(() => kernel.readdir(path)) ?? []) {
      const below = `${path}/${name}`
      const stat = attempt(() => kernel.lstat(below))
      if (stat !== null && (stat.mode & S_IFMT) === S_IFDIR) removeCgroup(kernel, below)
    }
    if (kernel.monotonicUs() > deadline) return false
    kernel.sleepMs(pause)
  }
}
