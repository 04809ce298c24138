// The call table on the running kernel: what a row can do, and that the machine code is what its listing says.
//
// Nothing but harmless calls are made; who they are made by is a child of this process.

import t from 'tap'
import { CLONE_FS, CLONE_VM, SIGCHLD, WALL } from '../abi/process.ts'
import { SYS_CLONE, SYS_CLOSE, SYS_DUP, SYS_EXECVE, SYS_EXIT_GROUP, SYS_GETPID, SYS_WRITE } from '../abi/raw-syscalls.ts'
import type { Row } from './child-table.ts'
import { callTables } from './ffi-call-table.ts'
import { Libc } from './ffi-libc.ts'
import { createKoffiKernel } from './koffi-kernel.ts'

const libc = new Libc(process.arch)
const k = createKoffiKernel()
const tables = callTables(libc, 'x64')
if (tables === null) throw new Error('no tables')
const SYS_PIPE2 = 293
const SYS_READ = 0
const EBADF = 9

interface Outcome {
  readonly results: readonly (number | null)[]
  readonly finished: boolean
  readonly status: number
  readonly pid: number
}

const started = tables
function run(rows: readonly Row[], flags: number): Outcome {
  const table = started.start(rows, { flags })
  const status = Buffer.alloc(4)
  libc.call('waitpid', 'int waitpid(int, void *, int)', [table.pid, status, WALL], [])
  k.close(table.pidfd)
  table.readBack()
  const outcome = { results: rows.map((_, i) => table.result(i)), finished: table.finished(), status: status.readInt32LE(0) >> 8, pid: table.pid }
  table.release()
  return outcome
}

for (const [name, flags] of [['CLONE_VM|CLONE_FS', CLONE_VM | CLONE_FS], ['a copy of the memory', 0]] as const) {
  t.test(`rows, with ${name}`, async (t) => {
    const one = run([{ nr: SYS_GETPID, args: [] }], flags)
    t.strictSame(one, { results: [one.pid], finished: true, status: 0, pid: one.pid })

    const failing: Row[] = [{ nr: SYS_CLOSE, args: [-1] }, { nr: SYS_GETPID, args: [] }]
    t.match(run(failing, flags), { results: [-EBADF, null], finished: false, status: 127 }, 'a failure ends it')
    const going = run(failing.map((row) => ({ ...row, goOn: true })), flags)
    t.strictSame(going.results, [-EBADF, going.pid], 'unless it shall go on')

    const pair = new Uint8Array(8)
    t.match(run([{ nr: SYS_PIPE2, args: [pair, 0] }], flags), { finished: true })
    t.strictSame([pair[0] !== pair[4], pair[1]], [true, 0], 'bytes come back')

    const into = new Uint8Array(6)
    const [read, write] = [Buffer.from(pair).readInt32LE(0), Buffer.from(pair).readInt32LE(4)]
    const piped = run([
      { nr: SYS_PIPE2, args: [new Uint8Array(8), 0] },
      { nr: SYS_DUP, args: [write] },
      { nr: SYS_WRITE, args: [{ resultOf: 1 }, 'hello!', 6] },
      { nr: SYS_READ, args: [read, into, 6] },
      { nr: SYS_CLOSE, args: [{ resultOf: 1 }] },
    ], flags)
    t.match(piped, { results: [0, Number, 6, 6, 0], finished: true })
    t.equal(Buffer.from(into).toString(), 'hello!', 'a result is the argument of later rows')
  })
}

t.test('every argument reaches the call, directly and as a result', async (t) => {
  // mmap(2) has six that matter, and EINVAL or a wrong length where one is lost.
  const SYS_MMAP = 9
  const SYS_MUNMAP = 11
  const SYS_COPY_FILE_RANGE = 326
  const memory = k.memfdCreate('table', 0)
  k.write(memory, 'abcdefgh')
  const other = k.memfdCreate('other', 0)
  const from = Buffer.alloc(8)
  const to = Buffer.alloc(8)
  from.writeBigInt64LE(2n)
  to.writeBigInt64LE(5n)
  // Rows that return the values to be passed on: lseek(2) to an offset, dup2(2) of a descriptor.
  const SYS_LSEEK = 8
  const result = run([
    { nr: SYS_LSEEK, args: [memory, 3, 0] },
    { nr: SYS_LSEEK, args: [memory, 0, 0] },
    { nr: SYS_COPY_FILE_RANGE, args: [memory, from, other, to, { resultOf: 0 }, { resultOf: 1 }] },
    { nr: SYS_MMAP, args: [{ resultOf: 1 }, 4096, 3, 0x1, memory, 4096] },
    { nr: SYS_MUNMAP, args: [{ resultOf: 3 }, 4096] },
  ], CLONE_FS)
  t.match(result, { results: [3, 0, 3, Number, 0], finished: true })
  t.strictSame([from.readBigInt64LE(), to.readBigInt64LE()], [5n, 8n])
  const copied = new Uint8Array(16)
  t.equal(Buffer.from(copied.subarray(0, k.read(other, copied, 0))).toString(), '\0'.repeat(5) + 'cde')
  k.close(memory)
  k.close(other)
})

