// RunPlan: what is done to run a command in another root, as data.
//
// Two actors: this process, by host steps, and a child that is a table of raw system calls (src/kernel/child-table.ts), which
// may clone another child in the middle of the table. Descriptors are known by the handle that made them.  docs/run.md

import type { RawCallName } from '../../abi/raw-syscalls.ts'
import type { Refusal } from '../../facts/refusal.ts'

/** A descriptor that a host step has made. */
export interface Handle {
  readonly handle: string
}
/** What an earlier call of the table, by its label, has returned. */
export interface Result {
  readonly result: string
}

/** A step of this process, before the child exists. What it makes is closed or removed when the run has ended or failed. */
export type HostStep =
  /** open_tree(2): O_PATH on a tree, or with OPEN_TREE_CLONE a detached copy, or with OPEN_TREE_NAMESPACE a namespace. */
  | { readonly op: 'open-tree'; readonly from: string | Handle; readonly flags: number; readonly as: string }
  /** mount_setattr(2) on a detached tree. */
  | { readonly op: 'set-attributes'; readonly tree: Handle; readonly recursive: boolean; readonly set: number; readonly clear: number; readonly propagation: number; readonly userNamespace: Handle | null }
  /** fsopen(2) to fsmount(2): a new file system, attached nowhere. A value of null is a flag. */
  | { readonly op: 'new-mount'; readonly fstype: string; readonly options: readonly (readonly [key: string, value: string | null | Handle])[]; readonly attributes: number; readonly as: string }
  /** move_mount(2) of a detached mount into a detached tree. `path` is relative to it. */
  | { readonly op: 'attach'; readonly mount: Handle; readonly tree: Handle; readonly path: string }
  /** open(2), O_CLOEXEC added; relative to `at` where there is one. */
  | { readonly op: 'open'; readonly path: string; readonly flags: number; readonly as: string; readonly at?: Handle }
  /** A directory that stays: made if it is missing. */
  | { readonly op: 'ensure-directory'; readonly path: string; readonly mode: number }
  /** A directory of cgroup2 that is removed at the end, and its limits. */
  | { readonly op: 'cgroup'; readonly path: string; readonly files: readonly (readonly [name: string, text: string])[]; readonly as: string }
  /** A user namespace with this map; the spawner keeps those that it has made. */
  | { readonly op: 'user-namespace'; readonly uidMap: string; readonly gidMap: string; readonly as: string }
  /** The small mount namespace that is kept ready: copying it costs next to nothing. */
  | { readonly op: 'template-namespace'; readonly as: string }
  /** The program that is PID 1 of a container: a sealed memfd. */
  | { readonly op: 'init-program'; readonly as: string }
  /**
   * A pseudo terminal of this devpts, or of the host's. The handles are always called so: RunningChild.handle() gives the
   * master to who shows it, the peer becomes 0, 1 and 2 (src/spawn/terminal.ts).
   */
  | { readonly op: 'terminal'; readonly devpts: Handle | null; readonly master: 'terminal'; readonly peer: 'terminal-peer' }
  /** A file made in a detached tree: a directory, an empty file, a symbolic link, a device node. */
  | { readonly op: 'make-node'; readonly tree: Handle; readonly path: string; readonly node: TreeNode }

export type TreeNode =
  | { readonly type: 'directory'; readonly mode: number }
  | { readonly type: 'file'; readonly mode: number }
  | { readonly type: 'symlink'; readonly to: string }
  | { readonly type: 'character-device'; readonly mode: number; readonly major: number; readonly minor: number }

/** A word that is not 0 as long as the child of the clone(2) with this label shares our memory: src/kernel/child-table.ts. */
export interface Presence {
  readonly presence: string
}
/** What only this process knows when the child is started: the spawner fills it in. */
export type FromHost =
  /** struct rlimit: this soft limit, and the hard one that this process has. */
  | { readonly softLimit: { readonly resource: number; readonly soft: bigint } }
  /** capset(2)'s data: effective and permitted are what this process has of this mask, inheritable is empty. */
  | { readonly capabilities: bigint }
  /** struct pollfd: this descriptor, and what is waited for. */
  | { readonly pollfd: Handle; readonly events: number }

export type ChildArgument = number | bigint | string | Uint8Array | readonly string[] | null | Handle | Result | Presence | FromHost

/** One raw system call of the child. */
export interface ChildCall {
  readonly call: RawCallName
  readonly args: readonly ChildArgument[]
  /** As strace(1) prints it: 'setns(namespace, CLONE_NEWNS)'. */
  readonly shown: string
  readonly label?: string
  /** A failure does not end the child. */
  readonly goOn?: boolean
  /** Where the result is 0 (the child of a clone), goes on with the call of this label. */
  readonly ifZero?: string
  /** 'command' is the execve of what was asked for: its failure is the user's, not ours. */
  readonly role?: 'command' | 'init'
}

/** A complete, printable intention. */
export interface RunPlan {
  /** For instance 'service-pivot', 'container-two-children'. */
  readonly name: string
  readonly reason: string
  readonly host: readonly HostStep[]
  /** CLONE_* of the first child; CLONE_VM and CLONE_CLEAR_SIGHAND are always added. */
  readonly clone: number
  /** Handle of a cgroup that the first child is born in: CLONE_INTO_CGROUP. */
  readonly intoCgroup: Handle | null
  readonly calls: readonly ChildCall[]
  /** Label of the nested clone(2) whose child is the one to wait for; null: the first child is. */
  readonly main: string | null
  /** Handles whose descriptors stay open until the run has ended: RunningChild.handle. The others are closed once it runs. */
  readonly keep?: readonly string[]
  readonly notes: readonly string[]
}

export type RunPlanResult = { readonly plan: RunPlan; readonly refusal: null } | { readonly plan: null; readonly refusal: Refusal }
