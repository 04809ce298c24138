// Bounded calls on the running kernel: each kind, its errors, calls that hang, and a child that cannot be killed.
//
// Runs itself again in mount and pid namespaces of its own. A FIFO without a reader hangs until SIGKILL; a FUSE request
// that the server has read and does not answer hangs for good. Needs root; never skips.

import { spawnSync } from 'node:child_process'
import { pbkdf2 } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { MNT_DETACH, MS_BIND, MS_MOVE } from '../abi/mount.ts'
import { O_NONBLOCK, O_RDONLY, O_RDWR, S_IFIFO } from '../abi/process.ts'
import { errorOf } from './error-of-for-tests.ts'
import type { BoundedCall, Fd } from './kernel.ts'
import { createKoffiKernel } from './koffi-kernel.ts'
import { makeCall } from './make-call.ts'

if (process.env['FULCRUM_BOUNDED'] === undefined) {
  const inside = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private', process.execPath, import.meta.filename]
  const { status } = spawnSync('unshare', inside, { stdio: 'inherit', env: { ...process.env, FULCRUM_BOUNDED: '1' } })
  process.exit(status ?? 1)
}
if (process.pid !== 1) throw new Error('Cannot test here: this is not a pid namespace of its own')

const k = createKoffiKernel()
const directory = mkdtempSync(join(tmpdir(), 'fulcrum-bounded-'))
k.mount('bounded', directory, 'tmpfs', 0, null)
t.teardown(() => {
  k.umount2(directory, MNT_DETACH)
  rmSync(directory, { recursive: true, force: true })
})
const at = (name: string): string => join(directory, name)
for (const name of ['a', 'fuse']) k.mkdir(at(name), 0o755)
k.writeFile(at('file'), '0123456789')
k.mknod(at('fifo'), S_IFIFO | 0o600, 0n)

const TCGETS = 0x5401
const FIOCLEX = 0x5451
const PATIENT = { timeoutMs: 60_000 }
const HANGS: BoundedCall = { call: 'write', path: at('fifo'), data: 'x' }
const children = (): string[] => k.readText('/proc/thread-self/children').split(' ').filter((pid) => pid !== '')
const openFds = (): string[] => k.readdir('/proc/self/fd').sort()
/** Pieces of memory that call tables lie in. */
const arenas = (): number => k.readText('/proc/self/maps').split('\n').filter((line) => /rw-s .*\/dev\/zero/.test(line)).length

t.test('every kind of call is made, on the mounts, root and working directory of this process', async (t) => {
  const before = openFds()
  t.equal(k.bounded({ call: 'mount', source: 'inner', target: at('a'), fstype: 'tmpfs', flags: 0, data: 'size=64k' }, PATIENT), 'done')
  t.equal(k.statfs(at('a')).blocks, 16)
  t.equal(k.bounded({ call: 'sync' }, PATIENT), 'done')
  t.equal(k.bounded({ call: 'syncfs', path: at('a') }, PATIENT), 'done')
  k.chdir(directory)
  t.equal(k.bounded({ call: 'umount2', target: 'a', flags: 0 }, PATIENT), 'done')
  k.chdir('/')
  t.not(k.statfs(at('a')).blocks, 16)
  t.equal(k.bounded({ call: 'write', path: at('file'), data: 'äb' }, PATIENT), 'done')
  t.equal(k.readText(at('file')), 'äb3456789', 'nothing is truncated')
  const [direct, bounded] = [new Uint8Array(64), new Uint8Array(64)]
  const terminal = k.open('/dev/ptmx', O_RDWR)
  k.ioctl(terminal, TCGETS, direct)
  k.close(terminal)
  t.equal(k.bounded({ call: 'ioctl', path: '/dev/ptmx', open: O_RDWR, request: TCGETS, argument: bounded }, PATIENT), 'done')
  t.ok(direct.some((byte) => byte !== 0))
  t.strictSame(bounded, direct, 'the answer of an ioctl comes back')
  t.equal(k.bounded({ call: 'ioctl', path: '/dev/null', open: O_RDONLY, request: FIOCLEX, argument: 0 }, PATIENT), 'done')
  t.strictSame(openFds(), before)
  t.strictSame(children(), [])
})

