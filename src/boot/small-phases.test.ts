// The small phases of the boot: hooks, image.json, API mounts, the record, failures as values, the log.
//
// Each on the model kernel, with the failures that it has to survive.

import t from 'tap'
import { StepError } from '../execute/execute.ts'
import { Trace } from '../execute/trace.ts'
import { createBootedModel, initramfsFiles } from '../kernel/model/booted.ts'
import { createModelKernel } from '../kernel/model/model-kernel.ts'
import { executable, file } from '../kernel/model/vfs.ts'
import { visible } from '../kernel/contract/case.ts'
import type { Plan, Refusal } from '../plan/step.ts'
import { mountApiFilesystems, mountProc } from './api-mounts.ts'
import { BootFailure, errorFailure, inPhase, refusalFailure, toFailure } from './boot-failure.ts'
import { recordText, summaryLines, writeRecord, type BootSummary } from './boot-record.ts'
import { runHooks } from './hooks.ts'
import { readImageConfig } from './image-config.ts'
import { createLog } from './log.ts'

const plan: Plan = { name: 'move', reason: 'asked for', steps: [{ op: 'chdir', path: '/sysroot' }], pointOfNoReturn: 1, exec: null, notes: ['a note'] }

t.test('hooks: name order, the environment, and every way to fail', async (t) => {
  const names = ['20-signal', '10-first', '30-status', '40-missing']
  const k = createBootedModel({ files: { ...initramfsFiles, ...Object.fromEntries(names.map((n) => [`/etc/fulcrum/hooks/mount/${n}`, executable('#!/none\n')])) } })
  const hook = (name: string): string => `/etc/fulcrum/hooks/mount/${name}`
  const started: unknown[] = []
  k.world.programs.set(hook('10-first'), (args, options) => {
    started.push(args, options)
    return {}
  })
  k.world.programs.set(hook('20-signal'), () => ({ code: null, signal: 'SIGSEGV' }))
  k.world.programs.set(hook('30-status'), () => ({ code: 7 }))
  t.strictSame(runHooks(k, 'mount', { ROOT: 'LABEL=x', NEWROOT: '/elsewhere' }), [
    { hook: hook('10-first'), status: 0, problem: null },
    { hook: hook('20-signal'), status: null, problem: 'ended by SIGSEGV' },
    { hook: hook('30-status'), status: 7, problem: 'exit status 7' },
    { hook: hook('40-missing'), status: null, problem: 'ENOENT' },
  ])
  t.strictSame(started, [[], { env: { PATH: '/bin', HOME: '/', FULCRUM_POINT: 'mount', NEWROOT: '/elsewhere', ROOT: 'LABEL=x' }, stdio: 'inherit' }])
  t.strictSame(runHooks(k, 'pre-mount', {}), [], 'no directory, no hooks')
  k.failNext('scandir', 'EIO')
  t.throws(() => runHooks(k, 'mount', {}), { code: 'EIO' })
})

t.test('image.json: every field has a usable value', async (t) => {
  const read = (files: Readonly<Record<string, string>>): unknown =>
    readImageConfig(createModelKernel({ absoluteRoot: false, files: Object.fromEntries(Object.entries(files).map(([path, text]) => [`/etc/fulcrum/${path}`, file(text)])) }))
  t.strictSame(read({}), { kernel: null, modules: [], keep: null, standInFor: null, resume: null, secrets: [], problem: null, isWhole: true })
  t.strictSame(read({ 'image.json': '{"format":1,"kernel":"6.1","modules":["a","b"]}' }), { kernel: '6.1', modules: ['a', 'b'], keep: null, standInFor: null, resume: null, secrets: [], problem: null, isWhole: true })
  t.strictSame(read({ 'image.json': '{"kernel":3,"modules":["a",4,null]}' }), { kernel: null, modules: ['a'], keep: null, standInFor: null, resume: null, secrets: [], problem: null, isWhole: true })
  t.strictSame(read({ 'image.json': '{"modules":"a"}' }), { kernel: null, modules: [], keep: null, standInFor: null, resume: null, secrets: [], problem: null, isWhole: true })
  for (const text of ['', '{', '3', 'null', '"x"']) t.match(read({ 'image.json': text }), { kernel: null, modules: [], problem: /^Cannot read '.*image\.json': .*, ignoring$/, isWhole: true }, `'${text}'`)
  t.match(read({ 'image.json': '{"keep":"slim","secrets":["/etc/key",1]}' }), { standInFor: null, keep: 'slim', secrets: ['/etc/key'] })
  t.match(read({ 'image.json': '{"keep":"half"}' }), { keep: null })
  t.match(read({ 'image.begin': '' }), { isWhole: false }, 'cut off')
  t.match(read({ 'image.begin': '', 'image.end': '' }), { isWhole: true })
  t.match(read({ 'image.end': '' }), { isWhole: true })
})

