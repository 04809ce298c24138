// A laboratory for system calls: rows that a child makes in namespaces of its own, and what the last one answers.
//
// For tests: docs/containers.md, "What must be where", is made of what is seen here. Nothing stays: the namespaces go
// with the child.

import { errnoName } from '../../abi/errno.ts'
import { CLONE_VM } from '../../abi/process.ts'
import { RAW_CALLS } from '../../abi/raw-syscalls.ts'
import type { RawCallName } from '../../abi/raw-syscalls.ts'
import type { Row, RowArgument } from '../../kernel/child-table.ts'
import type { Fd, Kernel } from '../../kernel/kernel.ts'
import { waitReadable } from '../../kernel/wait-readable.ts'

/** Calls that only experiments make. */
const MORE_CALLS = { pause: 34, flock: 73, mkdir: 83 } as const

/** What an earlier call with this label has returned. */
export interface Got {
  readonly of: string
}
export const got = (of: string): Got => ({ of })

/** One call of the child; one with `as` is referred to by got(). */
export interface LabCall {
  readonly call: RawCallName | keyof typeof MORE_CALLS
  readonly args: readonly (RowArgument | Got)[]
  readonly as?: string
  /** What it answers does not matter. */
  readonly may?: boolean
  /** The child of this clone(2) goes on with the next call; the parent waits for it and ends. */
  readonly fork?: boolean
}
export const call = (name: LabCall['call'], ...args: LabCall['args']): LabCall => ({ call: name, args })
export const as = (label: string, one: LabCall): LabCall => ({ ...one, as: label })

const isGot = (argument: RowArgument | Got): argument is Got =>
  typeof argument === 'object' && argument !== null && 'of' in argument

/** Rows of the calls: behind each fork the parent's own, which wait for the child and end. */
function rowsOf(calls: readonly LabCall[]): { rows: Row[]; places: number[] } {
  const rows: Row[] = []
  const places: number[] = []
  for (const one of calls) {
    const args = one.args.map((argument): RowArgument => {
      if (!isGot(argument)) return argument
      const from = calls.findIndex((other) => other.as === argument.of)
      return { resultOf: places[from] ?? 0 }
    })
    places.push(rows.length)
    const nr = { ...RAW_CALLS, ...MORE_CALLS }[one.call]
    if (one.fork !== true) rows.push({ nr, args, ...(one.may === true ? { goOn: true } : {}) })
    else {
      const at = rows.length
      rows.push({ nr, args, ifZero: at + 3 })
      rows.push({ nr: RAW_CALLS.wait4, args: [{ resultOf: at }, 0, 0x40000000, 0], goOn: true }, { nr: RAW_CALLS.exit_group, args: [0] })
    }
  }
  return { rows, places }
}

/**
 * What the last call answered: 'ok', the name of an errno, or which earlier call failed. `started` is called while the
 * child may be at work already.
 */
export function lastAnswer(kernel: Kernel, calls: readonly LabCall[], flags = 0, started: (pid: number) => void = () => undefined): string {
  const { rows, places } = rowsOf(calls)
  const child = kernel.startChild(rows, { flags })
  started(child.pid)
  const ended = waitReadable(kernel, child.pidfd, 10_000)
  if (!ended) kernel.pidfdSendSignal(child.pidfd, 9)
  kernel.close(child.pidfd)
  while (kernel.reap(child.pid) === null) kernel.sleepMs(1)
  child.readBack()
  const results = places.map((row) => child.result(row))
  // Nobody waits for the child of a clone in the table: it may still write into this memory.
  if (!calls.some(({ call }) => call.startsWith('clone'))) child.release()
  const named = (result: number): string => (result >= 0 ? 'ok' : errnoName(-result))
  // A fork that succeeded answers in the parent only, where memory is not shared.
  const bad = results.findIndex((result, i) => i < calls.length - 1 && calls[i]?.may !== true && (result === null || result < 0))
  if (bad >= 0) return `${bad + 1}. ${calls[bad]?.call ?? ''}: ${results[bad] === null ? 'not reached' : named(results[bad] ?? 0)}`
  const last = results.at(-1) ?? null
  return last === null ? (ended ? 'not reached' : 'hangs') : named(last)
}

export function writeMaps(kernel: Kernel, pid: number, map: string): void {
  kernel.writeFile(`/proc/${pid}/uid_map`, map)
  kernel.writeFile(`/proc/${pid}/gid_map`, map)
}

/** A user namespace with this map, as a descriptor. */
export function makeUserNamespace(kernel: Kernel, map: string): Fd {
  const CLONE_NEWUSER = 0x10000000
  const child = kernel.startChild([{ nr: MORE_CALLS.pause, args: [] }], { flags: CLONE_NEWUSER | CLONE_VM })
  try {
    writeMaps(kernel, child.pid, map)
    return kernel.open(`/proc/${child.pid}/ns/user`, 0o2000000)
  } finally {
    kernel.pidfdSendSignal(child.pidfd, 9)
    waitReadable(kernel, child.pidfd)
    kernel.close(child.pidfd)
    kernel.reap(child.pid)
    child.release()
  }
}
