// Bounded calls: a call that may never come back is made by a child, and nobody waits for it longer than asked.
//
// The child shares memory, root, working directory and mounts (CLONE_VM|CLONE_FS) and is a call table. It has
// descriptors of its own: those it was born with it closes first, so that one which hangs for ever holds nothing, and
// what it opens ends with it. Whoever hangs keeps its piece of memory until it has ended.  clone(2), pidfd_open(2).

import { AT_FDCWD, mountFlagsToString, umountFlagsToString } from '../abi/mount.ts'
import { openFlagsToString } from '../abi/open-flags.ts'
import { CLONE_FS, CLONE_VM, O_CLOEXEC, O_DIRECTORY, O_RDONLY, O_WRONLY, POLLIN, SIGKILL, WALL, WNOHANG } from '../abi/process.ts'
import { SYS_CLOSE, SYS_CLOSE_RANGE, SYS_IOCTL, SYS_MOUNT, SYS_OPENAT, SYS_STATFS, SYS_SWAPOFF, SYS_SYNC, SYS_SYNCFS, SYS_UMOUNT2, SYS_WRITE } from '../abi/raw-syscalls.ts'
import { SyscallError, type SyscallArg } from './errors.ts'
import type { Row, StartedTable } from './child-table.ts'
import type { CallTables } from './ffi-call-table.ts'
import type { Libc } from './ffi-libc.ts'
import type { BoundedCall, BoundedOptions } from './kernel.ts'
import { raw } from './syscall-arg.ts'

const POLLFD_BYTES = 8
/** struct statfs of 64-bit machines. */
const STATFS_BYTES = 120
const DEFAULT_TICK_MS = 1000
/** How long SIGKILL may take before the child is left to itself. */
const GRACE_MS = 200
const ALL_DESCRIPTORS = 0xffffffff
const EINTR = 4
const EIO = 5

/** A row, and what a SyscallError says of it. */
interface NamedRow extends Row {
  readonly name: string
  readonly shown: readonly SyscallArg[]
  /** What it has to return, where less is a failure as well. */
  readonly wanted?: number
}

const hex = (n: number): SyscallArg => raw(`0x${n.toString(16)}`)
/** Rows that open, act on descriptor `resultOf: 1`, and close. An error names the path: the child's descriptors mean nothing to anybody. */
function opened(path: string, flags: number, act: NamedRow): NamedRow[] {
  return [
    { nr: SYS_OPENAT, args: [AT_FDCWD, path, flags | O_CLOEXEC, 0], name: 'open', shown: [path, raw(openFlagsToString(flags))] },
    act,
    { nr: SYS_CLOSE, args: [{ resultOf: 1 }], name: 'close', shown: [path] },
  ]
}

function rowsFor(call: BoundedCall): NamedRow[] {
  const fd = { resultOf: 1 }
  switch (call.call) {
    case 'mount': {
      const { source, target, fstype, flags, data } = call
      return [{ nr: SYS_MOUNT, args: [source, target, fstype, flags, data], name: 'mount', shown: [source, target, fstype, raw(mountFlagsToString(flags)), data] }]
    }
    case 'umount2':
      return [{ nr: SYS_UMOUNT2, args: [call.target, call.flags], name: 'umount2', shown: [call.target, raw(umountFlagsToString(call.flags))] }]
    case 'sync':
      return [{ nr: SYS_SYNC, args: [], name: 'sync', shown: [] }]
    case 'syncfs':
      return opened(call.path, O_RDONLY | O_DIRECTORY, { nr: SYS_SYNCFS, args: [fd], name: 'syncfs', shown: [call.path] })
    case 'statfs':
      return [{ nr: SYS_STATFS, args: [call.path, new Uint8Array(STATFS_BYTES)], name: 'statfs', shown: [call.path] }]
    case 'swapoff':
      return [{ nr: SYS_SWAPOFF, args: [call.path], name: 'swapoff', shown: [call.path] }]
    case 'ioctl':
      return opened(call.path, call.open, { nr: SYS_IOCTL, args: [fd, call.request, call.argument], name: 'ioctl', shown: [call.path, hex(call.request)] })
    case 'write': {
      const data = Buffer.from(call.data)
      return opened(call.path, O_WRONLY, { nr: SYS_WRITE, args: [fd, data, data.length], name: 'write', shown: [call.path, data.length], wanted: data.length })
    }
  }
}

