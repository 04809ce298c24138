// Looks at where an install goes: what is at each path, which directories are missing, what an earlier install recorded.
//
// Paths of plans are as the installed system sees them; here they get the root in front. A link on the way that leads out
// of that root, as an absolute one in another system's root does, is refused instead of followed. lstat(2), realpath(3).

import { createHash } from 'node:crypto'
import { dirname } from 'node:path/posix'
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../abi/process.ts'
import type { Refusal } from '../facts/refusal.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { manifestPath } from './layout.ts'
import type { WantedFile } from './layout.ts'
import { parseManifest } from './manifest.ts'
import type { Manifest } from './manifest.ts'
import type { InstallFacts, PathState, WantedContent } from './plan-install.ts'

/** Where something is installed. Both are absolute. */
export interface Place {
  readonly root: string
  /** In the root. */
  readonly prefix: string
}

/** The path on this system. */
export function inRoot({ root }: Place, path: string): string {
  return root === '/' ? path : `${root}${path}`
}

/** The manifest that an install writes first and that names everything it may leave when it is interrupted. */
export function pendingPath(prefix: string): string {
  return `${manifestPath(prefix)}.pending`
}

function hash(data: string | Uint8Array): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`
}

/** The wish with the content of each file as a manifest has it. */
export function withContents(files: readonly WantedFile[]): WantedContent[] {
  return files.map((file) => ({ file, content: 'link' in file ? `link:${file.link}` : hash(file.data) }))
}

function stateOf(kernel: Kernel, path: string): PathState {
  try {
    const type = kernel.lstat(path).mode & S_IFMT
    if (type === S_IFLNK) return `link:${kernel.readlink(path)}`
    if (type === S_IFREG) return hash(kernel.readFile(path))
    return type === S_IFDIR ? 'directory' : 'special'
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'absent'
    throw error
  }
}

/** Text of a file, or null when there is none. */
function readIfThere(kernel: Kernel, path: string): string | null {
  try {
    return kernel.readText(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}

/** A torn pending one is as good as none; a damaged manifest stops everything, because it says what is ours. */
export function readManifests(kernel: Kernel, place: Place): Manifest[] {
  const path = inRoot(place, manifestPath(place.prefix))
  const text = readIfThere(kernel, path)
  const manifest = text === null ? null : parseManifest(text)
  if (text !== null && manifest === null) throw new Error(`Cannot read manifest '${path}': it is damaged, or of a later version of fulcrum; uninstall by that version, or move the file away`)
  const pending = parseManifest(readIfThere(kernel, inRoot(place, pendingPath(place.prefix))) ?? '')
  return [manifest, pending].filter((it) => it !== null)
}

/** The directories above a path, outermost first, without "/". */
function parents(path: string): string[] {
  const above = dirname(path)
  return above === '/' ? [] : [...parents(above), above]
}

/** The first of these directories that is outside of the root, and where it leads to; null when all are inside. */
function leavesRoot(kernel: Kernel, place: Place, directories: readonly string[]): Refusal | null {
  if (place.root === '/' || !kernel.exists(place.root)) return null
  const root = kernel.realpath(place.root)
  for (const directory of directories.filter((it) => kernel.exists(inRoot(place, it)))) {
    const real = kernel.realpath(inRoot(place, directory))
    if (!`${real}/`.startsWith(root === '/' ? root : `${root}/`)) {
      return { reason: 'outside-of-root', detail: `Cannot use '${inRoot(place, directory)}': it leads out of the root, to '${real}'`, remedy: 'make the link relative, or choose another --prefix' }
    }
  }
  return null
}

/** The facts for the paths of a wish and of what is recorded. Throws SyscallError, and Error for a damaged manifest. */
export function readInstallFacts(kernel: Kernel, place: Place, wanted: readonly string[]): InstallFacts | Refusal {
  const own = parents(manifestPath(place.prefix))
  const outside = leavesRoot(kernel, place, own)
  if (outside !== null) return outside
  const manifests = readManifests(kernel, place)
  const paths = [...new Set([...wanted, ...manifests.flatMap((manifest) => manifest.files.map((it) => it.path))])]
  const recorded = leavesRoot(kernel, place, [...new Set(paths.flatMap(parents))])
  if (recorded !== null) return recorded
  const directories = [...new Set([...own, ...wanted.flatMap(parents)])]
  return {
    states: new Map(paths.map((path) => [path, stateOf(kernel, inRoot(place, path))])),
    missingDirectories: directories.filter((it) => !kernel.exists(inRoot(place, it))),
    manifests,
  }
}
