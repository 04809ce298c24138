// ModelProcess: what the model knows of one process, and of its open files.
//
// Only what a switch of root can change or leak is here: root, working directory, executable, descriptors,
// signal dispositions, limits, capabilities.

import type { Loc, Namespace } from './mount-tree.ts'

/** An open file description. */
export interface OpenFile {
  readonly kind: 'node' | 'path' | 'tree' | 'uevent' | 'console'
  readonly loc: Loc
  flags: number
  offset: number
}

export interface ModelProcess {
  readonly pid: number
  readonly ppid: number
  comm: string
  argv: readonly string[]
  uid: number
  root: Loc
  cwd: Loc
  /** Null for kernel threads and zombies. */
  exe: Loc | null
  ns: Namespace
  readonly kernelThread: boolean
  state: 'S' | 'Z'
  readonly fds: Map<number, { file: OpenFile; cloexec: boolean }>
  /** Signals that are ignored or blocked, capabilities that were dropped, soft limits. */
  readonly ignoredSignals: Set<number>
  readonly blockedSignals: Set<number>
  readonly droppedCapabilities: Set<number>
  readonly limits: Map<number, { soft: bigint; hard: bigint }>
}
