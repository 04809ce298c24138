// Making another process exec, on the running kernel: whatever it waits in, from any of its threads' states, PID 1 too.
//
// Runs itself again in mount and pid namespaces of its own, in which it only touches what it has started. What an
// attempt that fails leaves behind is a program that goes on as if nothing had been. Needs root and gcc; never skips.

import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { guestProgram } from '../../qemu-tests/harness/guest-programs.ts'
import { errorOf } from './error-of-for-tests.ts'
import { createKoffiKernel } from './koffi-kernel.ts'

const k = createKoffiKernel()
if (process.env['FULCRUM_EXEC'] === 'tracer') {
  // In the pid namespace of a test, whose PID 1 knows nothing of it.
  k.execInProcess(1, '/bin/sh', ['sh', '-c', 'echo "PID $$ is $A"; exit 7'], { A: 'somebody else' })
  process.exit(0)
}
if (process.env['FULCRUM_EXEC'] === undefined) {
  const inside = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private', process.execPath, import.meta.filename]
  const { status } = spawnSync('unshare', inside, { stdio: 'inherit', env: { ...process.env, FULCRUM_EXEC: '1' } })
  process.exit(status ?? 1)
}
if (process.pid !== 1) throw new Error('Cannot test here: this is not a pid namespace of its own')

