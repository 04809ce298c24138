// There and back again on the model kernel: rounds that leave nothing behind, an undo of every step, refusals.
//
// The same on real kernels: qemu-tests/return.qemu.test.ts.

import t from 'tap'
import { MNT_DETACH, MS_BIND, MS_RDONLY, MS_REC, MS_REMOUNT, MS_UNBINDABLE } from '../abi/mount.ts'
import { executePlan } from '../execute/execute.ts'
import { Trace } from '../execute/trace.ts'
import { parseMountInfo, rootMount } from '../facts/mountinfo.ts'
import { readSwitchFacts } from '../facts/switch-facts.ts'
import type { EngineChoice, SwitchRequest } from '../facts/switch-types.ts'
import { visible } from '../kernel/contract/case.ts'
import { createBootedModel, initramfsFiles } from '../kernel/model/booted.ts'
import { elfFile } from '../kernel/model/exec.ts'
import { modelKernelFor, type ModelKernel } from '../kernel/model/model-kernel.ts'
import { ExecCalled } from '../kernel/model/process-calls.ts'
import { dir, executable } from '../kernel/model/vfs.ts'
import { planPrepare } from '../plan/prepare.ts'
import { planSwitch } from '../plan/switch.ts'
import { enterInitramfs, isInitramfs, planEnter, ReturnRefused } from './enter.ts'
import { parseForwardRecord } from './forward-record.ts'
import { goForward } from './go-forward.ts'
import { leaveChroot } from './leave-chroot.ts'
import { formatReturned, parseReturned } from './returned.ts'

const files = { ...initramfsFiles, '/shutdown': executable(elfFile()), '/oldroot': dir() }

function forward(k: ModelKernel, engine: EngineChoice): void {
  const request: SwitchRequest = {
    newRoot: '/sysroot', engine, keep: 'full', init: ['/sbin/init'], initArgs: [], env: {}, console: null,
    dropCapabilities: [], timestamps: false, requirePid1: true,
  }
  const { plan, refusal } = planSwitch(request, readSwitchFacts(k, request, 'x64'))
  if (plan === null) throw new Error(refusal.detail)
  executePlan(k, plan, new Trace(() => k.monotonicUs()), new Map())
}

function booted(engine: EngineChoice, absoluteRoot: boolean): ModelKernel {
  const k = createBootedModel({ absoluteRoot, files })
  if (engine === 'pivot' && absoluteRoot) {
    const plan = planPrepare(parseMountInfo(k.readText('/proc/self/mountinfo')))
    if (plan !== null) executePlan(k, plan, new Trace(() => k.monotonicUs()), new Map())
  }
  forward(k, engine)
  return k
}

const silent = (): void => undefined
const WAYS = [['pivot', true], ['pivot', false], ['move', true], ['move', false]] as const

for (const [engine, absolute] of WAYS) {
  const title = `${engine}, ${absolute ? 'absolute root' : 'nullfs'}`
  t.test(`${title}: in, and out again, without leaving a mount`, async (t) => {
    const k = booted(engine, absolute)
    t.notOk(isInitramfs(k))
    const counts: number[] = []
    const seen: string[][] = []
    for (let round = 1; round <= 6; round += 1) {
      counts.push(k.world.mounts.all.length)
      seen.push(visible(k))
      enterInitramfs(k, (line) => t.fail(line))
      t.ok(isInitramfs(k))
      t.equal(k.stat('/').dev, k.world.initramfs.dev)
      t.ok(k.exists('/proc/self/mountinfo') && k.exists('/oldroot/sbin/init'))
      t.strictSame(k.readdir('/run').filter((name) => /rootfs|initramfs/.test(name)), [], 'no mount points are left')
      k.umount2('/oldroot', 0)
      k.mount('/dev/vda', '/sysroot', 'ext4', 0, null)
      // As the boot does after a return: another MS_MOVE would conceal one mount more each time.
      forward(k, engine === 'move' ? 'auto' : engine)
    }
    t.strictSame(counts.slice(1), counts.slice(1).map(() => counts[1]), `mounts, hidden ones included: ${counts.join(' ')}`)
    t.strictSame(seen[5], seen[1])
  })

  t.test(`${title}: every step that fails is undone`, async (t) => {
    const steps = planEnter(booted(engine, absolute)).plan?.steps.length ?? 0
    t.ok(steps > 8)
    for (const [syscall, times] of [['pivot_root', 1], ['mount', 5], ['chdir', 2], ['chroot', 1], ['umount2', 1], ['rmdir', 2]] as const) {
      for (let skip = 0; skip < times; skip += 1) {
        const k = booted(engine, absolute)
        const before = k.snapshot().replaceAll(/^\d+ \d+ /gm, '')
        let seen = 0
        k.failNext(syscall, 'EIO', () => seen++ === skip)
        t.throws(() => enterInitramfs(k, (line) => t.fail(`${syscall} ${skip}: ${line}`)), { name: 'StepError' })
        const sorted = (text: string): string => text.split('\n').sort().join('\n')
        t.equal(sorted(k.snapshot().replaceAll(/^\d+ \d+ /gm, '').replace(/root \d+/, 'root').replace(/cwd \d+/, 'cwd')), sorted(before.replace(/root \d+/, 'root').replace(/cwd \d+/, 'cwd')), `${syscall} ${skip}`)
      }
    }
  })
}

