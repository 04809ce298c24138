// The executor: runs the steps of a plan in order and decides nothing.
//
// It stops at the first failure and says which steps were done, so that PID 1 can undo them
// (plan/undo.ts). Synchronous, on the calling thread (law 3).

import { MS_BIND, MS_RDONLY, MS_REMOUNT } from '../abi/mount.ts'
import { O_DIRECTORY, O_NOCTTY, O_RDONLY, O_RDWR, S_IFDIR, S_IFMT } from '../abi/process.ts'
import { errorLine, isErrno } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { describeStep } from '../plan/step.ts'
import type { Plan, Step } from '../plan/step.ts'
import { deleteContents } from './delete-contents.ts'
import { dropCapabilities } from './drop-capabilities.ts'
import { mountImage } from './mount-image.ts'
import { wipeFile } from './wipe-file.ts'
import type { Trace } from './trace.ts'

/** A step that failed, and how far the plan had come. */
export class StepError extends Error {
  readonly plan: Plan
  readonly index: number
  readonly step: Step
  /** How many steps were done; the failed one is not among them. */
  readonly completed: number

  constructor(plan: Plan, index: number, step: Step, cause: unknown) {
    super(`Cannot do step ${index + 1} of plan '${plan.name}', ${describeStep(step)}: ${errorLine(cause)}`, { cause })
    this.name = 'StepError'
    this.plan = plan
    this.index = index
    this.step = step
    this.completed = index
  }
}

/** Descriptors that 'open-root' steps keep, by handle. */
export type Handles = Map<string, Fd>

function handleFd(handles: Handles, handle: string): Fd {
  const fd = handles.get(handle)
  if (fd === undefined) throw new Error(`Cannot use handle '${handle}': no step opened it`)
  return fd
}

function makeDirectory(kernel: Kernel, path: string, mode: number): void {
  try {
    kernel.mkdir(path, mode)
  } catch (error) {
    if (!isErrno(error, 'EEXIST') || (kernel.stat(path).mode & S_IFMT) !== S_IFDIR) throw error
  }
}

/** False where a file that is open for writing keeps the mount as it is. mount(2), EBUSY. */
function setReadOnly(kernel: Kernel, path: string, readOnly: boolean): boolean {
  try {
    kernel.mount('none', path, null, MS_REMOUNT | MS_BIND | (readOnly ? MS_RDONLY : 0), null)
    return true
  } catch (error) {
    if (!readOnly || !isErrno(error, 'EBUSY')) throw error
    return false
  }
}

function reopenConsole(kernel: Kernel, path: string, optional: boolean): void {
  let fd: Fd
  try {
    fd = kernel.open(path, O_RDWR | O_NOCTTY)
  } catch (error) {
    if (optional && isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO', 'EIO', 'EACCES')) return
    throw error
  }
  for (const standard of [0, 1, 2]) if (fd !== standard) kernel.dup2(fd, toFd(standard))
  if (fd > 2) kernel.close(fd)
}

type Data = Readonly<Record<string, string | number | boolean>> | undefined
type Executors = { readonly [Op in Step['op']]: (kernel: Kernel, step: Extract<Step, { op: Op }>, handles: Handles) => Data | void }

const executors: Executors = {
  mount: (kernel, step) => kernel.mount(step.source, step.target, step.fstype, step.flags, step.data),
  umount: (kernel, step) => kernel.umount2(step.target, step.flags),
  mkdir: (kernel, step) => makeDirectory(kernel, step.path, step.mode),
  chmod: (kernel, step) => kernel.chmod(step.path, step.mode),
  'set-read-only': (kernel, step) => ({ changed: setReadOnly(kernel, step.path, step.readOnly) }),
  'mount-image': (kernel, step) => ({ device: mountImage(kernel, step.file, step.target, step.fstype) }),
  'wipe-file': (kernel, step, handles) => ({ bytes: wipeFile(kernel, handleFd(handles, step.handle), step.path) }),
  'write-file': (kernel, step) => {
    const parts = step.path.split('/').slice(1, -1)
    parts.forEach((_, i) => makeDirectory(kernel, `/${parts.slice(0, i + 1).join('/')}`, 0o755))
    kernel.writeFile(step.path, step.text)
  },
  rmdir: (kernel, step) => {
    try {
      kernel.rmdir(step.path)
    } catch (error) {
      // dracut and others have files of their own in /run/initramfs.
      if (step.optional !== true || !isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error
    }
  },
  chdir: (kernel, step) => kernel.chdir(step.path),
  fchdir: (kernel, step, handles) => kernel.fchdir(handleFd(handles, step.handle)),
  chroot: (kernel, step) => kernel.chroot(step.path),
  pivot_root: (kernel, step) => kernel.pivotRoot(step.newRoot, step.putOld),
  'open-root': (kernel, step, handles) => {
    handles.set(step.handle, kernel.open(step.path, O_RDONLY | O_DIRECTORY))
  },
  'delete-contents': (kernel, step, handles) => ({ ...deleteContents(kernel, handleFd(handles, step.handle)) }),
  close: (kernel, step, handles) => {
    kernel.close(handleFd(handles, step.handle))
    handles.delete(step.handle)
  },
  'reopen-console': (kernel, step) => reopenConsole(kernel, step.path, step.optional),
  'drop-capabilities': (kernel, step) => dropCapabilities(kernel, step.numbers),
  syncfs: (kernel, step) => {
    const fd = kernel.open(step.path, O_RDONLY | O_DIRECTORY)
    kernel.syncfs(fd)
    kernel.close(fd)
  },
}

/** One step, whatever its kind: the table above is exhaustive by type. */
function runStep<Op extends Step['op']>(kernel: Kernel, step: Extract<Step, { op: Op }>, op: Op, handles: Handles): Data {
  return executors[op](kernel, step, handles) ?? undefined
}

/** Runs single steps, for an undo: goes on after a failure and returns what failed. */
export function executeUndo(kernel: Kernel, steps: readonly Step[], trace: Trace, handles: Handles): string[] {
  const failures: string[] = []
  for (const step of steps) {
    try {
      trace.measure('undo', describeStep(step), () => runStep(kernel, step, step.op, handles))
    } catch (error) {
      failures.push(`${describeStep(step)}: ${errorLine(error)}`)
    }
  }
  return failures
}

/** Runs a plan's steps (not its exec). Throws StepError at the first failure; `handles` then holds what is open. */
export function executePlan(kernel: Kernel, plan: Plan, trace: Trace, handles: Handles): void {
  plan.steps.forEach((step, index) => {
    try {
      trace.measure(plan.name, describeStep(step), () => runStep(kernel, step, step.op, handles), (data) => data)
    } catch (error) {
      throw new StepError(plan, index, step, error)
    }
  })
}