t.test('API mounts: made where they are missing, kept where they are, told where they fail', async (t) => {
  const fresh = createModelKernel({ absoluteRoot: false, files: {} })
  mountProc(fresh)
  t.strictSame(mountApiFilesystems(fresh), [])
  const all = ['/ rootfs on unlisted', '/dev devtmpfs on rootfs', '/dev/pts devpts on devtmpfs', '/dev/shm tmpfs on devtmpfs', '/proc proc on rootfs', '/run tmpfs on rootfs', '/sys sysfs on rootfs']
  t.strictSame(visible(fresh), all)
  t.match(fresh.calls.filter((c) => c.syscall === 'mkdir').map((c) => c.args), [['/proc', { raw: '0555' }], ['/sys', { raw: '0555' }], ['/dev', { raw: '0755' }]])
  mountProc(fresh)
  t.strictSame(mountApiFilesystems(fresh), [])
  t.strictSame(visible(fresh), all, 'a second time changes nothing')
  t.match(fresh.calls.filter((c) => c.args[1] === '/run').map((c) => c.args), [['tmpfs', '/run', 'tmpfs', { raw: 'MS_NOSUID|MS_NODEV|MS_STRICTATIME' }, 'mode=0755']], 'exec stays allowed on /run')

  const failing = createModelKernel({ absoluteRoot: false, files: {} })
  failing.failNext('mount', 'ENODEV', ([source]) => source === 'devpts')
  failing.failNext('mount', 'EBUSY', ([source]) => source === 'sysfs')
  const failures = mountApiFilesystems(failing)
  t.equal(failures.length, 1, 'EBUSY is mounted already')
  t.match(failures[0], /^mount\("devpts", "\/dev\/pts".*ENODEV/)
  failing.failNext('mount', 'EIO')
  t.throws(() => mountProc(failing), { code: 'EIO' })
})

function summary(): BootSummary {
  return {
    version: '1.2', kernelRelease: '6.12', commandLine: 'root=/dev/vda', initUs: 1000, handOverUs: 251_000, root: { source: '/dev/vda', type: 'ext4', options: 'ro' },
    prepared: false, plan, keep: 'none', rescues: 0, initramfsDevice: '3', initramfsDevices: ['3'],
    initArgv: ['/init'], initEnv: {}, returns: 0,
  }
}

t.test('the record: one JSON object, written aside and renamed', async (t) => {
  const k = createBootedModel()
  const trace = new Trace(() => 5n)
  trace.note('switch', 'move', { reason: 'asked for' })
  t.equal(writeRecord(k, summary(), trace), null)
  const record: unknown = JSON.parse(k.readText('/run/fulcrum/boot.json'))
  t.strictSame(record, {
    format: 1, version: '1.2', kernelRelease: '6.12', commandLine: 'root=/dev/vda', initUs: 1000, handOverUs: 251_000,
    root: { source: '/dev/vda', type: 'ext4', options: 'ro' }, prepared: false, keep: 'none', rescues: 0, initramfsDevice: '3', initramfsDevices: ['3'], initArgv: ['/init'], initEnv: {}, returns: 0, engine: 'move',
    plan: ["plan 'move': asked for", '  1. chdir("/sysroot")', '  note: a note'], notes: ['a note'],
    events: [{ phase: 'switch', what: 'move', us: 5, tookUs: 0, data: { reason: 'asked for' } }],
  })
  t.equal(k.readText('/run/fulcrum/boot.json'), recordText(summary(), trace))
  const changing = k.calls.filter((c) => ['open', 'rename', 'mkdir'].includes(c.syscall) && String(c.args[0]).startsWith('/run/fulcrum')).map((c) => `${c.syscall} ${String(c.args[0])}`)
  t.strictSame(changing.slice(0, 3), ['mkdir /run/fulcrum', 'open /run/fulcrum/boot.json.new', 'rename /run/fulcrum/boot.json.new'])
  t.notOk(k.exists('/run/fulcrum/boot.json.new'))
  k.failNext('open', 'ENOSPC')
  t.match(writeRecord(k, { ...summary(), version: 'new' }, trace), /^Cannot write '\/run\/fulcrum\/boot\.json': .*ENOSPC.*, ignoring$/)
  t.strictSame(JSON.parse(k.readText('/run/fulcrum/boot.json')), record, 'the old one is whole')
})

t.test('the summary for a person', async (t) => {
  const times = [0n, 10_000n, 10_000n, 40_000n, 40_000n, 41_000n]
  const trace = new Trace(() => times.shift() ?? 0n)
  trace.measure('modules', 'listed', () => 1)
  trace.measure('mount', '/sysroot', () => 1)
  trace.measure('move', 'chdir("/sysroot")', () => 1)
  t.strictSame(summaryLines(summary(), trace), [
    'root /dev/vda (ext4, ro), engine move, initramfs freed',
    '250 ms in the initramfs (modules 10 ms, root-device 0 ms, fsck 0 ms, mount 30 ms, move 1 ms), 251 ms since the kernel started; starting init',
  ])
})

t.test('failures: a refusal, a step, any error, and the phase that a thrown value came from', async (t) => {
  const refusal: Refusal = { reason: 'root-not-found', detail: 'Cannot find it', remedy: 'look' }
  const refused = refusalFailure('root-device', refusal, plan, ['seen'])
  t.equal(refused.message, 'Cannot find it')
  t.strictSame(refused.failure, { point: 'root-device', plan, stepIndex: null, error: null, refusal, report: ['seen'] })
  const cause = new Error('broken')
  const step = new StepError(plan, 0, { op: 'chdir', path: '/sysroot' }, cause)
  t.match(errorFailure('switch', step, []).failure, { point: 'switch', plan, stepIndex: 0, error: step, refusal: null })
  t.match(errorFailure('mount', 'text', ['r']), { message: 'text', failure: { point: 'mount', plan: null, stepIndex: null, error: 'text', report: ['r'] } })
  t.equal(toFailure('boot', refused), refused.failure, 'the innermost phase is the one that is told')
  t.match(toFailure('boot', cause), { point: 'boot', error: cause, refusal: null })
  t.equal(inPhase('mount', () => 3), 3)
  t.throws(() => inPhase('mount', () => { throw refused }), refused)
  try {
    inPhase('mount', () => { throw cause })
    t.fail('it did not throw')
  } catch (error) {
    t.ok(error instanceof BootFailure && error.failure.point === 'mount' && error.failure.error === cause)
  }
})

t.test('the log: by level, and a console that is gone stops nothing', async (t) => {
  const lines: string[] = []
  const log = createLog({ write: (fd, text) => void lines.push(`${fd} ${String(text)}`) })
  const all = (): string[] => {
    lines.length = 0
    log.warn('w')
    log.info('i')
    log.debug('d')
    return lines.map((line) => line.trim())
  }
  t.strictSame(all(), ['1 fulcrum: w', '1 fulcrum: i'])
  log.setLevel('debug')
  t.strictSame(all(), ['1 fulcrum: w', '1 fulcrum: i', '1 fulcrum: d'])
  log.setLevel('quiet')
  t.strictSame(all(), ['1 fulcrum: w'])
  t.doesNotThrow(() => createLog({ write: () => { throw new Error('EIO') } }).warn('x'))
})
