// What a switch of root is asked for, and what must be known to plan it.
//
// Types only. SwitchFacts is everything that the pure planner looks at; switch-facts.ts
// reads it from a Kernel.

import type { InitCheck } from './init-check.ts'
import type { Mount } from './mountinfo.ts'

export type EngineChoice = 'auto' | 'move' | 'pivot'
/** How the initramfs stays: all of it, its compressed copy instead of it, or not at all. */
export const keeps = ['full', 'slim', 'none'] as const
export type Keep = (typeof keeps)[number]

/** Where the real root is mounted before the switch. */
export const SYSROOT = '/sysroot'

/** Where a new root that stands on a carried mount is moved to before the switch: a directory of the initramfs. */
export const STAGED_ROOT = '/.fulcrum-newroot'

/** Where the kept initramfs appears in the new root. */
export const ROOTFS_DIRECTORY = '/run/rootfs'

/** The same a second time, where systemd-shutdown looks for a root to return to; bootup(7). */
export const INITRAMFS_DIRECTORY = '/run/initramfs'

/** The compressed copy of itself that an image can carry: a squashfs, made by the builder. */
export const KEPT_IMAGE = '/lib/fulcrum/kept.squashfs'

/** What the boot writes down about itself, and what tells origins afterwards. */
export const BOOT_RECORD = '/run/fulcrum/boot.json'

/** The mounts below these are carried into the new root. */
export const CARRIED_PREFIXES: readonly string[] = ['/dev', '/proc', '/sys', '/run']

export interface SwitchRequest {
  /** Absolute path of the new root, without trailing slash. */
  readonly newRoot: string
  readonly engine: EngineChoice
  /** null: 'full' for pivot, 'none' for move. */
  readonly keep: Keep | null
  /** Candidates for init, absolute paths inside the new root; the first that can run is taken. */
  readonly init: readonly string[]
  /** argv[0] of init, where it is not its path. */
  readonly argv0?: string
  /** Arguments behind argv[0]. */
  readonly initArgs: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Device (inside the new root) for descriptors 0 to 2, or null to leave them. */
  readonly console: string | null
  /** Files of the initramfs that are overwritten and deleted before the hand-over: absolute paths without links. */
  readonly secrets?: readonly string[]
  /** Capability numbers to drop before exec, klibc's -d. */
  readonly dropCapabilities: readonly number[]
  /** If init is systemd, tell it when the initramfs started. */
  readonly timestamps: boolean
  /** Delete the old root's contents even though this process is not PID 1 (tests); never for a root that is not an initramfs. */
  readonly requirePid1: boolean
}

/** What stands at the place in the new root that a carried mount goes to. */
export type TargetState = 'directory' | 'missing' | 'not-directory' | 'mount-same' | 'mount-other'

export interface SwitchFacts {
  readonly pid: number
  readonly uid: number
  readonly mounts: readonly Mount[]
  /** statfs(2) says that "/" is tmpfs or ramfs. */
  readonly oldRootIsMemory: boolean
  /** "/" is the compressed copy of an initramfs, kept by an earlier switch. */
  readonly oldRootIsCopy: boolean
  /** Why "/" cannot be kept as its compressed copy; null when it can. */
  readonly slimProblem: string | null
  /** What is at each of the request's secrets. */
  readonly secrets: readonly { readonly path: string; readonly state: 'file' | 'missing' | 'other' }[]
  /** Permission bits of "/". */
  readonly oldRootMode: number
  /** "/" is the file system that holds /init or /etc/initrd-release: an initramfs and not, say, a live system. */
  readonly oldRootIsInitramfs: boolean
  readonly newRoot: { readonly exists: boolean; readonly isDirectory: boolean; readonly isRoot: boolean; readonly sameDevice: boolean; readonly readOnly: boolean }
  /** For each carried mount point: what is at newRoot + mount point; and for the directories above one that is missing. */
  readonly targets: Readonly<Record<string, TargetState>>
  /** Where a carried mount point lies in the new root, for those that are symbolic links there: '/run' at '/var/run'. */
  readonly places?: Readonly<Record<string, string>>
  /** What is at newRoot/run/rootfs when /run is not carried. */
  readonly rootfsTarget: TargetState
  /** The same place cannot be written to: it is on the new root, or on a /run that was moved there already. */
  readonly rootfsReadOnly: boolean
  readonly init: InitCheck
}
