// `fulcrum shutdown` and `fulcrum return` on the model kernel: who is asked, what PID 1 becomes, what is refused.
//
// The roads themselves are tested in src/return and in qemu-tests/return.qemu.test.ts.

import t from 'tap'
import { MNT_DETACH, MS_RDONLY } from '../abi/mount.ts'
import { RB_POWER_OFF } from '../abi/process.ts'
import { executePlan } from '../execute/execute.ts'
import { Trace } from '../execute/trace.ts'
import { readSwitchFacts } from '../facts/switch-facts.ts'
import type { SwitchRequest } from '../facts/switch-types.ts'
import { createBootedModel, initramfsFiles, rootFiles } from '../kernel/model/booted.ts'
import { elfFile } from '../kernel/model/exec.ts'
import { modelKernelFor, type ModelKernel } from '../kernel/model/model-kernel.ts'
import { ExecCalled, RebootCalled } from '../kernel/model/process-calls.ts'
import { dir, executable } from '../kernel/model/vfs.ts'
import { planSwitch } from '../plan/switch.ts'
import { isInitramfs } from '../return/enter.ts'
import { returnCommand } from './return.ts'
import { shutdownCommand } from './shutdown.ts'
import { capturedIo } from './testing/captured-io.ts'

const LOADER = '/lib64/ld-linux-x86-64.so.2'
const files = {
  ...initramfsFiles, '/bin/fulcrum': executable(elfFile({ interpreter: LOADER })), [LOADER]: executable(elfFile()),
  '/shutdown': executable(elfFile()), '/oldroot': dir(),
}

/** PID 1's door to a machine that runs its root, with the initramfs kept. */
function running(more: { readonly keep?: 'full' | 'none'; readonly systemd?: boolean } = {}): ModelKernel {
  const k = createBootedModel({ absoluteRoot: false, files, root: { ...rootFiles, ...(more.systemd === true ? {} : { '/sbin/init': executable(elfFile()) }), '/usr/bin/systemctl': executable(elfFile()) } })
  const request: SwitchRequest = {
    newRoot: '/sysroot', engine: 'pivot', keep: more.keep ?? 'full', init: ['/sbin/init'], initArgs: [], env: {}, console: null,
    dropCapabilities: [], timestamps: false, requirePid1: true, secrets: [],
  }
  const { plan, refusal } = planSwitch(request, readSwitchFacts(k, request, 'x64'))
  if (plan === null) throw new Error(refusal.detail)
  executePlan(k, plan, new Trace(() => k.monotonicUs()), new Map())
  k.world.programs.set(`/run/rootfs${LOADER}`, () => ({ code: 0 }))
  k.mkdir('/run/fulcrum', 0o755)
  k.writeFile('/run/fulcrum/boot.json', JSON.stringify({ keep: more.keep ?? 'full', initramfsDevice: String(k.world.initramfs.dev), handOverUs: 1 }))
  try {
    k.execve('/sbin/init', ['/sbin/init'], {})
  } catch (error) {
    if (!(error instanceof ExecCalled)) throw error
  }
  return k
}

/** Another process of the root, and its door. */
function somebody(k: ModelKernel, comm = 'sh'): ModelKernel {
  const { root, cwd, ns, exe } = k.proc
  return modelKernelFor(k.world, k.world.addProcess({ comm, argv: [comm], exe, ns, root, cwd, uid: 0, ppid: 1 }).pid)
}

/** Without /run/rootfs in front of paths: what PID 1 executes now. */
const words = (k: ModelKernel): string => k.proc.argv.join(' ')

t.test('not PID 1: PID 1 is replaced, through the loader of the initramfs', async (t) => {
  const k = running()
  const io = capturedIo(somebody(k))
  t.equal(await shutdownCommand.run(['poweroff', '--timeout', '3'], io), 0, io.err())
  t.equal(words(k), `/run/rootfs${LOADER} --library-path /run/rootfs/lib64:/run/rootfs/lib /run/rootfs/bin/fulcrum shutdown poweroff --timeout 3`)
  t.notOk(isInitramfs(k), 'still in the running root')
  const again = running()
  t.equal(await returnCommand.run(['--shell'], capturedIo(somebody(again))), 0)
  t.match(words(again), /fulcrum return --shell --timeout 10$/)
})

t.test('called by chroot into the kept initramfs', async (t) => {
  const k = running()
  const other = somebody(k)
  other.chroot('/run/rootfs')
  other.chdir('/')
  t.equal(await returnCommand.run([], capturedIo(other)), 0)
  t.match(words(k), /fulcrum return --timeout 10$/)
})

t.test('a dry run changes nothing', async (t) => {
  const k = running()
  const other = somebody(k)
  const before = k.snapshot()
  const io = capturedIo(other)
  t.equal(await shutdownCommand.run(['reboot', '-n'], io), 0)
  t.match(io.out(), /pivot_root\("\.", "oldroot"\)/)
  t.equal(k.snapshot(), before)
  t.equal(words(k), '/sbin/init')
})