/** Throws the SyscallError of a table that has ended, if there is one. */
function check(rows: readonly NamedRow[], table: StartedTable): void {
  for (const [i, { name, shown, wanted, goOn }] of rows.entries()) {
    if (goOn === true) continue
    const result = table.result(i)
    // Not run, and none before it failed: somebody has killed the child.
    if (result === null) throw new SyscallError(name, shown, EINTR)
    if (result < 0) throw new SyscallError(name, shown, -result)
    if (wanted !== undefined && result < wanted) throw new SyscallError(name, shown, EIO)
  }
}

/** Makes bounded calls; see Kernel.bounded. One per process, since it remembers who hangs. */
export class BoundedCalls {
  readonly #libc: Libc
  readonly #tables: CallTables
  #hanging: StartedTable[] = []

  constructor(libc: Libc, tables: CallTables) {
    this.#libc = libc
    this.#tables = tables
  }

  run(call: BoundedCall, { timeoutMs, tick, tickMs = DEFAULT_TICK_MS }: BoundedOptions): 'done' | 'hung' {
    this.#hanging = this.#hanging.filter((table) => !this.#bury(table, 0))
    const rows: NamedRow[] = [{ nr: SYS_CLOSE_RANGE, args: [0, ALL_DESCRIPTORS, 0], goOn: true, name: 'close_range', shown: [] }, ...rowsFor(call)]
    const table = this.#tables.start(rows, { flags: CLONE_VM | CLONE_FS })
    let ended = false
    try {
      ended = this.#wait(table, timeoutMs, tickMs, tick)
    } finally {
      // Also when tick() has thrown.
      if (!ended) this.#kill(table)
    }
    if (!ended) return 'hung'
    try {
      table.readBack()
      check(rows, table)
    } finally {
      this.#bury(table, 0)
    }
    return 'done'
  }

  /** Whether the child has ended within that time. */
  #ended(table: StartedTable, waitMs: number): boolean {
    const polled = Buffer.alloc(POLLFD_BYTES)
    polled.writeInt32LE(table.pidfd, 0)
    polled.writeInt16LE(POLLIN, 4)
    return this.#libc.raw('int poll(void *, unsigned long, int)', polled, 1, waitMs) === 1
  }

  #wait(table: StartedTable, timeoutMs: number, tickMs: number, tick: (() => void) | undefined): boolean {
    const deadline = performance.now() + timeoutMs
    for (let nextTick = performance.now() + tickMs; ; ) {
      const now = performance.now()
      if (this.#ended(table, Math.max(0, Math.ceil(Math.min(deadline, nextTick) - now)))) return true
      // Woken early by a signal: neither is due.
      if (performance.now() >= nextTick) {
        tick?.()
        nextTick = performance.now() + tickMs
      }
      if (performance.now() >= deadline) return false
    }
  }

  #kill(table: StartedTable): void {
    this.#libc.raw('long syscall(long, long, long, long, long, long, long)', this.#libc.numbers.pidfd_send_signal, table.pidfd, SIGKILL, 0, 0, 0, 0)
    if (!this.#bury(table, GRACE_MS)) this.#hanging.push(table)
  }

  /** If the child has ended: reaps it, by its own pid, and takes back its memory. */
  #bury(table: StartedTable, waitMs: number): boolean {
    if (!this.#ended(table, waitMs)) return false
    // -1 where an orphan reaper was first.
    this.#libc.raw('int waitpid(int, void *, int)', table.pid, null, WNOHANG | WALL)
    this.#libc.raw('int close(int)', table.pidfd)
    table.release()
    return true
  }
}
