// The steps of `fulcrum replace`, as data: everything is put together without being attached anywhere, then swapped.
//
// Descriptors go by name (`handle`): 'old' is the mount that is replaced, 'new' the one that comes. A plan says what a
// failure takes back too: each step that changes something that others see has its inverse in src/replace.

import { mountFlagsToString } from '../abi/mount.ts'
import type { ReplaceRecord } from '../facts/replace/replace-types.ts'
import type { RefusalReason, Refusal } from '../facts/refusal.ts'

/** What a file system is made with: fsconfig(2) flags and keys, and MOUNT_ATTR_* of its mount. */
export interface FsSettings {
  /** 'ro', 'sync', …: of the superblock. */
  readonly flags: readonly string[]
  readonly data: readonly (readonly [key: string, value: string | null])[]
  readonly attributes: number
}

/** A place of a submount in the new tree, without slash in front. */
export interface Place {
  readonly path: string
  readonly isDirectory: boolean
}

export type ReplaceStep =
  /** O_PATH, and only if it is still the mount with that id (mountinfo's) that lies on top. */
  | { readonly op: 'open-old'; readonly path: string; readonly mountId: number; readonly handle: string }
  | { readonly op: 'open'; readonly path: string; readonly handle: string }
  | { readonly op: 'clone'; readonly path: string; readonly recursive: boolean; readonly handle: string }
  | { readonly op: 'clone-handle'; readonly from: string; readonly recursive: boolean; readonly handle: string }
  | { readonly op: 'make-fs'; readonly fstype: string; readonly source: string | null; readonly settings: FsSettings; readonly handle: string }
  /** As make-fs, of a free loop device for the file. */
  | { readonly op: 'make-image-fs'; readonly fstype: string; readonly file: string; readonly settings: FsSettings; readonly handle: string }
  /** Layers from the top, the base last; the directory `inside` of a layer is taken where it has it. */
  | { readonly op: 'make-overlay'; readonly layers: readonly string[]; readonly inside: string; readonly settings: FsSettings; readonly handle: string }
  | { readonly op: 'set-attributes'; readonly handle: string; readonly set: number; readonly propagation: number; readonly recursive: boolean }
  /** A mount namespace of its own with a tmpfs at `path`, in which things can be attached that nobody else sees. */
  | { readonly op: 'enter-staging'; readonly path: string }
  | { readonly op: 'leave-staging' }
  /** `on` null: `at` is an absolute path. Otherwise a place in that tree, '' for its root. */
  | { readonly op: 'attach'; readonly handle: string; readonly on: string | null; readonly at: string }
  | { readonly op: 'check-places'; readonly handle: string; readonly places: readonly Place[] }
  | { readonly op: 'make-places'; readonly handle: string; readonly places: readonly Place[] }
  /** A directory for root only that is a mount of its own which tells nobody about mounts on it. */
  | { readonly op: 'private-directory'; readonly path: string; readonly isMount: boolean }
  | { readonly op: 'make-place'; readonly path: string; readonly isDirectory: boolean }
  /** `record.newDev` is filled in. Null removes it. */
  | { readonly op: 'write-record'; readonly path: string; readonly record: ReplaceRecord; readonly handle: string }
  | { readonly op: 'remove-record'; readonly path: string }
  | { readonly op: 'mount-beneath'; readonly handle: string; readonly target: string }
  /** Nobody may have mounted between: the old one must lie right on the new one. */
  | { readonly op: 'check-beneath'; readonly old: string; readonly handle: string }
  | { readonly op: 'lift'; readonly handle: string; readonly target: string }
  /** With a window: what lies below is seen from here to the attach. `backup` comes back after a failure. */
  | { readonly op: 'unmount'; readonly target: string; readonly backup: string }
  | { readonly op: 'pivot'; readonly handle: string; readonly old: string }
  | { readonly op: 'lift-root'; readonly old: string; readonly handle: string; readonly directory: string | null; readonly shared: boolean }
  /** A mount that an earlier replacement has kept; failures do not matter. */
  | { readonly op: 'drop-kept'; readonly path: string }

/** What will be done, in order; `notes` a user should know before. */
export interface ReplacePlan {
  readonly name: 'beneath' | 'window' | 'root'
  readonly reason: string
  readonly target: string
  readonly steps: readonly ReplaceStep[]
  readonly notes: readonly string[]
}