t.test('a clone in the table: the inner child goes on elsewhere', async (t) => {
  const SYS_WAIT4 = 61
  const status = new Uint8Array(4)
  const { results, finished } = run([
    { nr: SYS_CLONE, args: [SIGCHLD, 0, 0, 0, 0], ifZero: 4 },
    { nr: SYS_WAIT4, args: [{ resultOf: 0 }, status, 0, 0] },
    { nr: SYS_GETPID, args: [] },
    { nr: SYS_EXIT_GROUP, args: [0] },
    { nr: SYS_EXIT_GROUP, args: [42] },
  ], 0)
  t.equal(results[1], results[0], 'the inner one was waited for')
  t.equal(status[1], 42)
  t.notOk(finished)
})

t.test('a program with arguments and environment; no signal reaches it until a row says so', async (t) => {
  const SYS_DUP3 = 292
  const exec = (path: string, ...rest: readonly (readonly string[])[]): string => {
    const out = k.memfdCreate('out', 0)
    const { status } = run([{ nr: SYS_DUP3, args: [out, 1, 0] }, { nr: SYS_EXECVE, args: [path, ...rest] }], 0)
    const text = new Uint8Array(200)
    const length = k.read(out, text, 0)
    k.close(out)
    return `${status} ${Buffer.from(text.subarray(0, length)).toString()}`
  }
  t.equal(exec('/bin/sh', ['sh', '-c', 'echo "$1 $A"; exit 3', 'sh', 'one'], ['A=two']), '3 one two\n')
  t.equal(exec('/bin/grep', ['grep', 'SigBlk', '/proc/self/status'], []), '0 SigBlk:\tfffffffffffbfeff\n')
})

t.test('what is larger than a page of its own has one', async (t) => {
  const data = Buffer.alloc(100_000, 'x')
  const file = k.memfdCreate('large', 0)
  t.match(run([{ nr: SYS_WRITE, args: [file, data, data.length] }], CLONE_VM), { results: [data.length] })
  t.equal(k.fstat(file).size, 100_000n)
  k.close(file)
})

t.test('clone(2) that fails is an error, and other architectures have no tables', async (t) => {
  t.throws(() => tables.start([], { flags: 0x00010000 | 0x00000400 }), { name: 'SyscallError', syscall: 'clone', code: 'EINVAL' }, 'CLONE_THREAD alone')
  t.equal(callTables(libc, 'arm64'), null)
})

t.test('a nested child beside its parent: it is known when it has left', async (t) => {
  const SYS_NANOSLEEP = 35
  const [CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID] = [0x100000, 0x200000]
  const pause = new Uint8Array(16)
  new DataView(pause.buffer).setBigUint64(8, 100_000_000n, true)
  const table = tables.start([
    { nr: SYS_CLONE, args: [CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, 0, { presenceOf: 0 }, { presenceOf: 0 }, 0], ifZero: 2 },
    { nr: SYS_EXIT_GROUP, args: [0] },
    { nr: SYS_NANOSLEEP, args: [pause, null] },
    { nr: SYS_GETPID, args: [] },
  ], { flags: CLONE_VM | 0x4000 })
  t.equal(table.result(3), null, 'the outer one has ended, the inner one goes on')
  table.waitUntilLeft(0)
  t.equal(table.result(3), table.result(0))
  table.waitUntilLeft(0)
  table.waitUntilLeft(1)
  t.equal(k.reap(table.pid)?.code, 0)
  k.close(table.pidfd)
  table.release()
})
