// Runs the steps of a ReplacePlan, and takes back what was done when one fails.
//
// Each step that others can see leaves its inverse behind; they run in reverse order. Descriptors are closed in any
// case, and what hangs on them goes with them: detached trees, loop devices.  docs/replace.md

import {
  AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOVE_MOUNT_BENEATH, MOVE_MOUNT_F_EMPTY_PATH, MS_PRIVATE, MS_SHARED, OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../abi/mount.ts'
import { O_PATH } from '../abi/process.ts'
import { withLoopDevice } from '../execute/mount-image.ts'
import type { Trace } from '../execute/trace.ts'
import { mountPathPrefixes } from '../facts/mount-path.ts'
import { splitDev } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { recordText } from '../facts/replace/record.ts'
import { attempt, errorLine, isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { describeReplaceStep } from '../plan/replace-step.ts'
import type { ReplacePlan, ReplaceStep } from '../plan/replace-step.ts'
import { dropKept } from './kept.ts'
import { makeFs, overlayLayers } from './make-fs.ts'
import { checkPlaces, makePlaces } from './places.ts'
import { enterStaging, withStage } from './staging.ts'
import type { Staging } from './staging.ts'
import { mountIdOf, takeBack } from './take-back.ts'

/** A step that failed. What was done before it is undone, but for `left`. */
export class ReplaceError extends Error {
  readonly plan: ReplacePlan
  readonly index: number
  /** What could not be taken back, in words; empty as a rule. */
  readonly left: readonly string[]

  constructor(plan: ReplacePlan, index: number, step: ReplaceStep, cause: unknown, left: readonly string[]) {
    super(`Cannot do step ${index + 1} of plan '${plan.name}', ${describeReplaceStep(step)}: ${errorLine(cause)}`, { cause })
    this.name = 'ReplaceError'
    this.plan = plan
    this.index = index
    this.left = left
  }
}

/** What a run holds: descriptors by handle, the ways back, the namespace to return from. */
interface Run {
  readonly kernel: Kernel
  readonly fds: Map<string, Fd>
  readonly undo: (() => void)[]
  staging: Staging | null
  /** mountinfo's id of the new mount, known before it is seen. */
  newId: number
}

function fdOf({ fds }: Run, handle: string): Fd {
  const fd = fds.get(handle)
  if (fd === undefined) throw new Error(`Cannot use handle '${handle}': no step opened it`)
  return fd
}

/** Registers a way back, but not in the staging namespace: that goes as a whole. */
function undoable(run: Run, undo: () => void): void {
  if (run.staging === null) run.undo.push(undo)
}

function makePlace(run: Run, path: string, isDirectory: boolean, mode = 0o700): void {
  const { kernel } = run
  if (kernel.exists(path)) return
  if (isDirectory) kernel.mkdir(path, mode)
  else kernel.writeFile(path, '', 0o600)
  undoable(run, () => (isDirectory ? kernel.rmdir(path) : kernel.unlink(path)))
}

/** A directory for root only, and the ones around it where they are missing. */
function makeDirectories(run: Run, path: string): void {
  const all = mountPathPrefixes(path)
  all.forEach((prefix, i) => makePlace(run, prefix, true, i === all.length - 1 ? 0o700 : 0o755))
}

/** Unmounts what a descriptor is on, if a way back before has not done so. */
function unmountByFd(kernel: Kernel, fd: Fd): void {
  const id = mountIdOf(kernel, fd)
  if (readOwnMounts(kernel).some((m) => m.id === id)) kernel.umount2(`/proc/self/fd/${fd}`, MNT_DETACH)
}

function privateDirectory(run: Run, path: string, isMount: boolean): void {
  const { kernel } = run
  makeDirectories(run, path)
  if (isMount) return
  const fd = kernel.openTree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
  run.fds.set('directory', fd)
  kernel.mountSetattr(fd, '', AT_EMPTY_PATH, { propagation: MS_PRIVATE })
  kernel.moveMount(fd, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)
  undoable(run, () => unmountByFd(kernel, fd))
  // Attached to a shared mount it became shared.
  kernel.mountSetattr(fd, '', AT_EMPTY_PATH, { propagation: MS_PRIVATE })
}

function writeRecord(run: Run, step: Extract<ReplaceStep, { op: 'write-record' }>): void {
  const { kernel } = run
  const { major, minor } = splitDev(kernel.fstat(fdOf(run, step.handle)).dev)
  makeDirectories(run, step.path.slice(0, step.path.lastIndexOf('/')))
  const before = attempt(() => kernel.readText(step.path))
  undoable(run, () => (before === null ? attempt(() => kernel.unlink(step.path)) : kernel.writeFile(step.path, before, 0o600)))
  kernel.writeFile(step.path, recordText({ ...step.record, newDev: `${major}:${minor}` }), 0o600)
}

function openOld(run: Run, path: string, mountId: number, handle: string): void {
  const fd = run.kernel.open(path, O_PATH)
  run.fds.set(handle, fd)
  if (mountIdOf(run.kernel, fd) !== mountId) throw new Error(`another mount came on top of '${path}' meanwhile; try again`)
}

/** Not at the end: nothing that can fail may come behind the last step. */
function noteNew(run: Run): void {
  run.newId = mountIdOf(run.kernel, fdOf(run, run.fds.has('whole') ? 'whole' : 'new'))
}

function beneath(run: Run, handle: string, target: string): void {
  const { kernel } = run
  noteNew(run)
  const fd = fdOf(run, handle)
  const isDirectory = (kernel.fstat(fd).mode & 0o170000) === 0o040000
  kernel.moveMount(fd, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_BENEATH)
  undoable(run, () => withStage(kernel, (stage) => takeBack(kernel, { target, mountId: mountIdOf(kernel, fd), isDirectory, fd, stage })))
}

function checkBeneath(run: Run, old: string, handle: string): void {
  const [upper, lower] = [old, handle].map((name) => mountIdOf(run.kernel, fdOf(run, name)))
  const found = readOwnMounts(run.kernel).find((m) => m.id === upper)
  if (found === undefined || found.parentId !== lower) throw new Error('another mount came on top meanwhile; try again')
}

function unmountWithBackup(run: Run, target: string, backup: string): void {
  const { kernel } = run
  noteNew(run)
  kernel.umount2(target, MNT_DETACH)
  undoable(run, () => kernel.moveMount(fdOf(run, backup), '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH))
}

function attach(run: Run, step: Extract<ReplaceStep, { op: 'attach' }>): void {
  const { kernel } = run
  const on = step.on === null ? AT_FDCWD : fdOf(run, step.on)
  kernel.moveMount(fdOf(run, step.handle), '', on, step.at, MOVE_MOUNT_F_EMPTY_PATH)
  if (step.on === null) undoable(run, () => unmountByFd(kernel, fdOf(run, step.handle)))
}

function pivot(run: Run, handle: string, old: string): void {
  const { kernel } = run
  const [fd, before] = [fdOf(run, handle), fdOf(run, old)]
  noteNew(run)
  kernel.fchdir(fd)
  kernel.pivotRoot('.', '.')
  undoable(run, () => {
    kernel.fchdir(before)
    kernel.pivotRoot('.', '.')
    kernel.fchdir(fd)
    kernel.umount2('.', MNT_DETACH)
    kernel.chdir('/')
  })
}

function liftRoot(run: Run, step: Extract<ReplaceStep, { op: 'lift-root' }>): void {
  const { kernel } = run
  const [old, fd] = [fdOf(run, step.old), fdOf(run, step.handle)]
  kernel.fchdir(old)
  // While its parent still tells others: their copies of the directory go as well.
  if (step.directory !== null) kernel.umount2(step.directory.slice(1), MNT_DETACH)
  kernel.mountSetattr(old, '', AT_EMPTY_PATH | AT_RECURSIVE, { propagation: MS_PRIVATE })
  kernel.umount2('.', MNT_DETACH)
  // From here nothing can be taken back, so nothing may fail.
  attempt(() => kernel.chdir('/'))
  if (step.shared) attempt(() => kernel.mountSetattr(fd, '', AT_EMPTY_PATH, { propagation: MS_SHARED }))
}

type Executors = { readonly [Op in ReplaceStep['op']]: (run: Run, step: Extract<ReplaceStep, { op: Op }>) => void }
const set = (run: Run, handle: string, open: () => Fd): void => void run.fds.set(handle, open())

const executors: Executors = {
  'open-old': (run, s) => openOld(run, s.path, s.mountId, s.handle),
  open: (run, s) => set(run, s.handle, () => run.kernel.open(s.path, O_PATH)),
  clone: (run, s) => set(run, s.handle, () => run.kernel.openTree(AT_FDCWD, s.path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (s.recursive ? AT_RECURSIVE : 0))),
  'clone-handle': (run, s) => set(run, s.handle, () => run.kernel.openTree(fdOf(run, s.from), '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (s.recursive ? AT_RECURSIVE : 0))),
  'make-fs': (run, s) => set(run, s.handle, () => makeFs(run.kernel, s.fstype, s.source === null ? [] : [['source', s.source]], s.settings)),
  'make-image-fs': (run, s) => set(run, s.handle, () => withLoopDevice(run.kernel, s.file, s.settings.flags.includes('ro'), (device) => makeFs(run.kernel, s.fstype, [['source', device]], s.settings))),
  'make-overlay': (run, s) => set(run, s.handle, () => makeFs(run.kernel, 'overlay', overlayLayers(run.kernel, s.layers.map((name) => fdOf(run, name)), s.inside), s.settings)),
  'set-attributes': (run, s) => run.kernel.mountSetattr(fdOf(run, s.handle), '', AT_EMPTY_PATH | (s.recursive ? AT_RECURSIVE : 0), { set: s.set, propagation: s.propagation }),
  'enter-staging': (run, s) => {
    makeDirectories(run, s.path)
    run.staging = enterStaging(run.kernel, s.path)
  },
  'leave-staging': (run) => {
    run.staging?.leave()
    run.staging = null
  },
  attach,
  'check-places': (run, s) => checkPlaces(run.kernel, fdOf(run, s.handle), s.places),
  'make-places': (run, s) => makePlaces(run.kernel, fdOf(run, s.handle), s.places, (undo) => run.undo.push(undo)),
  'private-directory': (run, s) => privateDirectory(run, s.path, s.isMount),
  'make-place': (run, s) => makePlace(run, s.path, s.isDirectory),
  'write-record': writeRecord,
  'remove-record': (run, s) => void attempt(() => run.kernel.unlink(s.path)),
  'mount-beneath': (run, s) => beneath(run, s.handle, s.target),
  'check-beneath': (run, s) => checkBeneath(run, s.old, s.handle),
  lift: (run, s) => run.kernel.umount2(`/proc/self/fd/${fdOf(run, s.handle)}`, MNT_DETACH),
  unmount: (run, s) => unmountWithBackup(run, s.target, s.backup),
  pivot: (run, s) => pivot(run, s.handle, s.old),
  'lift-root': liftRoot,
  'drop-kept': (run, s) => dropKept(run.kernel, s.path),
}

/** One step, whatever its kind: the table above is exhaustive by type. */
function runStep<Op extends ReplaceStep['op']>(run: Run, step: Extract<ReplaceStep, { op: Op }>, op: Op): void {
  executors[op](run, step)
}

/** Undoes in reverse. Returns what failed. */
function undoAll(run: Run): string[] {
  const left: string[] = []
  try {
    run.staging?.leave()
    run.staging = null
  } catch (error) {
    left.push(errorLine(error))
  }
  for (const undo of [...run.undo].reverse()) {
    try {
      undo()
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) left.push(errorLine(error))
    }
  }
  return left
}

/**
 * Runs a plan. Returns mountinfo's id of the new mount. Throws ReplaceError with everything taken back. One at a time:
 * replaceMount has the lock, others take it by withReplaceLock.
 */
export function executeReplace(kernel: Kernel, plan: ReplacePlan, trace: Trace): number {
  const run: Run = { kernel, fds: new Map(), undo: [], staging: null, newId: -1 }
  try {
    plan.steps.forEach((step, index) => {
      try {
        trace.measure('replace', describeReplaceStep(step), () => runStep(run, step, step.op))
      } catch (error) {
        throw new ReplaceError(plan, index, step, error, undoAll(run))
      }
    })
    return run.newId
  } finally {
    for (const fd of run.fds.values()) attempt(() => kernel.close(fd))
  }
}