t.test('refusals and usage', async (t) => {
  for (const command of [shutdownCommand, returnCommand]) {
    const args = command === shutdownCommand ? ['poweroff'] : []
    const io = capturedIo(somebody(running({ keep: 'none' })))
    t.equal(await command.run(args, io), 112)
    t.match(io.err(), /it was freed at the switch \(keep=none\)\n.*remedy: boot with fulcrum\.keep=full/)
    const user = somebody(running())
    user.proc.uid = 1000
    t.equal(await command.run(args, capturedIo(user)), 112)
  }
  for (const args of [[], ['explode'], ['poweroff', 'now'], ['exit'], ['poweroff', '--shell'], ['poweroff', '--timeout', 'x'], ['--what']]) {
    t.equal(await shutdownCommand.run(args, capturedIo(somebody(running()))), 100, args.join(' '))
  }
  for (const args of [['now'], ['--timeout', '-1'], ['--what']]) t.equal(await returnCommand.run(args, capturedIo(somebody(running()))), 100, args.join(' '))
})

t.test('PID 1 that may not be replaced', async (t) => {
  const k = running()
  const other = somebody(k)
  other.failNext('ptrace', 'EPERM')
  const io = capturedIo(other)
  t.equal(await returnCommand.run([], io), 111)
  t.match(io.err(), /Cannot replace PID 1: ptrace.*EPERM/)
  t.equal(words(k), '/sbin/init')
  t.notOk(isInitramfs(k))
})

t.test('a kept binary that does not run must not become PID 1', async (t) => {
  const k = running()
  k.world.programs.set(`/run/rootfs${LOADER}`, (args) => {
    t.equal(args.at(-1), 'version')
    return { code: 127, stderr: 'libstdc++.so.6: cannot open shared object file\n' }
  })
  await t.rejects(async () => await shutdownCommand.run(['poweroff'], capturedIo(somebody(k))), /Cannot start the kept .*libstdc.*status 127/)
  t.equal(words(k), '/sbin/init')
})

t.test('systemd is asked', async (t) => {
  const k = running({ systemd: true })
  const asked: string[] = []
  let code = 0
  k.world.programs.set('/usr/bin/systemctl', (args) => {
    asked.push(args.join(' '))
    return { code }
  })
  t.equal(await shutdownCommand.run(['kexec'], capturedIo(somebody(k))), 0)
  t.notOk(k.exists('/run/fulcrum/return'))
  t.equal(await returnCommand.run(['--shell'], capturedIo(somebody(k))), 0)
  t.equal(k.readText('/run/fulcrum/return'), '{"shell":true}\n')
  code = 1
  const io = capturedIo(somebody(k))
  t.equal(await returnCommand.run([], io), 111)
  t.notOk(k.exists('/run/fulcrum/return'), 'a later reboot is a reboot')
  t.strictSame(asked, ['kexec', 'reboot', 'reboot'])
  const dry = capturedIo(somebody(k))
  t.equal(await returnCommand.run(['--dry-run'], dry), 0)
  t.match(dry.out(), /systemd is asked to reboot/)
  t.equal(await shutdownCommand.run(['poweroff', '--force'], capturedIo(somebody(k))), 0)
  t.match(words(k), /fulcrum shutdown poweroff/, 'by force PID 1 is replaced')
  t.equal(asked.length, 3)
})

function asInit(k: ModelKernel, body: () => unknown): ExecCalled | RebootCalled | null {
  try {
    body()
    return null
  } catch (error) {
    if (error instanceof ExecCalled || error instanceof RebootCalled) return error
    throw error
  }
}

t.test('PID 1 ends what runs in the root, enters, and becomes /shutdown', async (t) => {
  const k = running()
  const victim = somebody(k, 'daemon').proc.pid
  const { root } = k.proc
  const early = k.world.addProcess({ comm: 'early', argv: ['early'], exe: { mnt: root.mnt, node: k.world.initramfs.root }, ns: k.proc.ns, root, cwd: root, uid: 0, ppid: 1 }).pid
  const ended = asInit(k, () => shutdownCommand.run(['poweroff'], capturedIo(k)))
  t.ok(ended instanceof ExecCalled)
  if (!(ended instanceof ExecCalled)) return
  t.equal(ended.inherited.path, '/shutdown')
  t.strictSame(ended.inherited.argv, ['/shutdown', 'poweroff'])
  t.ok(isInitramfs(k))
  t.ok(k.exists('/oldroot/sbin/init'))
  t.notOk(k.world.processes.has(victim) && k.world.processes.get(victim)?.state !== 'Z', 'the process of the root has ended')
  t.ok(k.world.processes.has(early), 'that of the initramfs lives')
  const forward = running()
  const returned = asInit(forward, () => returnCommand.run(['--shell'], capturedIo(forward)))
  t.ok(returned instanceof ExecCalled && returned.inherited.argv.join(' ') === '/shutdown return --shell')
})

t.test('PID 1 without an initramfs says why and does its best: read-only, then reboot(2)', async (t) => {
  const k = running({ keep: 'none' })
  const io = capturedIo(k)
  const ended = asInit(k, () => shutdownCommand.run(['poweroff'], io))
  t.ok(ended instanceof RebootCalled && ended.command === RB_POWER_OFF)
  t.match(io.err(), /freed at the switch/)
  t.ok(k.proc.root.mnt.sb.readOnly || (k.proc.root.mnt.flags & MS_RDONLY) !== 0)
  const lost = running()
  for (const at of ['/run/initramfs', '/run/rootfs']) lost.umount2(at, MNT_DETACH)
  t.ok(asInit(lost, () => returnCommand.run([], capturedIo(lost))) instanceof RebootCalled, 'nor can it stay where it is when it was to return')
})