const target = guestProgram('exec-target')
const directory = mkdtempSync(join(tmpdir(), 'fulcrum-exec-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

interface Running {
  readonly pid: number
  readonly child: ChildProcessWithoutNullStreams
  /** All that it has printed, once it has ended. */
  readonly output: Promise<string>
  /** Waits until it has printed that. */
  printed(word: string): Promise<void>
}

/** Whether it is in a wait, or has ended. */
const asleep = (pid: number): boolean => /^\d+ \(.*\) [SZ] /.test(k.readText(`/proc/${pid}/stat`))

/** Starts a program and waits until it has printed "ready" and, unless it computes, is asleep. */
async function start(path: string, args: readonly string[], computes = false): Promise<Running> {
  const child = spawn(path, args, { stdio: 'pipe', env: {} })
  let text = ''
  child.stdout.on('data', (data: Buffer) => { text += data.toString() })
  const output = once(child, 'close').then(() => text)
  const printed = async (word: string): Promise<void> => {
    while (!text.includes(word)) await new Promise((resolve) => void setTimeout(resolve, 1))
  }
  await printed('ready')
  const pid = child.pid ?? 0
  while (!computes && !asleep(pid)) k.sleepMs(1)
  return { pid, child, output, printed }
}

const MODES = ['nanosleep', 'poll', 'ppoll', 'sigtimedwait', 'epoll', 'read', 'threads', 'spin'] as const
/** Result and errno of each wait that comes to its end; EAGAIN where that is how it says so. */
const ENDS: Readonly<Record<(typeof MODES)[number], string>> = {
  nanosleep: '0 0', poll: '0 0', ppoll: '0 0', sigtimedwait: '-1 11', epoll: '0 0', read: '1 0', threads: '0 0', spin: '0 0',
}
const lines = (file: string): string[] => k.readText(file).split('\0').filter((line) => line !== '')
const field = (pid: number, name: string): string | undefined => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(k.readText(`/proc/${pid}/status`))?.[1]

for (const mode of MODES) {
  t.test(`a program in '${mode}'`, async (t) => {
    const undisturbed = await start(target, [mode], mode === 'spin')
    const before = mode === 'spin' ? '' : k.readText(`/proc/${undisturbed.pid}/maps`)
    const mask = field(undisturbed.pid, 'SigBlk')
    for (const path of ['/nosuch/program', '/etc', '/proc/version']) {
      const error = errorOf(() => k.execInProcess(undisturbed.pid, path, ['x', 'y'], {}))
      t.equal(error.message, `execve("${path}", ["x","y"]): ${path === '/nosuch/program' ? 'ENOENT (No such file or directory)' : 'EACCES (Permission denied)'}`)
    }
    t.equal(field(undisturbed.pid, 'TracerPid'), '0')
    while (mode !== 'spin' && !asleep(undisturbed.pid)) k.sleepMs(1)
    t.equal(field(undisturbed.pid, 'SigBlk'), mask, 'its signal mask is its own, also one for the time of a wait')
    if (mode !== 'spin') t.equal(k.readText(`/proc/${undisturbed.pid}/maps`), before, 'no memory is left in it')
    if (mode === 'read') undisturbed.child.stdin.write('x')
    const lasted = mode === 'read' ? '(short|lasted)' : 'lasted'
    t.match(await undisturbed.output, new RegExp(`^ready\n${mode} ${ENDS[mode]} ${lasted}\n$`), 'after an execve that fails it goes on')

    const { pid, child, output } = await start(target, [mode], mode === 'spin')
    const fds = k.readdir(`/proc/${pid}/fd`)
    k.execInProcess(pid, '/bin/sleep', ['a new name', '1000'], { A: 'b', C: '' })
    t.equal(k.readlink(`/proc/${pid}/exe`), k.realpath('/bin/sleep'))
    t.strictSame(lines(`/proc/${pid}/cmdline`), ['a new name', '1000'])
    t.strictSame(lines(`/proc/${pid}/environ`), ['A=b', 'C='])
    t.strictSame([field(pid, 'TracerPid'), field(pid, 'Threads'), field(pid, 'SigBlk')], ['0', '1', '0000000000000800'], 'the mask is inherited, as by execve')
    t.equal(k.readdir(`/proc/${pid}/fd`).filter((fd) => fds.includes(fd)).length >= 3, true)
    child.kill()
    setTimeout(() => child.kill('SIGKILL'), 60_000).unref()
    t.equal(await output, 'ready\n')
    t.equal(child.signalCode, 'SIGTERM', 'the new program takes signals')
  })
}

t.test('a program with threads and a garbage collector, at work: node itself', async (t) => {
  const script = 'console.log("ready"); let n = 0; setInterval(() => { n++; require("crypto").pbkdf2("a", "b", 1000, 64, "sha512", () => {}) }, 1); process.stdin.once("data", function end() { if (n <= 20) return setTimeout(end, 10); console.log(true); process.exit(3) })'
  const alive = await start(process.execPath, ['-e', script], true)
  for (let i = 0; i < 50; i++) t.equal(errorOf(() => k.execInProcess(alive.pid, '/nosuch', [], {})).code, 'ENOENT')
  alive.child.stdin.write('x')
  t.equal(await alive.output, 'ready\ntrue\n')
  t.equal(alive.child.exitCode, 3)
  const replaced = await start(process.execPath, ['-e', script], true)
  k.execInProcess(replaced.pid, '/bin/sh', ['sh', '-c', 'exit 9'], {})
  // Node's descriptors 0 to 2 are close-on-exec: the new program has no output.
  t.equal(await replaced.output, 'ready\n')
  t.equal(replaced.child.exitCode, 9)
})

t.test('a shell in read, one that waits for its child, one that is stopped', async (t) => {
  const reading = await start('/bin/sh', ['-c', 'echo ready; read -r line; echo "got $line"'])
  t.equal(errorOf(() => k.execInProcess(reading.pid, '/nosuch', ['x'], {})).code, 'ENOENT')
  reading.child.stdin.end('a line\n')
  t.equal(await reading.output, 'ready\ngot a line\n')
  const waiting = await start('/bin/sh', ['-c', 'echo ready; /bin/sleep 0.4; echo "ended $?"'])
  t.equal(errorOf(() => k.execInProcess(waiting.pid, '/nosuch', ['x'], {})).code, 'ENOENT')
  t.equal(await waiting.output, 'ready\nended 0\n')
  const stopped = await start('/bin/sh', ['-c', 'echo ready; read -r line; echo "got $line"'])
  k.kill(stopped.pid, 19)
  while (!/^\d+ \(.*\) T /.test(k.readText(`/proc/${stopped.pid}/stat`))) k.sleepMs(1)
  t.equal(errorOf(() => k.execInProcess(stopped.pid, '/nosuch', ['x'], {})).code, 'ENOENT')
  k.execInProcess(stopped.pid, '/bin/echo', ['echo', 'new'], {})
  k.kill(stopped.pid, 18)
  t.equal(await stopped.output, 'ready\nnew\n')
})

t.test('signals that come while it is stopped arrive', async (t) => {
  const { pid, output, printed } = await start('/bin/sh', ['-c', 'trap "echo trapped" USR1; echo ready; while :; do read -r line; done'])
  for (let i = 0; i < 20; i++) {
    k.kill(pid, 10)
    t.equal(errorOf(() => k.execInProcess(pid, '/nosuch', ['x'], {})).code, 'ENOENT')
    await printed('trapped\n'.repeat(i + 1))
  }
  k.execInProcess(pid, '/bin/echo', ['echo', 'new'], {})
  t.equal(await output, `ready\n${'trapped\n'.repeat(20)}new\n`)
})

t.test('many arguments and a large environment', async (t) => {
  const { pid, output } = await start(target, ['nanosleep'])
  const env = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`NAME_${i}`, 'ä'.repeat(50)]))
  k.execInProcess(pid, '/bin/sh', ['sh', '-c', 'echo $# $NAME_999 $1', 'sh', ...Array.from({ length: 2000 }, (_, i) => `argument ${i}`)], env)
  t.equal(await output, `ready\n2000 ${'ä'.repeat(50)} argument 0\n`)
})