t.test('another process takes PID 1 along', async (t) => {
  const k = booted('pivot', true)
  const { root, cwd, ns } = k.proc
  const { pid } = k.world.addProcess({ comm: 'helper', argv: ['helper'], exe: k.proc.exe, ns, root, cwd, uid: 0, ppid: 1 })
  enterInitramfs(modelKernelFor(k.world, pid), silent)
  t.ok(isInitramfs(k))
})

t.test('a concealed initramfs is found by a process of it', async (t) => {
  const k = createBootedModel({ absoluteRoot: true, files })
  const { root, cwd, ns } = k.proc
  const { pid } = k.world.addProcess({ comm: 'early', argv: ['early'], exe: k.proc.exe, ns, root, cwd, uid: 0, ppid: 1 })
  forward(k, 'move')
  k.umount2('/run/initramfs', MNT_DETACH)
  k.umount2('/run/rootfs', MNT_DETACH)
  t.match(planEnter(k).plan?.reason, new RegExp(`root directory of process ${pid};`))
  enterInitramfs(k, (line) => t.fail(line))
  t.ok(isInitramfs(k))
  k.umount2('/oldroot', 0)
})

t.test('refusals name the reason', async (t) => {
  const reason = (k: ModelKernel): string => {
    try {
      enterInitramfs(k, silent)
      return 'entered'
    } catch (error) {
      return error instanceof ReturnRefused ? error.refusal.reason : String(error)
    }
  }
  t.equal(reason(createBootedModel({ files })), 'in-initramfs')
  const freed = booted('pivot', false)
  freed.umount2('/run/initramfs', MNT_DETACH)
  freed.umount2('/run/rootfs', MNT_DETACH)
  t.equal(reason(freed), 'initramfs-not-found')
  freed.mkdir('/run/fulcrum', 0o755)
  freed.writeFile('/run/fulcrum/boot.json', '{"keep":"none"}')
  t.equal(reason(freed), 'initramfs-not-kept')
  const chrooted = booted('pivot', false)
  chrooted.proc.root = chrooted.proc.cwd
  const { ns, exe } = chrooted.proc
  chrooted.chdir('/sbin')
  const { pid } = chrooted.world.addProcess({ comm: 'jailed', argv: ['jailed'], exe, ns, root: chrooted.proc.cwd, cwd: chrooted.proc.cwd, uid: 0, ppid: 1 })
  t.match(reason(modelKernelFor(chrooted.world, pid)), /ENOENT/, 'no /proc in the jail')
})

t.test('out of the chroot in which the kept binary is called', async (t) => {
  for (const [engine, absolute] of WAYS) {
    const k = booted(engine, absolute)
    t.notOk(leaveChroot(k), 'a running root is none')
    k.chroot('/run/rootfs')
    k.chdir('/')
    t.ok(isInitramfs(k))
    t.ok(leaveChroot(k))
    t.notOk(isInitramfs(k))
    t.equal(rootMount(parseMountInfo(k.readText('/proc/self/mountinfo')))?.source, '/dev/vda')
    enterInitramfs(k, silent)
    t.notOk(leaveChroot(k), 'nothing is above a root that is none')
    t.ok(isInitramfs(k))
    t.ok(k.exists('/proc/self/mountinfo'))
  }
})

