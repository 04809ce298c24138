// What `fulcrum replace` is asked for, and what it looks at before it decides.
//
// Types only. A request names things as the user does; the facts say what they are.  docs/replace.md

import type { Mount } from '../mountinfo.ts'

/** Where records and kept mounts are. */
export const REPLACE_DIRECTORY = '/run/fulcrum/replace'

/** What comes in place of the mount. */
export type ReplaceSource =
  /** A directory, a file, an image of a file system, a block device. */
  | { readonly kind: 'path'; readonly path: string; readonly recursive: boolean }
  /** Directories and images laid over a base, the first on top; null: the target as it is, without the layers of last time. */
  | { readonly kind: 'layers'; readonly layers: readonly string[]; readonly base: string | null }
  /** A new file system of a type. */
  | { readonly kind: 'type'; readonly fstype: string; readonly source: string }

export interface ReplaceRequest {
  readonly source: ReplaceSource
  /** A mount point; relative to the working directory. */
  readonly target: string
  /** File system type of a device or image, instead of what is found on it. */
  readonly fstype: string | null
  /** As behind mount -o: 'ro,nosuid,size=1m'; '' for none. */
  readonly options: string
  /** What is mounted below the old mount: taken along, or lost. */
  readonly submounts: 'carry' | 'drop'
  /** Makes the places of submounts where they are missing. */
  readonly makeMountPoints: boolean
  /** The old one stays on top until it is lifted with --finish. */
  readonly keepOld: boolean
  /** Keeps a mount of the old one, so that it can come back. */
  readonly keepForRollback: boolean
  /** Where the kernel cannot do it: unmount and mount. */
  readonly allowWindow: boolean
}

/** What a path of the request leads to. */
export interface PathFacts {
  /** As it was given. */
  readonly name: string
  /** Without links; the name itself when it is missing. */
  readonly path: string
  /** An 'image' is a regular file with a file system. */
  readonly kind: 'directory' | 'file' | 'image' | 'device' | 'missing' | 'other'
  /** Of an image or device; null when none is recognised. */
  readonly fstype: string | null
  /** Why it will not mount; null when nothing is wrong. */
  readonly damaged: string | null
}

/** A mount on the old one. */
export interface Submount {
  readonly mount: Mount
  /** Its place below the target, without slash in front. */
  readonly place: string
  readonly isDirectory: boolean
  /** Mounts lie on it. */
  readonly hasMounts: boolean
}

/** What the last replacement of a target wrote down. */
export interface ReplaceRecord {
  readonly target: string
  /** 'pending': the old one still lies on top. */
  readonly state: 'pending' | 'done'
  /** For people: what was put there. */
  readonly source: string
  readonly oldDev: string
  readonly newDev: string
  /** Place of the mount of the old one, or null. */
  readonly kept: string | null
  /** It is the base of layers. */
  readonly layers: boolean
  /** Place of a peer of the new mount while the old one lies on it: the way to it for a rollback. */
  readonly peer: string | null
}

export interface ReplaceFacts {
  readonly uid: number
  /** MOVE_MOUNT_BENEATH is known: since Linux 6.5. */
  readonly canBeneath: boolean
  /** Mounts can be attached to a tree that is not attached itself: since Linux 6.15. */
  readonly canMountDetached: boolean
  readonly target: PathFacts
  /** The top mount whose root is the target; null for no mount point. */
  readonly old: Mount | null
  /** What it is mounted on; null when that is not listed. */
  readonly parent: Mount | null
  /** It and what it is mounted on have one mount point: a stack. */
  readonly stacked: boolean
  /** "/" is its own parent: the initramfs before Linux 7.0, or it is no mount (chroot). */
  readonly root: 'movable' | 'absolute' | 'no-mount'
  /** The root mount of this process. */
  readonly rootId: number | null
  readonly submounts: readonly Submount[]
  /** The source, or the layers from the top. */
  readonly sources: readonly PathFacts[]
  readonly base: PathFacts | null
  readonly record: ReplaceRecord | null
  /** REPLACE_DIRECTORY is a mount point already. */
  readonly directoryIsMount: boolean
}