t.test('PID 1 of a pid namespace, by one of its processes', async (t) => {
  const inside = ['--pid', '--fork', '--mount-proc', '/bin/sh', '-c', '"$0" "$1"; echo "not reached"; read -r line', process.execPath, import.meta.filename]
  const result = spawnSync('unshare', inside, { encoding: 'utf8', env: { ...process.env, FULCRUM_EXEC: 'tracer', NODE_NO_WARNINGS: '1' } })
  t.match({ ...result }, { stdout: 'PID 1 is somebody else\n', status: 7 }, result.stderr)
})

t.test('what cannot be: no such process, a kernel thread or oneself, a traced one, a 32-bit program', async (t) => {
  t.equal(errorOf(() => k.execInProcess(2 ** 21, '/bin/true', [], {})).message, 'ptrace(PTRACE_SEIZE, 2097152): ESRCH (No such process)')
  t.match(errorOf(() => k.execInProcess(1, '/bin/true', [], {})), { code: 'EPERM', hint: /traced/ })
  // A 32-bit ELF file of one segment: mov eax,29 (pause) ; int 0x80 ; jmp back.
  const code = Buffer.from('b81d000000cd80ebf7', 'hex')
  const elf = Buffer.alloc(84 + code.length)
  Buffer.from('7f454c4601010100', 'hex').copy(elf)
  const words: readonly (readonly [number, number])[] = [
    [16, 0x00030002], [20, 1], [24, 0x08048054], [28, 52], [40, 0x00200034], [44, 1],
    [52, 1], [60, 0x08048000], [64, 0x08048000], [68, elf.length], [72, elf.length], [76, 5], [80, 4096],
  ]
  for (const [at, word] of words) elf.writeUInt32LE(word, at)
  code.copy(elf, 84)
  const path = join(directory, 'elf32')
  k.writeFile(path, elf, 0o755)
  let pid: number
  try {
    pid = k.spawn(path, [], {})
  } catch (error) {
    t.match(error, { code: 'ENOEXEC' })
    return t.comment('this kernel runs no 32-bit programs')
  }
  while (k.readlink(`/proc/${pid}/exe`) !== path) k.sleepMs(1)
  t.equal(errorOf(() => k.execInProcess(pid, '/bin/true', [], {})).message, `ptrace(a 32-bit program, ${pid}): EOPNOTSUPP (Operation not supported)`)
  t.equal(field(pid, 'TracerPid'), '0')
  k.kill(pid, 9)
  while (k.reap(pid) === null) k.sleepMs(1)
})
