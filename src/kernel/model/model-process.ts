// ModelProcess: what the model knows of one process, and of its open files.
//
// Only what a switch of root can change or leak is here: root, working directory, executable, descriptors,
// signal dispositions, limits, capabilities.

import type { Schedule } from '../kernel.ts'
import type { Loc, Namespace } from './mount-tree.ts'

/** An open file description. */
export interface OpenFile {
  readonly kind: 'node' | 'path' | 'tree' | 'uevent' | 'console' | 'pidfd'
  readonly loc: Loc
  flags: number
  offset: number
  /** Who gets the signal of O_ASYNC, and which. */
  owner?: number
  signal?: number
  /** Of a pidfd: the process itself, whoever has its pid. */
  readonly process?: ModelProcess
}

export interface ModelProcess {
  readonly pid: number
  ppid: number
  comm: string
  argv: readonly string[]
  uid: number
  oomScoreAdj: number
  root: Loc
  cwd: Loc
  /** Null for kernel threads and zombies. */
  exe: Loc | null
  ns: Namespace
  readonly kernelThread: boolean
  state: 'S' | 'Z'
  /** When it started, and how long it takes to end after SIGTERM; null when it ignores that, 'never' when SIGKILL too. */
  readonly startUs: bigint
  endsAfterUs: bigint | null | 'never'
  /** Further files of its directory in /proc: 'cgroup', 'maps', 'fdinfo/3'. */
  readonly texts: Map<string, string>
  readonly fds: Map<number, { file: OpenFile; cloexec: boolean }>
  /** Signals that are ignored or blocked, capabilities that were dropped, soft limits. */
  readonly ignoredSignals: Set<number>
  readonly blockedSignals: Set<number>
  readonly droppedCapabilities: Set<number>
  readonly limits: Map<number, { soft: bigint; hard: bigint }>
  schedule: Schedule
}
