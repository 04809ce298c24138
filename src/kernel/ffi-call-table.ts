// A new process that makes a table of raw system calls and ends: clone(2) without JavaScript and without a C library.
//
// A child that is cloned from JavaScript dies on the way back into it (docs/node-as-pid1.md). This one never goes
// back: machine code clones, the child works off rows of (call, six arguments) that lie in shared memory, writes each
// result beside its row, and exits. Any clone flags will do, with or without CLONE_VM. x86-64 only.

import * as koffi from 'koffi'
import { CLONE_CHILD_CLEARTID, CLONE_INTO_CGROUP, CLONE_PARENT_SETTID, CLONE_PIDFD, CLONE_VFORK, CLONE_VM, SIGCHLD } from '../abi/process.ts'
import { SYS_CLONE, SYS_CLONE3, SYS_FUTEX } from '../abi/raw-syscalls.ts'
import { SyscallError } from './errors.ts'
import type { Libc } from './ffi-libc.ts'
import { toFd } from './kernel.ts'
import type { ChildOptions, Row, RowArgument, StartedTable } from './child-table.ts'
import { raw } from './syscall-arg.ts'

// long run(rows, number, a, b, c): clone(2) or clone3(2), as number and arguments say
//   push rbp, rbx, r12, r13, r14 ; sub rsp,16 ; r12 = rows, r13 = number, r14 = a, rbx = b, rbp = c
//   rt_sigprocmask(SIG_SETMASK, [rsp] = all, [rsp+8], 8)   no handler of Node may run in the child, from its first moment on
//   number(a, b, c, 0, 0) ; jz row
//   rbx = pid ; rt_sigprocmask(SIG_SETMASK, [rsp+8], NULL, 8) ; add rsp,16 ; pop … ; ret pid or -errno
const RUN =
  '55' + '53' + '4154' + '4155' + '4156' + '4883ec10' + '4989fc' + '4989f5' + '4989d6' + '4889cb' + '4c89c5' +
  '48830c24ff' + '6a02' + '5f' + '4889e6' + '488d542408' + '6a08' + '415a' + '6a0e' + '58' + '0f05' +
  '4c89f7' + '4889de' + '4889ea' + '4531d2' + '4531c0' + '4c89e8' + '0f05' + '4885c0' + '7426' +
  '4889c3' + '6a02' + '5f' + '488d742408' + '31d2' + '6a08' + '415a' + '6a0e' + '58' + '0f05' +
  '4889d8' + '4883c410' + '415e' + '415d' + '415c' + '5b' + '5d' + 'c3'
// row:    rax = [r12] ; js done ; ebx = [r12+64]
const ROW =
  '498b0424' + '4885c0' + '0f8884000000' + '418b5c2440' +
  // for rdi, rsi, rdx, r10, r8, r9 = [r12+8*i]: test bl, 1<<i ; jz over ; register = [register] ; over:
  '498b7c2408' + 'f6c301' + '7403' + '488b3f' + '498b742410' + 'f6c302' + '7403' + '488b36' +
  '498b542418' + 'f6c304' + '7403' + '488b12' + '4d8b542420' + 'f6c308' + '7403' + '4d8b12' +
  '4d8b442428' + 'f6c310' + '7403' + '4d8b00' + '4d8b4c2430' + 'f6c320' + '7403' + '4d8b09' +
  // syscall ; test rax,rax ; jnz store ; test bl,64 ; jz store ; r12 += [r12+72] ; jmp row
  // (such a 0 is not written down: with shared memory it would hide the pid that the other side of a clone has)
  '0f05' + '4885c0' + '750c' + 'f6c340' + '7407' + '4d03642448' + 'eb8d' +
  // store: [r12+56] = rax ; test rax,rax ; jns next ; test bl,128 ; jz stop ; next: r12 += 80 ; jmp row
  '4989442438' + '4885c0' + '7904' + '84db' + '7909' + '4983c450' + 'e976ffffff' +
  // stop: edi = 127 ; jmp exit ; done: [r12+56] = 0 ; edi = 0 ; exit: exit_group(edi)
  'bf7f000000' + 'eb08' + '498364243800' + '31ff' + 'b8e7000000' + '0f05'

const ROW_BYTES = 80
const ROW_RESULT = 56
const ROW_FLAGS = 64
/** Pid of a child that this row's clone has made, while it works off the table: PresenceOf. */
const ROW_PRESENCE = 68
const ROW_JUMP = 72
/** The row behind the last one. */
const END = -1
const JUMP_IF_ZERO = 64
const GO_ON = 128
/** What a row says that was not worked off, in its upper and lower half; no system call answers it. */
const NOT_RUN = -(2 ** 63)
const NOT_RUN_WORD = BigInt(NOT_RUN)
const TWO_32 = 2 ** 32
/** struct clone_args of Linux 5.7, the first with `cgroup`; before it is the pidfd, behind it are the rows. */
const CLONE_ARGS = 16
/** Between the two, the word of the first child: its pid as long as it shares our memory. */
const PRESENCE = 8
const CLONE_ARGS_BYTES = 88
const ROWS = 104
/** The child pushes nothing; a place is needed nevertheless. */
const STACK_BYTES = 256
const PAGE = 4096
/** futex(2); not FUTEX_PRIVATE_FLAG, which the kernel does not use for these words. */
const FUTEX_WAIT = 0
const SMALLEST = 4 * PAGE
const PROT_READ_WRITE = 3
const PROT_READ_EXEC = 5
const MAP_SHARED_ANONYMOUS = 0x21
const MAP_PRIVATE_ANONYMOUS = 0x22