t.test('errors read like those of the direct call, with the path where that has a descriptor', async (t) => {
  const none = at('none')
  const cases: readonly BoundedCall[] = [
    { call: 'mount', source: 'x', target: none, fstype: null, flags: MS_MOVE, data: null },
    { call: 'mount', source: at('file'), target: at('a'), fstype: null, flags: MS_BIND, data: null },
    { call: 'mount', source: 'x', target: at('a'), fstype: 'nosuchfs', flags: 0, data: 'a,b' },
    { call: 'umount2', target: at('a'), flags: MNT_DETACH },
    { call: 'umount2', target: none, flags: 0 },
    { call: 'syncfs', path: none },
    { call: 'syncfs', path: at('file') },
    { call: 'swapoff', path: at('file') },
    { call: 'swapoff', path: none },
    { call: 'ioctl', path: none, open: O_RDWR, request: TCGETS, argument: 0 },
    { call: 'write', path: none, data: 'x' },
    { call: 'write', path: at('a'), data: 'x' },
  ]
  for (const call of cases) {
    const [bounded, direct] = [errorOf(() => void k.bounded(call, PATIENT)), errorOf(() => makeCall(k, call))]
    t.strictSame({ ...bounded }, { ...direct }, direct.message)
    t.equal(bounded.message, direct.message)
  }
  const onFile = errorOf(() => void k.bounded({ call: 'ioctl', path: at('file'), open: O_RDWR, request: TCGETS, argument: new Uint8Array(64) }, PATIENT))
  t.equal(onFile.message, `ioctl("${at('file')}", 0x5401): ENOTTY (Inappropriate ioctl for device)`)
  t.equal(errorOf(() => void k.bounded({ call: 'write', path: '/dev/full', data: 'x' }, PATIENT)).message, 'write("/dev/full", 1): ENOSPC (No space left on device)')
})

t.test('two thousand calls, with garbage collections and threads at work', async (t) => {
  const worker = new Worker('const keep = []; for (;;) { keep.push(new Array(1000).fill({})); if (keep.length > 500) keep.length = 0 }', { eval: true })
  let noise = 0
  const stir = (): void => pbkdf2('a', 'b', 2000, 64, 'sha512', () => { if (noise++ >= 0) stir() })
  for (let i = 0; i < 3; i++) stir()
  let garbage: unknown[] = []
  const answer = new Uint8Array(64)
  let wrong = 0
  for (let i = 0; i < 2000; i++) {
    garbage.push(Array.from({ length: 200 }, (_, n) => ({ n, text: `${n}${i}` })))
    if (garbage.length > 200) garbage = []
    const path = at(`no such place ${i}`)
    const error = errorOf(() => void k.bounded({ call: 'umount2', target: path, flags: 0 }, PATIENT))
    if (error.code !== 'ENOENT' || !error.message.includes(path)) wrong++
    if (i % 20 !== 0) continue
    answer.fill(0)
    k.bounded({ call: 'ioctl', path: '/dev/ptmx', open: O_RDWR, request: TCGETS, argument: answer }, PATIENT)
    if (answer.every((byte) => byte === 0)) wrong++
    await new Promise((resolve) => void setImmediate(resolve))
  }
  t.equal(wrong, 0)
  t.ok(noise > 0)
  noise = -1000
  await worker.terminate()
  t.strictSame(children(), [])
  t.ok(arenas() <= 1, 'one piece of memory is used again and again')
})

t.test('a call that hangs: told in time, the watchdog is fed, the child is gone, and it holds nothing meanwhile', async (t) => {
  const start = performance.now()
  let ticks = 0
  let status = ''
  let descriptors: readonly string[] = ['?']
  const tick = (): void => {
    const [child = ''] = children()
    ticks += 1
    // The last look counts: on a busy machine it may not have begun at the first.
    status = k.readText(`/proc/${child}/status`)
    descriptors = k.readdir(`/proc/${child}/fd`)
  }
  t.equal(k.bounded(HANGS, { timeoutMs: 1000, tickMs: 20, tick }), 'hung')
  const took = performance.now() - start
  t.ok(took >= 1000 && took < 60_000, `${took} ms`)
  t.ok(ticks >= 3, `${ticks} ticks`)
  t.match(status, /SigBlk:\tfffffffffffbfeff/, 'no signal can run a handler of Node in it')
  t.strictSame(descriptors, [])
  t.strictSame(children(), [])
  t.equal(k.bounded({ call: 'sync' }, PATIENT), 'done')
})

