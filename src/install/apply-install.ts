// Carries out a plan of an install or an uninstall, so that an interruption at any point leaves every file whole.
//
// First a pending manifest, which names all that may be left behind; then every file under a temporary name beside its
// place; then, after they are on the disk, the renames; the manifest last. A failure before the renames is undone.
// rename(2), syncfs(2), flock(2)

import { basename, dirname } from 'node:path/posix'
import { LOCK_EX, LOCK_NB, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } from '../abi/process.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { manifestPath } from './layout.ts'
import type { WantedFile } from './layout.ts'
import { formatManifest } from './manifest.ts'
import type { Manifest } from './manifest.ts'
import type { InstallFacts, InstallPlan, UninstallPlan } from './plan-install.ts'
import { inRoot, pendingPath, readManifests } from './read-facts.ts'
import type { Place } from './read-facts.ts'

function temporary(path: string): string {
  return `${dirname(path)}/.${basename(path)}.fulcrum-new`
}

function unlinkIfThere(kernel: Kernel, path: string): void {
  try {
    kernel.unlink(path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}

/** Runs the body while no other install or uninstall of this prefix does. Throws Error when one does. */
function locked<T>(kernel: Kernel, directory: string, body: () => T): T {
  const fd = kernel.open(directory, O_RDONLY | O_DIRECTORY)
  try {
    try {
      kernel.flock(fd, LOCK_EX | LOCK_NB)
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) throw new Error(`Cannot lock '${directory}': another install or uninstall is at work there; wait for its end`)
      throw error
    }
    return body()
  } finally {
    kernel.close(fd)
  }
}

function writeFile(kernel: Kernel, path: string, data: string | Uint8Array, mode: number): void {
  unlinkIfThere(kernel, path)
  const fd = kernel.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
  try {
    kernel.write(fd, data)
  } finally {
    kernel.close(fd)
  }
  // The mode of open(2) is less the umask.
  kernel.chmod(path, mode)
}

function stage(kernel: Kernel, path: string, file: WantedFile): void {
  if ('link' in file) {
    unlinkIfThere(kernel, path)
    kernel.symlink(file.link, path)
  } else writeFile(kernel, path, file.data, file.mode)
}

/** Waits until everything is on the disk that was written to these directories' file systems. */
function syncAll(kernel: Kernel, directories: readonly string[]): void {
  const byDevice = new Map(directories.map((it) => [kernel.stat(it).dev, it]))
  for (const directory of byDevice.values()) {
    const fd = kernel.open(directory, O_RDONLY | O_DIRECTORY)
    try {
      kernel.syncfs(fd)
    } finally {
      kernel.close(fd)
    }
  }
}

function makeDirectory(kernel: Kernel, path: string): void {
  try {
    kernel.mkdir(path, 0o755)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return
    throw error
  }
  kernel.chmod(path, 0o755)
}

/** The root itself, where a package is made into an empty directory; no part of what is installed. */
function makeRoot(kernel: Kernel, path: string): void {
  if (kernel.exists(path)) return
  makeRoot(kernel, dirname(path))
  makeDirectory(kernel, path)
}

function writeManifest(kernel: Kernel, place: Place, manifest: Manifest): void {
  const path = inRoot(place, manifestPath(place.prefix))
  writeFile(kernel, temporary(path), formatManifest(manifest), 0o644)
  kernel.rename(temporary(path), path)
}

/** Another install may have come to its end between the look and the lock. */
function checkUnchanged(kernel: Kernel, place: Place, facts: InstallFacts): void {
  if (JSON.stringify(readManifests(kernel, place)) !== JSON.stringify(facts.manifests)) throw new Error(`Cannot go on: another install changed '${inRoot(place, place.prefix)}' meanwhile; try again`)
}

/** What an interrupted install left under temporary names. */
function removeTemporaries(kernel: Kernel, place: Place, facts: InstallFacts): void {
  const records = [manifestPath(place.prefix), pendingPath(place.prefix)]
  for (const path of [...records, ...facts.manifests.flatMap((manifest) => manifest.files.map((it) => it.path))]) unlinkIfThere(kernel, inRoot(place, temporary(path)))
}

/** Installs. Throws SyscallError or Error; before the first rename everything is as it was by then. */
export function applyInstall(kernel: Kernel, place: Place, plan: InstallPlan, facts: InstallFacts): void {
  const at = (path: string): string => inRoot(place, path)
  const pending = at(pendingPath(place.prefix))
  const hadPending = kernel.exists(pending)
  const made: string[] = []
  const staged: string[] = []
  const undo = (): void => {
    for (const path of staged) attempt(() => kernel.unlink(path))
    if (!hadPending) attempt(() => kernel.unlink(pending))
    for (const directory of [...made].reverse()) attempt(() => kernel.rmdir(directory))
  }
  const makeDirectories = (directories: readonly string[]): void => {
    for (const directory of directories.map(at)) {
      made.push(directory)
      makeDirectory(kernel, directory)
    }
  }
  const isForRecord = (directory: string): boolean => manifestPath(place.prefix).startsWith(`${directory}/`)
  const prepare = (): void => {
    removeTemporaries(kernel, place, facts)
    const everything = [...facts.manifests.flatMap((manifest) => manifest.files), ...plan.manifest.files]
    staged.push(temporary(pending))
    writeFile(kernel, temporary(pending), formatManifest({ ...plan.manifest, files: everything }), 0o644)
    kernel.rename(temporary(pending), pending)
    // From here on even an interruption leaves nothing that is not recorded.
    makeDirectories(plan.directories.filter((it) => !isForRecord(it)))
    for (const file of plan.writes) {
      const path = temporary(at(file.path))
      staged.push(path)
      stage(kernel, path, file)
    }
    syncAll(kernel, [dirname(pending), ...new Set(plan.writes.map((file) => at(dirname(file.path))))])
  }
  const put = (): void => {
    for (const file of plan.writes) kernel.rename(temporary(at(file.path)), at(file.path))
    for (const path of plan.removals) unlinkIfThere(kernel, at(path))
    writeManifest(kernel, place, plan.manifest)
    kernel.unlink(pending)
  }
  let isUndoable = true
  try {
    makeRoot(kernel, place.root)
    makeDirectories(plan.directories.filter(isForRecord))
    locked(kernel, dirname(pending), () => {
      checkUnchanged(kernel, place, facts)
      prepare()
      isUndoable = false
      put()
    })
  } catch (error) {
    if (isUndoable) undo()
    throw error
  }
}

/** Uninstalls; what is kept stays recorded, so that it can be removed by --force later. Throws SyscallError or Error. */
export function applyUninstall(kernel: Kernel, place: Place, plan: UninstallPlan, facts: InstallFacts): void {
  const at = (path: string): string => inRoot(place, path)
  const manifest = at(manifestPath(place.prefix))
  locked(kernel, dirname(manifest), () => {
    checkUnchanged(kernel, place, facts)
    removeTemporaries(kernel, place, facts)
    for (const path of plan.removals) unlinkIfThere(kernel, at(path))
    const [last] = facts.manifests
    if (plan.kept.length > 0 && last !== undefined) {
      const files = facts.manifests.flatMap((it) => it.files).filter((it) => plan.kept.includes(it.path))
      writeManifest(kernel, place, { version: last.version, files, directories: [...plan.directories].sort() })
    } else unlinkIfThere(kernel, manifest)
    unlinkIfThere(kernel, at(pendingPath(place.prefix)))
  })
  for (const directory of plan.directories) {
    try {
      kernel.rmdir(at(directory))
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EBUSY')) throw error
    }
  }
}