interface Arena {
  /** Exact: user space ends at 2^47. */
  readonly address: number
  readonly memory: Buffer
  readonly view: DataView
  /** The same as 64-bit words. */
  readonly words: BigInt64Array
}

/** 64 bits, little endian. Numbers, which nearly all are, go without a bigint: a table has hundreds. */
function put(view: DataView, at: number, value: number | bigint): void {
  if (typeof value === 'bigint') return view.setBigUint64(at, BigInt.asUintN(64, value), true)
  view.setUint32(at, value >>> 0, true)
  view.setInt32(at + 4, Math.floor(value / TWO_32), true)
}

const bytesOf = (argument: RowArgument): number => {
  if (typeof argument === 'string') return Buffer.byteLength(argument) + 1
  if (argument instanceof Uint8Array) return argument.length
  if (Array.isArray(argument)) return argument.reduce<number>((sum, text) => sum + Buffer.byteLength(text) + 9, 16)
  return 0
}

/** Starts tables. One per process: the code page and the arenas live as long as it does. */
export class CallTables {
  readonly #libc: Libc
  readonly #free: Arena[] = []
  #run: ((...args: (number | bigint)[]) => number) | undefined

  constructor(libc: Libc) {
    this.#libc = libc
  }

  #map(bytes: number, flags: number): Arena {
    const definition = 'intptr_t mmap(intptr_t, size_t, int, int, int, long)'
    const address = this.#libc.call('mmap', definition, [0, bytes, PROT_READ_WRITE, flags, -1, 0], [bytes])
    // SAFETY: the mapping is ours and is never unmapped: a child that hangs may still read and write it.
    const memory = Buffer.from(koffi.view(address, bytes))
    const { buffer, byteOffset, length } = memory
    return { address, memory, view: new DataView(buffer, byteOffset, length), words: new BigInt64Array(buffer, byteOffset, length / 8) }
  }

  #code(): (...args: (number | bigint)[]) => number {
    if (this.#run !== undefined) return this.#run
    const { address, memory } = this.#map(PAGE, MAP_PRIVATE_ANONYMOUS)
    memory.write(RUN + ROW, 'hex')
    this.#libc.call('mprotect', 'int mprotect(intptr_t, size_t, int)', [address, PAGE, PROT_READ_EXEC], [PAGE])
    const prototype = koffi.proto('long', ['int64_t', 'int64_t', 'int64_t', 'int64_t', 'int64_t'])
    this.#run = (...args) => Number(koffi.call(address, prototype, ...args))
    return this.#run
  }

  /** The kernel sets the word to 0 and wakes whoever waits, when the child lets go of our memory: set_tid_address(2). */
  #waitForZero({ address, view }: Arena, at: number): void {
    for (let pid = view.getInt32(at, true); pid !== 0; pid = view.getInt32(at, true)) {
      this.#libc.raw('long syscall(long, long, long, long, long, long, long)', SYS_FUTEX, address + at, FUTEX_WAIT, pid, 0, 0, 0)
    }
  }

  /** Memory that the garbage collector never moves and, without CLONE_VM, both processes see. */
  #arena(bytes: number): Arena {
    const found = this.#free.findIndex(({ memory }) => memory.length >= bytes)
    const [arena] = found < 0 ? [] : this.#free.splice(found, 1)
    return arena ?? this.#map(Math.max(SMALLEST, Math.ceil(bytes / PAGE) * PAGE), MAP_SHARED_ANONYMOUS)
  }

  /** Clones (SIGCHLD and CLONE_PIDFD are added) and lets the child make the calls. Throws what clone(2), clone3(2) or mmap(2) says. */
  start(rows: readonly Row[], options: ChildOptions): StartedTable {
    const run = this.#code()
    const wanted = rows.reduce((sum, row) => sum + row.args.reduce<number>((all, argument) => all + bytesOf(argument) + 8, 0), 0)
    const tableBytes = ROWS + ROW_BYTES * (rows.length + 1)
    const arena = this.#arena(tableBytes + wanted + STACK_BYTES)
    const { address, memory, view, words } = arena
    const bytes = write(arena, rows, tableBytes)
    const { call, args } = cloneCall(arena, options)
    const pid = run(address + ROWS, ...args)
    if (pid < 0) {
      this.#free.push(arena)
      throw new SyscallError(call, [raw(`0x${options.flags.toString(16)}`)], -pid)
    }
    const resultAt = (row: number): number | null => {
      // In one piece: the child may be writing it.
      const value = Atomics.load(words, (ROWS + ROW_BYTES * row + ROW_RESULT) / 8)
      return value === NOT_RUN_WORD ? null : Number(value)
    }
    return {
      pid,
      pidfd: toFd(view.getInt32(0, true)),
      result: resultAt,
      finished: () => resultAt(rows.length) === 0,
      waitUntilLeft: (row) => this.#waitForZero(arena, row === null ? PRESENCE : ROWS + ROW_BYTES * row + ROW_PRESENCE),
      readBack: () => bytes.forEach(({ at, from }) => from.set(memory.subarray(at, at + from.length))),
      release: () => void this.#free.push(arena),
    }
  }
}