export type ReplacePlanResult = { readonly plan: ReplacePlan; readonly refusal: null } | { readonly plan: null; readonly refusal: Refusal }

export function refuseReplace(reason: RefusalReason, detail: string, remedy: string): ReplacePlanResult {
  return { plan: null, refusal: { reason, detail, remedy } }
}

const q = (text: string): string => JSON.stringify(text)
const hex = (n: number): string => `0x${n.toString(16)}`

function settingsText({ flags, data, attributes }: FsSettings): string {
  const words = [...flags, ...data.map(([key, value]) => (value === null ? key : `${key}=${value}`))]
  return `${words.length === 0 ? '' : `, ${q(words.join(','))}`}, attributes ${hex(attributes)}`
}
const placesText = (places: readonly Place[]): string => places.map((place) => q(place.path)).join(', ')

/** A step in words close to strace's. */
export function describeReplaceStep(step: ReplaceStep): string {
  switch (step.op) {
    case 'open-old':
      return `${step.handle} = open(${q(step.path)}, O_PATH), if mount ${step.mountId} is on top there`
    case 'open':
      return `${step.handle} = open(${q(step.path)}, O_PATH)`
    case 'clone':
      return `${step.handle} = open_tree(${q(step.path)}, OPEN_TREE_CLONE${step.recursive ? '|AT_RECURSIVE' : ''})`
    case 'clone-handle':
      return `${step.handle} = open_tree(${step.from}, OPEN_TREE_CLONE${step.recursive ? '|AT_RECURSIVE' : ''})`
    case 'make-fs':
      return `${step.handle} = fsmount(${step.fstype}${step.source === null ? '' : ` of ${q(step.source)}`}${settingsText(step.settings)})`
    case 'make-image-fs':
      return `${step.handle} = fsmount(${step.fstype} of a loop device for ${q(step.file)}${settingsText(step.settings)})`
    case 'make-overlay':
      return `${step.handle} = fsmount(overlay of ${step.layers.map((name, i) => (i < step.layers.length - 1 ? `${name} or ${name}${step.inside}` : name)).join(' : ')}${settingsText(step.settings)})`
    case 'set-attributes':
      return `mount_setattr(${step.handle}${step.recursive ? ', AT_RECURSIVE' : ''}, set ${hex(step.set)}, ${mountFlagsToString(step.propagation)})`
    case 'enter-staging':
      return `unshare(CLONE_NEWNS), everything private, a tmpfs on ${q(step.path)} there`
    case 'leave-staging':
      return 'setns(back)'
    case 'attach':
      return `move_mount(${step.handle}, ${step.on === null ? q(step.at) : `${step.on}, ${q(step.at)}`})`
    case 'check-places':
      return `check that ${step.handle} has ${placesText(step.places)}`
    case 'make-places':
      return `make ${placesText(step.places)} in ${step.handle} where they are missing`
    case 'private-directory':
      return `mkdir(${q(step.path)}, 0700)${step.isMount ? '' : ', a private bind mount of it on itself'}`
    case 'make-place':
      return step.isDirectory ? `mkdir(${q(step.path)}, 0700)` : `write "" to ${q(step.path)}`
    case 'write-record':
      return `write the record ${q(step.path)}, ${step.record.state}`
    case 'remove-record':
      return `unlink(${q(step.path)}), if it is there`
    case 'mount-beneath':
      return `move_mount(${step.handle}, ${q(step.target)}, MOVE_MOUNT_BENEATH)`
    case 'check-beneath':
      return `check that ${step.old} lies right on ${step.handle}`
    case 'lift':
      return `umount2(${step.handle} at ${q(step.target)}, MNT_DETACH)`
    case 'unmount':
      return `umount2(${q(step.target)}, MNT_DETACH)`
    case 'pivot':
      return `fchdir(${step.handle}); pivot_root(".", ".")`
    case 'lift-root':
      return `make ${step.old} private; umount2(${step.old}, MNT_DETACH); chdir("/")`
    case 'drop-kept':
      return `umount2(${q(step.path)}, MNT_DETACH); rmdir`
  }
}

/** The whole plan as lines, for --dry-run. */
export function describeReplacePlan(plan: ReplacePlan): string[] {
  return [
    `plan '${plan.name}': ${plan.reason}`,
    ...plan.steps.map((step, i) => `${String(i + 1).padStart(3)}. ${describeReplaceStep(step)}`),
    ...plan.notes.map((note) => `  note: ${note}`),
  ]
}