t.test('forward: /init with what the kernel gave it, nothing of the last round mounted', async (t) => {
  const k = booted('pivot', true)
  k.mkdir('/run/fulcrum', 0o755)
  k.writeFile('/run/fulcrum/boot.json', JSON.stringify({ keep: 'full', initArgv: ['/init', 'splash'], initEnv: { HOME: '/', TERM: 'linux', a: 'b' }, returns: 2 }))
  k.writeFile('/run/fulcrum/return', '{"shell":true}')
  k.world.procTexts.set('cmdline', 'root=/dev/vda fulcrum.process=keep:kept\n')
  enterInitramfs(k, silent)
  // As systemd leaves it, which enters by the read-only mount at /run/initramfs.
  k.mount('none', '/', null, MS_REMOUNT | MS_BIND | MS_RDONLY, null)
  k.mount('none', '/', null, MS_REMOUNT | MS_RDONLY, null)
  k.mount('none', '/', null, MS_UNBINDABLE, null)
  // And as it leaves /run: what is mounted in /run/credentials is kept, its bind of the directory is not.
  k.mkdir('/run/credentials', 0o700)
  k.mkdir('/run/credentials/@system', 0o700)
  k.mount('none', '/run/credentials/@system', 'tmpfs', 0, null)
  k.mount('/run/credentials', '/run/credentials', null, MS_BIND | MS_REC, null)
  const { root, ns } = k.proc
  const start = (comm: string, argv0 = comm): number => k.world.addProcess({ comm, argv: [argv0], exe: { mnt: root.mnt, node: k.world.initramfs.root }, ns, root, cwd: root, uid: 0, ppid: 1 }).pid
  const [hook, server, kept] = [start('hook'), start('nbd-client', '@nbd-client'), start('kept')]
  try {
    goForward(k, { shell: true }, (line) => t.fail(line))
  } catch (error) {
    if (!(error instanceof ExecCalled)) throw error
    const { path, argv, env } = error.inherited
    t.equal(path, '/init')
    t.strictSame(argv, ['/init', 'splash'])
    t.strictSame(env, { HOME: '/', TERM: 'linux', a: 'b', FULCRUM_RETURNED: '3,stop' })
  }
  t.notMatch(visible(k).join('\n'), /oldroot|rootfs on tmpfs|initramfs/)
  t.same(parseMountInfo(k.readText('/proc/self/mountinfo')).map((m) => m.mountPoint).filter((point) => point.startsWith('/run/')), ['/run/credentials/@system'])
  t.notOk(k.exists('/run/fulcrum/return'))
  t.ok(k.exists('/run/fulcrum/boot.json'))
  t.strictSame([hook, server, kept].map((pid) => k.world.processes.has(pid)), [false, true, true], 'a hook starts its processes again')
  t.equal(k.stat('/').mode & 0o777, 0o755)
  t.equal(k.proc.root.mnt.flags & MS_RDONLY, 0, 'writable')
  t.notOk(k.proc.root.mnt.sb.readOnly)
  t.notOk(k.proc.root.mnt.unbindable)
})

t.test('the record and the variable, whatever is in them', async (t) => {
  const nothing = { argv: ['/init'], env: { HOME: '/', TERM: 'linux' }, returns: 0 }
  for (const text of ['', '{', '[]', 'null', '{"initArgv":[],"initEnv":null,"returns":-1}']) t.strictSame(parseForwardRecord(text), nothing, text)
  t.strictSame(parseForwardRecord('{"initArgv":["/init",7],"initEnv":{"a":1,"b":"c"},"returns":4}'), { argv: ['/init'], env: { b: 'c' }, returns: 4 })
  for (const stop of [true, false]) t.strictSame(parseReturned(formatReturned({ returns: 12, stop })), { returns: 12, stop })
  for (const text of [undefined, '', 'x', '1,halt', '-1']) t.equal(parseReturned(text), null)
})