/** How the child is made, as number and three arguments; clone(2) unless only clone3(2) can. */
function cloneCall({ address, memory, view }: Arena, { flags, cgroup, presence = false }: ChildOptions): { call: string; args: (number | bigint)[] } {
  const all = BigInt(flags) | BigInt(CLONE_PIDFD | (presence ? CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID : 0))
  view.setInt32(PRESENCE, 0, true)
  // Without shared memory, and where the parent waits, the child can have the stack of the parent: it writes nothing there.
  const ownStack = (all & BigInt(CLONE_VM | CLONE_VFORK)) === BigInt(CLONE_VM)
  const top = memory.length - 64
  if (cgroup === undefined && !presence && all < 1n << 32n) {
    return { call: 'clone', args: [SYS_CLONE, all | BigInt(SIGCHLD), ownStack ? address + top : 0, address] }
  }
  // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup
  const bottom = memory.length - STACK_BYTES
  const fields = [
    all | (cgroup === undefined ? 0n : CLONE_INTO_CGROUP), address, ...(presence ? [address + PRESENCE, address + PRESENCE] : [0, 0]), SIGCHLD,
    ...(ownStack ? [address + bottom, top - bottom] : [0, 0]), 0, 0, 0, cgroup ?? 0,
  ]
  fields.forEach((field, i) => put(view, CLONE_ARGS + 8 * i, field))
  return { call: 'clone3', args: [SYS_CLONE3, address + CLONE_ARGS, CLONE_ARGS_BYTES, 0] }
}

/** The tables of an architecture that has the code for them, else null. */
export function callTables(libc: Libc, arch: string): CallTables | null {
  return arch === 'x64' ? new CallTables(libc) : null
}

/** Puts the rows into the arena and what they point to behind them, from `top` on. Answers where the byte arguments lie. */
function write({ address, memory, view }: Arena, rows: readonly Row[], top: number): { at: number; from: Uint8Array }[] {
  const bytes: { at: number; from: Uint8Array }[] = []
  const place = (size: number): number => {
    const at = (top + 7) & ~7
    top = at + size
    return at
  }
  const string = (text: string): number => {
    const at = place(Buffer.byteLength(text) + 1)
    memory.write(`${text}\0`, at)
    return address + at
  }
  const pointerTo = (argument: string | Uint8Array | readonly string[]): number => {
    if (typeof argument === 'string') return string(argument)
    if (argument instanceof Uint8Array) {
      const at = place(argument.length)
      memory.set(argument, at)
      bytes.push({ at, from: argument })
      return address + at
    }
    const pointers = [...argument.map(string), 0]
    const at = place(8 * pointers.length)
    pointers.forEach((pointer, i) => put(view, at + 8 * i, pointer))
    return address + at
  }
  const rowAt = (row: number): number => ROWS + ROW_BYTES * row
  rows.forEach((row, i) => {
    const at = rowAt(i)
    let flags = (row.goOn === true ? GO_ON : 0) | (row.ifZero === undefined ? 0 : JUMP_IF_ZERO)
    put(view, at, row.nr)
    for (let n = 0; n < 6; n++) {
      const argument = row.args[n] ?? 0
      let value: number | bigint
      if (argument === null) value = 0
      else if (typeof argument === 'number' || typeof argument === 'bigint') value = argument
      else if (typeof argument === 'object' && 'resultOf' in argument) {
        flags |= 1 << n
        value = address + rowAt(argument.resultOf) + ROW_RESULT
      } else if (typeof argument === 'object' && 'presenceOf' in argument) value = address + rowAt(argument.presenceOf) + ROW_PRESENCE
      else value = pointerTo(argument)
      put(view, at + 8 + 8 * n, value)
    }
    put(view, at + ROW_RESULT, NOT_RUN)
    view.setInt32(at + ROW_FLAGS, flags, true)
    view.setInt32(at + ROW_PRESENCE, 0, true)
    put(view, at + ROW_JUMP, ROW_BYTES * ((row.ifZero ?? i) - i))
  })
  put(view, rowAt(rows.length), END)
  put(view, rowAt(rows.length) + ROW_RESULT, NOT_RUN)
  return bytes
}
