// Step, Plan and Refusal: what fulcrum is about to do, as data.
//
// A plan is the whole decision; the executor (src/execute) adds none. Steps carry the kernel's
// words so that a printed plan reads like the strace of its run.

import { MS_BIND, MS_RDONLY, MS_REMOUNT, mountFlagsToString, umountFlagsToString } from '../abi/mount.ts'
import type { Refusal, RefusalReason } from '../facts/refusal.ts'
import type { Keep } from '../facts/switch-types.ts'

export type { Refusal, RefusalReason }

/** One change to the system. `handle` names an O_PATH descriptor that an earlier 'open-root' step keeps. */
export type Step =
  | { readonly op: 'mount'; readonly source: string; readonly target: string; readonly fstype: string | null; readonly flags: number; readonly data: string | null }
  | { readonly op: 'umount'; readonly target: string; readonly flags: number }
  | { readonly op: 'mkdir'; readonly path: string; readonly mode: number }
  /** `before` are the permission bits that an undo restores. */
  | { readonly op: 'chmod'; readonly path: string; readonly mode: number; readonly before: number }
  /** This mount only, not its file system. Files that are open for writing refuse it (EBUSY): traced, and it stays writable. */
  | { readonly op: 'set-read-only'; readonly path: string; readonly readOnly: boolean }
  /** Attaches a loop device without readahead to the file, mounts it read-only and lets go of the device: it goes with the mount. loop(4). */
  | { readonly op: 'mount-image'; readonly file: string; readonly target: string; readonly fstype: string }
  /** Overwrites a regular file below `handle`, on its file system, with zeros and deletes it. One that is not there is traced. */
  | { readonly op: 'wipe-file'; readonly handle: string; readonly path: string }
  /** Makes the missing parent directories, 0755, and writes the file, 0644. */
  | { readonly op: 'write-file'; readonly path: string; readonly text: string }
  /** `optional`: one that is not empty stays. */
  | { readonly op: 'rmdir'; readonly path: string; readonly optional?: true }
  | { readonly op: 'fchdir'; readonly handle: string }
  | { readonly op: 'chdir'; readonly path: string }
  | { readonly op: 'chroot'; readonly path: string }
  | { readonly op: 'pivot_root'; readonly newRoot: string; readonly putOld: string }
  | { readonly op: 'open-root'; readonly path: string; readonly handle: string }
  | { readonly op: 'delete-contents'; readonly handle: string }
  | { readonly op: 'close'; readonly handle: string }
  | { readonly op: 'reopen-console'; readonly path: string; readonly optional: boolean }
  | { readonly op: 'drop-capabilities'; readonly numbers: readonly number[] }
  | { readonly op: 'syncfs'; readonly path: string }

/** The last act: replaces the process. `kind` 'systemd' adds the initramfs's timestamps to argv and descriptors. */
export interface ExecStep {
  readonly op: 'exec'
  readonly path: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly kind: 'systemd' | 'plain'
}

/** A complete, printable intention. */
export interface Plan {
  /** Which engine: 'prepare', 'move', 'pivot', … */
  readonly name: string
  /** Why this engine was chosen. */
  readonly reason: string
  readonly steps: readonly Step[]
  /** Index of the first step after which the old state cannot be restored; steps.length when all can. */
  readonly pointOfNoReturn: number
  readonly exec: ExecStep | null
  /** How the initramfs is there afterwards; of a switch only. */
  readonly keep?: Keep
  /** What a user should know: skipped or stacked mounts, what will not be visible. */
  readonly notes: readonly string[]
}

/** Either a plan or the reason why there is none. */
export type PlanResult = { readonly plan: Plan; readonly refusal: null } | { readonly plan: null; readonly refusal: Refusal }

/** A refusal as a PlanResult. */
export function refuse(reason: RefusalReason, detail: string, remedy: string): PlanResult {
  return { plan: null, refusal: { reason, detail, remedy } }
}

const q = (text: string): string => JSON.stringify(text)

/** A step in strace's spelling: `mount(".", "/", NULL, MS_MOVE, NULL)`. */
export function describeStep(step: Step | ExecStep): string {
  switch (step.op) {
    case 'mount': {
      const fstype = step.fstype === null ? 'NULL' : q(step.fstype)
      const data = step.data === null ? 'NULL' : q(step.data)
      return `mount(${q(step.source)}, ${q(step.target)}, ${fstype}, ${mountFlagsToString(step.flags)}, ${data})`
    }
    case 'umount':
      return `umount2(${q(step.target)}, ${umountFlagsToString(step.flags)})`
    case 'mkdir':
      return `mkdir(${q(step.path)}, 0${step.mode.toString(8)})`
    case 'write-file':
      return `write ${q(step.text)} to ${q(step.path)}`
    case 'chmod':
      return `chmod(${q(step.path)}, 0${step.mode.toString(8)})`
    case 'set-read-only': {
      const flags = MS_REMOUNT | MS_BIND | (step.readOnly ? MS_RDONLY : 0)
      return `mount("none", ${q(step.path)}, NULL, ${mountFlagsToString(flags)}, NULL)${step.readOnly ? ', if no file is open for writing' : ''}`
    }
    case 'mount-image':
      return `mount(loop device of ${q(step.file)} without readahead, ${q(step.target)}, ${q(step.fstype)}, MS_RDONLY, NULL)`
    case 'wipe-file':
      return `overwrite and delete ${q(step.path)} in ${step.handle}`
    case 'rmdir':
      return `rmdir(${q(step.path)})${step.optional === true ? ', if it is empty' : ''}`
    case 'fchdir':
      return `fchdir(${step.handle})`
    case 'chdir':
      return `chdir(${q(step.path)})`
    case 'chroot':
      return `chroot(${q(step.path)})`
    case 'pivot_root':
      return `pivot_root(${q(step.newRoot)}, ${q(step.putOld)})`
    case 'open-root':
      return `${step.handle} = open(${q(step.path)}, O_RDONLY|O_DIRECTORY|O_CLOEXEC)`
    case 'delete-contents':
      return `delete everything in ${step.handle}, without crossing into other file systems`
    case 'close':
      return `close(${step.handle})`
    case 'reopen-console':
      return `descriptors 0 to 2 = open(${q(step.path)}, O_RDWR)`
    case 'drop-capabilities':
      return `drop capabilities ${step.numbers.join(', ')}`
    case 'syncfs':
      return `syncfs(${q(step.path)})`
    case 'exec':
      return `execve(${q(step.path)}, [${step.argv.map(q).join(', ')}])`
  }
}

/** The whole plan as lines, for --dry-run and the rescue console. */
export function describePlan(plan: Plan): string[] {
  const lines = [`plan '${plan.name}': ${plan.reason}`]
  plan.steps.forEach((step, i) => {
    if (i === plan.pointOfNoReturn) lines.push('    -- point of no return --')
    lines.push(`${String(i + 1).padStart(3)}. ${describeStep(step)}`)
  })
  if (plan.exec !== null) lines.push(`${String(plan.steps.length + 1).padStart(3)}. ${describeStep(plan.exec)}`)
  for (const note of plan.notes) lines.push(`  note: ${note}`)
  return lines
}
