// The compiler of plans: names become numbers, mistakes are found before anything happens.
//
// Pure: descriptors, limits and capabilities come from a stand-in for this process.

import t from 'tap'
import { RAW_CALLS } from '../abi/raw-syscalls.ts'
import { calls, handle, makeCall, result } from '../plan/run/calls.ts'
import { Compiler } from './compile.ts'
import type { HostAnswers } from './compile.ts'

const host: HostAnswers = { descriptor: (name) => name.length, hardLimit: () => 4096n, permitted: () => 0x1_0000_0007n }
const rows = (list: Parameters<Compiler['compile']>[0]['calls'], main: string | null = null): ReturnType<Compiler['compile']> => new Compiler().compile({ calls: list, main }, host)

t.test('handles, results, labels', async (t) => {
  t.strictSame(rows([
    calls.open(-100, '/x', 0, { label: 'x' }),
    calls.clone(0, { label: 'fork', ifZero: 'end', goOn: true }),
    calls.fchdir(result('x')),
    { ...calls.fchdir(handle('four')), label: 'end' },
  ], 'fork'), [
    { nr: RAW_CALLS.openat, args: [-100, '/x', 0, 0], goOn: false },
    { nr: RAW_CALLS.clone, args: [0x4100 | 17, 0, 0, 0, 0], goOn: true, ifZero: 3 },
    { nr: RAW_CALLS.fchdir, args: [{ resultOf: 0 }], goOn: false },
    { nr: RAW_CALLS.fchdir, args: [4], goOn: false },
  ])
})

t.test('a plan that is compiled again gets the descriptors of now', async (t) => {
  const list = [calls.fchdir(handle('x')), calls.setsid()]
  const compiler = new Compiler()
  const compiled = [3, 4].map((fd) => compiler.compile({ calls: list, main: null }, { ...host, descriptor: () => fd }))
  t.strictSame(compiled.map(([first]) => first?.args), [[3], [4]])
  t.equal(compiled[0]?.[1], compiled[1]?.[1], 'and the rest is the same')
})

t.test('what only this process knows', async (t) => {
  const [limit, lower, all, none] = rows([
    makeCall('prlimit64', [0, 7, { softLimit: { resource: 7, soft: 1024n } }, null]),
    makeCall('prlimit64', [0, 7, { softLimit: { resource: 7, soft: 9999n } }, null]),
    makeCall('capset', [null, { capabilities: 0xffff_ffff_0000_0005n }]),
    makeCall('capset', [null, { capabilities: 0n }]),
  ]).map(({ args }) => args.find((it) => it instanceof Uint8Array))
  const words = (bytes: unknown): number[] => bytes instanceof Uint8Array ? [...new Uint32Array(new Uint8Array(bytes).buffer)] : []
  t.strictSame(words(limit), [1024, 0, 4096, 0])
  t.strictSame(words(lower), [4096, 0, 4096, 0], 'not above the hard one')
  t.strictSame(words(all), [5, 5, 0, 1, 1, 0])
  t.strictSame(words(none), [0, 0, 0, 0, 0, 0])
})

t.test('mistakes of a plan', async (t) => {
  t.throws(() => rows([calls.fchdir(result('nobody'))]), { message: /no call has the label 'nobody'/ })
  t.throws(() => rows([calls.setsid()], 'main'), { message: /no call has the label 'main'/ })
  t.throws(() => rows([calls.setsid({ label: 'a' }), calls.setsid({ label: 'a' })]), { message: /'a' is there twice/ })
  t.throws(() => rows([makeCall('clone', [17, 0, 0, 0, 0], { ifZero: 'x' }), calls.setsid({ label: 'x' })]), { message: /nobody knows when the child of clone/ })
  const beside = calls.cloneBeside(0, { label: 'a', ifZero: 'b' })
  t.strictSame(rows([beside, calls.setsid({ label: 'b' })])[0], { nr: RAW_CALLS.clone, args: [0x300100 | 17, 0, { presenceOf: 0 }, { presenceOf: 0 }, 0], goOn: false, ifZero: 1 })
  t.throws(() => rows([{ ...beside, label: 'c' }, calls.setsid({ label: 'a' }), calls.setsid({ label: 'b' })]), { message: /nobody knows/ }, 'the word of another call')
})

t.test('calls in words', async (t) => {
  const shown = [
    calls.mount(null, '/a b', null, 0x44000),
    calls.moveMount(handle('root'), '', -100, '/', 4),
    calls.mountSetattr(result('tree'), '', 0x9000, { set: 1, clear: 2, propagation: 1 << 18 }),
    calls.clone(0x8000 | 0x40000000, { ifZero: 'x' }),
    calls.fsconfig(result('context'), 'source', 'none'),
    calls.fsconfig(result('context'), 'ro', null),
    calls.fsconfig(result('context'), 'pidns', handle('ns')),
    calls.execve('/bin/a', ['a', 'b'], { A: '1' }),
    calls.unshare(0),
  ].map((it) => it.shown)
  t.strictSame(shown, [
    'mount(NULL, "/a b", NULL, MS_REC|MS_PRIVATE, NULL)',
    'move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH)',
    'mount_setattr(tree, "", AT_EMPTY_PATH|AT_RECURSIVE, {set=MOUNT_ATTR_RDONLY, clr=MOUNT_ATTR_NOSUID, propagation=MS_PRIVATE}, 32)',
    'clone(CLONE_VM|CLONE_VFORK|CLONE_PARENT|CLONE_NEWNET|SIGCHLD, 0, 0, 0, 0)',
    'fsconfig(context, FSCONFIG_SET_STRING, "source", "none", 0)',
    'fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0)',
    'fsconfig(context, FSCONFIG_SET_FD, "pidns", NULL, ns)',
    'execve("/bin/a", ["a","b"], [1 variables])',
    'unshare(0)',
  ])
})