t.test('two hundred calls that hang leave no process, descriptor or memory behind', async (t) => {
  const before = [openFds(), arenas()]
  for (let i = 0; i < 200; i++) if (k.bounded(HANGS, { timeoutMs: 2 }) !== 'hung') t.fail(`call ${i} did not hang`)
  t.strictSame([openFds(), arenas()], before)
  t.strictSame(children(), [])
  t.equal(k.bounded({ call: 'syncfs', path: directory }, PATIENT), 'done')
})

t.test('what tick() does: an exception comes through, a killed child is an error', async (t) => {
  const before = openFds()
  t.throws(() => k.bounded(HANGS, { timeoutMs: 60_000, tickMs: 1, tick: () => { throw new Error('from tick') } }), { message: 'from tick' })
  const error = errorOf(() => void k.bounded(HANGS, { timeoutMs: 60_000, tickMs: 10, tick: () => k.kill(Number(children()[0]), 9) }))
  t.equal(error.message, `open("${at('fifo')}", O_WRONLY): EINTR (Interrupted system call)`)
  // A reaper of orphans inside of tick() takes the status away.
  t.equal(k.bounded(HANGS, { timeoutMs: 50, tickMs: 1, tick: () => void k.reapOrphan() }), 'hung')
  t.strictSame(openFds(), before)
  t.strictSame(children(), [])
})

/** A FUSE file system whose server is this process: answers FUSE_INIT and then only reads. */
function mountFuse(): Fd {
  const fuse = k.open('/dev/fuse', O_RDWR | O_NONBLOCK)
  k.mount('dead', at('fuse'), 'fuse', 0, `fd=${fuse},rootmode=40000,user_id=0,group_id=0`)
  const init = Buffer.alloc(1 << 16)
  k.read(fuse, init, null)
  const [OUT_HEADER, INIT_OUT] = [16, 64]
  const answer = Buffer.alloc(OUT_HEADER + INIT_OUT)
  answer.writeUInt32LE(answer.length, 0)
  init.copy(answer, 8, 8, 16) // the number of the request
  answer.writeUInt32LE(7, OUT_HEADER) // protocol 7.31
  answer.writeUInt32LE(31, OUT_HEADER + 4)
  answer.writeUInt32LE(4096, OUT_HEADER + 20) // max_write
  k.write(fuse, answer)
  return fuse
}

/** What is left when the connection lives on: without it the kernel would never let this test end. */
function abortFuse(): void {
  const connection = /^\S+ \S+ 0:(\d+) .* - fuse dead /m.exec(k.readText('/proc/self/mountinfo'))?.[1] ?? ''
  k.mount('fusectl', at('a'), 'fusectl', 0, null)
  k.writeFile(at(`a/${connection}/abort`), '1')
  k.umount2(at('a'), 0)
}

t.test('a child that no signal ends is left alone with its memory, and buried when it ends after all', async (t) => {
  const before = openFds()
  const fuse = mountFuse()
  const request = Buffer.alloc(1 << 16)
  const readRequest = (): void => {
    try {
      k.read(fuse, request, null)
    } catch {
      // EAGAIN: not yet there, or read before.
    }
  }
  t.equal(k.bounded({ call: 'syncfs', path: at('fuse') }, { timeoutMs: 2000, tickMs: 10, tick: readRequest }), 'hung')
  const [child = ''] = children()
  t.match(k.readText(`/proc/${child}/stat`), / D /, 'it waits on')
  const memory = arenas()
  for (let i = 0; i < 5; i++) t.equal(k.bounded({ call: 'syncfs', path: directory }, PATIENT), 'done')
  t.equal(k.bounded(HANGS, { timeoutMs: 2 }), 'hung')
  t.strictSame(children(), [child])
  t.equal(arenas(), memory + 1, 'its own memory is not used again')
  // The last descriptor of the server ends the connection.
  k.close(fuse)
  const ended = (): boolean => / Z /.test(k.readText(`/proc/${child}/stat`))
  for (let i = 0; i < 6000 && !ended(); i++) k.sleepMs(10)
  t.ok(ended(), 'it has no copy of the descriptor')
  if (!ended()) abortFuse()
  k.bounded({ call: 'sync' }, PATIENT)
  t.strictSame(children(), [])
  k.umount2(at('fuse'), MNT_DETACH)
  t.strictSame(openFds(), before)
})
