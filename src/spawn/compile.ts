// Calls of a plan become rows of a table: names of calls their numbers, handles descriptors, labels rows.
//
// What only this process knows is filled in here (FromHost). A plan that names what is not there is a mistake in fulcrum and
// throws a RangeError before anything happens.  src/kernel/child-table.ts

import { CLONE_CHILD_CLEARTID, CLONE_PARENT_SETTID, CLONE_VFORK, CLONE_VM } from '../abi/process.ts'
import { RAW_CALLS } from '../abi/raw-syscalls.ts'
import type { Row, RowArgument } from '../kernel/child-table.ts'
import type { ChildArgument, ChildCall, FromHost, Presence, RunPlan } from '../plan/run/run-plan.ts'

/** What compile asks this process. */
export interface HostAnswers {
  /** Throws RangeError for a handle that no step has made. */
  descriptor(handle: string): number
  hardLimit(resource: number): bigint
  /** Mask of the permitted capabilities. */
  permitted(): bigint
}

function fromHost(asked: FromHost, host: HostAnswers): Uint8Array {
  if ('softLimit' in asked) {
    const { softLimit } = asked
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    const hard = host.hardLimit(softLimit.resource)
    view.setBigUint64(0, softLimit.soft < hard ? softLimit.soft : hard, true)
    view.setBigUint64(8, hard, true)
    return bytes
  }
  if ('pollfd' in asked) {
    const bytes = new Uint8Array(8)
    const view = new DataView(bytes.buffer)
    view.setInt32(0, host.descriptor(asked.pollfd.handle), true)
    view.setInt16(4, asked.events, true)
    return bytes
  }
  // struct __user_cap_data_struct[2]: effective, permitted, inheritable; 32 capabilities each.
  const bytes = new Uint8Array(24)
  const view = new DataView(bytes.buffer)
  const mask = asked.capabilities === 0n ? 0n : asked.capabilities & host.permitted()
  for (const half of [0, 1]) {
    const bits = Number(BigInt.asUintN(32, mask >> BigInt(32 * half)))
    view.setUint32(12 * half, bits, true)
    view.setUint32(12 * half + 4, bits, true)
  }
  return bytes
}

/** Row numbers of labels. Throws RangeError for one that is there twice. */
function labelsOf(calls: readonly ChildCall[]): (label: string) => number {
  const rows = new Map<string, number>()
  for (const [row, { label }] of calls.entries()) {
    if (label === undefined) continue
    if (rows.has(label)) throw new RangeError(`Cannot compile a plan: label '${label}' is there twice`)
    rows.set(label, row)
  }
  return (label) => {
    const row = rows.get(label)
    if (row === undefined) throw new RangeError(`Cannot compile a plan: no call has the label '${label}'`)
    return row
  }
}

/** What goes into a row as it is. */
type Plain = Exclude<ChildArgument, { readonly [name: string]: unknown }> & RowArgument
function isPlain(value: ChildArgument): value is Plain {
  return value === null || typeof value !== 'object' || value instanceof Uint8Array || Array.isArray(value)
}

function resolve(value: ChildArgument, host: HostAnswers, rowOf: (label: string) => number): RowArgument {
  if (isPlain(value)) return value
  if ('handle' in value) return host.descriptor(value.handle)
  if ('result' in value) return { resultOf: rowOf(value.result) }
  if ('presence' in value) return { presenceOf: rowOf(value.presence) }
  return fromHost(value, host)
}

const WAITED_FOR = CLONE_VM | CLONE_VFORK
const TOLD = CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID
const isPresence = (value: ChildArgument | undefined): value is Presence => value !== undefined && !isPlain(value) && 'presence' in value

/** A nested child has to leave the table before its memory is given away; it has to be known when. */
function checkClone({ args, shown, label }: ChildCall): void {
  const [flags, , ...words] = args
  if (typeof flags === 'number' && (flags & WAITED_FOR) === WAITED_FOR) return
  const told = words.slice(0, 2).every((it) => isPresence(it) && it.presence === label)
  if (typeof flags !== 'number' || (flags & TOLD) !== TOLD || !told) throw new RangeError(`Cannot compile a plan: nobody knows when the child of ${shown} has left the table`)
}

/** What is the same for every start of a plan. */
interface Prepared {
  readonly rows: readonly Row[]
  /** Rows with arguments that this process knows only when it starts them. */
  readonly open: readonly number[]
  /** Rows whose child goes on beside its parent: the table is in use until each of them has left it. */
  readonly beside: readonly number[]
  readonly rowOf: (label: string) => number
}

function prepare(calls: readonly ChildCall[]): Prepared {
  const rowOf = labelsOf(calls)
  const [rows, open, beside]: [Row[], number[], number[]] = [[], [], []]
  for (const [row, call] of calls.entries()) {
    const { goOn = false, ifZero } = call
    const args = call.args.filter(isPlain)
    if (args.length < call.args.length) open.push(row)
    if (call.call === 'clone') {
      checkClone(call)
      if (call.args.some(isPresence)) beside.push(row)
    }
    const made = { nr: RAW_CALLS[call.call], args, goOn }
    rows.push(ifZero === undefined ? made : { ...made, ifZero: rowOf(ifZero) })
  }
  return { rows, open, beside, rowOf }
}

/** Compiles plans; one that is started again is not compiled again but for what differs. */
export class Compiler {
  readonly #prepared = new WeakMap<readonly ChildCall[], Prepared>()

  #prepare(calls: readonly ChildCall[]): Prepared {
    const known = this.#prepared.get(calls)
    if (known !== undefined) return known
    const made = prepare(calls)
    this.#prepared.set(calls, made)
    return made
  }

  /** Rows whose child goes on beside its parent; they are waited for one by one. */
  clonesBeside(plan: Pick<RunPlan, 'calls'>): readonly number[] {
    return this.#prepare(plan.calls).beside
  }

  /** The rows of the first child. */
  compile({ calls, main }: Pick<RunPlan, 'calls' | 'main'>, host: HostAnswers): readonly Row[] {
    const { rows, open, rowOf } = this.#prepare(calls)
    if (main !== null) rowOf(main)
    const filled = [...rows]
    for (const row of open) {
      const [from, call] = [rows[row], calls[row]]
      if (from !== undefined && call !== undefined) filled[row] = { ...from, args: call.args.map((it) => resolve(it, host, rowOf)) }
    }
    return filled
  }
}
