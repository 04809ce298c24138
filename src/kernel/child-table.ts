// Rows of raw system calls that a new process makes without JavaScript and without a C library.
//
// Types only: what Kernel.startChild takes and answers. A child that is cloned from JavaScript dies on the way back into
// it (docs/node-as-pid1.md), so it gets all its calls beforehand and never comes back.  clone(2), clone3(2)

import type { Fd } from './fd.ts'

/** What an earlier row of the table has returned. */
export interface ResultOf {
  readonly resultOf: number
}

/**
 * Address of a word of this row, for a clone(2) with CLONE_PARENT_SETTID and CLONE_CHILD_CLEARTID: it holds the pid until that
 * child runs another program or has ended.
 */
export interface PresenceOf {
  readonly presenceOf: number
}

/** Text, bytes and lists (argv) are copied into the shared memory; bytes come back by `readBack`. */
export type RowArgument = number | bigint | string | Uint8Array | readonly string[] | null | ResultOf | PresenceOf

/** One system call of the child. The first that fails ends it, unless it may go on. */
export interface Row {
  /** Number of the system call, src/abi/raw-syscalls.ts. */
  readonly nr: number
  readonly args: readonly RowArgument[]
  /** A failure does not end the table. */
  readonly goOn?: boolean
  /** The row to go on with where the result is 0: for the child of a clone(2) in the table. */
  readonly ifZero?: number
}

/** How the child is made. */
export interface ChildOptions {
  /**
   * CLONE_*, without the exit signal (SIGCHLD) and CLONE_PIDFD, which are added. More than 32 bits need clone3(2). With
   * CLONE_VFORK this thread goes on when the child runs another program or has ended, so that its memory is free again then.
   */
  readonly flags: number
  /** A directory of cgroup2 that the child is born in: CLONE_INTO_CGROUP, since Linux 5.7. */
  readonly cgroup?: Fd
  /** `waitUntilLeft(null)` will be asked: how a caller without CLONE_VFORK knows that the child shares its memory no more. */
  readonly presence?: boolean
}

/** A table in memory whose child was started. It belongs to the child until that has ended or runs another program. */
export interface StartedTable {
  readonly pid: number
  /** Readable once the child has ended; the caller closes it and reaps the child. */
  readonly pidfd: Fd
  /** What a row returned, -errno on failure; null when it was not run (yet). */
  result(row: number): number | null
  /** Whether the child came to the end of the table. */
  finished(): boolean
  /**
   * Blocks until the first child (null: started with `presence`), or that of this row's clone(2), given PresenceOf, has left the
   * table, because it runs another program or has ended; at once where there is none.
   */
  waitUntilLeft(row: number | null): void
  /** Copies byte arguments back to where they came from. */
  readBack(): void
  /** Gives the memory back for the next table. SAFETY: only when every process of the table has ended or runs another program. */
  release(): void
}

export interface ChildCalls {
  /** Starts a process that works off the rows. Throws SyscallError of clone(2); ENOSYS where this architecture has no code for it. */
  startChild(rows: readonly Row[], options: ChildOptions): StartedTable
  /** Calls back from the event loop, which it keeps going, whenever the descriptor is readable, until the answer is called. */
  onReadable(fd: Fd, callback: () => void): () => void
}
