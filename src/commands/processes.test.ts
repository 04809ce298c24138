// `fulcrum ps` and `fulcrum kill` on modelled machines, before and after a switch.

import t from 'tap'
import { MNT_DETACH, MS_BIND, MS_MOVE, MS_REMOUNT } from '../abi/mount.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import { ExecCalled } from '../kernel/model/process-calls.ts'
import { modelKernelFor } from '../kernel/model/model-kernel.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { capturedIo } from './testing/captured-io.ts'
import { runAs } from './testing/run-as.ts'
import { killCommand } from './kill.ts'
import { describeProcesses, psCommand } from './ps.ts'
import { switchCommand } from './switch.ts'

interface Row {
  readonly pid: number
  readonly origin: string
  readonly exe: string | null
  readonly decision: string
  readonly reason: string
  readonly user: string
  readonly survives: '@' | 'cgroup' | null
  readonly pins?: readonly { kind: string; what: string; bytes: number }[]
  readonly pinnedBytes?: number
}

function ps(k: ModelKernel, ...args: readonly string[]): Map<number, Row> {
  const io = capturedIo(k)
  if (runAs(psCommand, ['-a', '--json', ...args], io) !== 0) throw new Error(io.err())
  const rows: Row[] = JSON.parse(io.out())
  return new Map(rows.map((row) => [row.pid, row]))
}

interface Switched {
  readonly k: ModelKernel
  readonly early: number
  readonly late: number
}

/** A switched machine with one process from before and one from after; the record of the boot as it is written. */
function switched(engine: 'pivot' | 'move', options: { readonly record?: boolean; readonly keep?: 'full' | 'none' } = {}): Switched {
  const keep = options.keep ?? (engine === 'pivot' ? 'full' : 'none')
  const k = createBootedModel()
  const early = k.spawn('/bin/fulcrum', [], {})
  const device = k.stat('/').dev
  k.world.nowUs = 5_000_000n
  if (options.record !== false) {
    k.mkdir('/run/fulcrum', 0o755)
    k.writeFile('/run/fulcrum/boot.json', JSON.stringify({ format: 1, initramfsDevice: device.toString(), handOverUs: 5_000_000, keep }, null, 1))
  }
  try {
    runAs(switchCommand, ['--engine', engine, '--keep', keep, '/sysroot', '/sbin/init'], capturedIo(k))
  } catch (error) {
    if (!(error instanceof ExecCalled)) throw error
  }
  k.world.nowUs = 9_000_000n
  const late = modelKernelFor(k.world).spawn('/bin/sh', [], {})
  return { k, early, late }
}

t.test('ps: origins after a pivot, after a move, with the record and without', async (t) => {
  for (const engine of ['pivot', 'move'] as const) {
    for (const record of [true, false]) {
      const { k, early, late } = switched(engine, { record })
      const found = ps(k)
      const name = `${engine}, ${record ? 'recorded' : 'no record'}`
      t.equal(found.get(early)?.origin, 'initramfs', name)
      t.equal(found.get(early)?.exe, engine === 'pivot' ? '/run/rootfs/bin/fulcrum' : '/bin/fulcrum (deleted)')
      t.equal(found.get(late)?.origin, 'root', name)
      t.match(found.get(1), { origin: 'root', decision: 'keep', reason: 'it is PID 1' })
      t.match(found.get(2), { origin: 'kernel', exe: null, decision: 'ignore' })
      // Without a record nobody freed the initramfs that we know of, so nothing of it is killed.
      t.equal(found.get(early)?.decision, engine === 'move' && record ? 'kill' : 'keep', name)
    }
  }
})

t.test('ps: a concealed initramfs without statmount(2) or privilege is not guessed', async (t) => {
  const { k, early } = switched('move', { record: false })
  k.failNext('statx', 'ENOSYS')
  for (const _ of k.world.processes) k.failNext('statmount', 'EINVAL')
  t.match(ps(k).get(early), { origin: 'other', decision: 'ignore' })
})

t.test('ps: lazily unmounted, bound, moved: the device stays', async (t) => {
  const { k, early } = switched('pivot')
  k.umount2('/run/rootfs', MNT_DETACH)
  t.equal(ps(k).get(early)?.origin, 'initramfs')
  const other = switched('pivot')
  other.k.mkdir('/mnt', 0o755)
  other.k.mount('/run/rootfs', '/mnt', null, MS_BIND, null)
  t.equal(ps(other.k).get(other.early)?.origin, 'initramfs')
  other.k.mount('/run/rootfs', '/mnt', null, MS_MOVE, null)
  t.equal(ps(other.k).get(other.early)?.origin, 'initramfs')
})

t.test('ps: another user, as nobody', async (t) => {
  const { k, early } = switched('pivot')
  const nobody = k.world.addProcess({ comm: 'x', argv: ['x'], exe: k.proc.exe, ns: k.proc.ns, root: k.proc.root, cwd: k.proc.cwd, uid: 1000, startUs: k.world.nowUs })
  const own = modelKernelFor(k.world, nobody.pid)
  const found = ps(own)
  t.match(found.get(early), { origin: 'undecidable', decision: 'keep', exe: null, reason: /be root/ })
  t.match(found.get(nobody.pid), { origin: 'root', user: '1000', reason: /this command/ })
  t.equal(runAs(killCommand, [], capturedIo(own)), 112)
})

t.test('ps: marks, rules and the order of their sources', async (t) => {
  const { k, early } = switched('move')
  const daemon = k.world.processes.get(early)
  if (daemon === undefined) throw new Error('no process')
  t.equal(ps(k).get(early)?.decision, 'kill')
  t.match(ps(k, '--default', 'keep').get(early), { decision: 'keep', reason: /asked for/ })
  k.mkdir('/etc/fulcrum', 0o755)
  k.writeFile('/etc/fulcrum/processes.toml', 'default = "kill"\n[[rule]]\naction = "keep"\nexe = "*/fulcrum"\n')
  t.match(ps(k).get(early), { decision: 'keep', reason: "rule '/etc/fulcrum/processes.toml', line 2" })
  k.world.procTexts.set('cmdline', 'root=x fulcrum.process=kill:fulcrum\n')
  t.match(ps(k).get(early), { decision: 'kill', reason: 'rule fulcrum.process=kill:fulcrum' })
  daemon.texts.set('cgroup', '0::/storage.service\n')
  k.mkdir('/sys/fs', 0o755)
  k.mkdir('/sys/fs/cgroup', 0o755)
  k.mount('cgroup2', '/sys/fs/cgroup', 'cgroup2', 0, null)
  k.mkdir('/sys/fs/cgroup/storage.service', 0o755)
  const { node } = { node: k.world.mounts.all.find((m) => m.sb.fstype === 'cgroup2')?.root }
  const group = node?.content.kind === 'dir' ? node.content.entries.get('storage.service') : undefined
  if (group === undefined) throw new Error('no cgroup')
  for (const [value, decision] of [['0', 'kill'], ['yes', 'keep'], ['1', 'keep']] as const) {
    k.world.xattrs.set(group, new Map([['trusted.survive_final_kill_signal', value]]))
    t.equal(ps(k).get(early)?.decision, decision, value)
  }
  t.equal(ps(k).get(early)?.survives, 'cgroup')
  daemon.argv = ['@fulcrum']
  t.match(ps(k).get(early), { decision: 'keep', reason: /'@'/, survives: 'cgroup' })
  k.world.xattrs.delete(group)
  t.equal(ps(k).get(early)?.survives, '@')
  t.equal(ps(k).get(1)?.survives, null)
})

t.test('ps: a rules file of the kept initramfs holds too; one that is broken is told', async (t) => {
  const { k, early } = switched('pivot')
  k.mount('none', '/run/rootfs', null, MS_REMOUNT | MS_BIND, null)
  k.mkdir('/run/rootfs/etc/fulcrum', 0o755)
  k.writeFile('/run/rootfs/etc/fulcrum/processes.toml', 'default = "kill"\n')
  t.match(ps(k).get(early), { decision: 'kill', reason: 'the default of the rules file' })
  k.writeFile('/run/rootfs/etc/fulcrum/processes.toml', 'default = kill\n')
  const io = capturedIo(k)
  t.equal(runAs(psCommand, [], io), 0)
  t.match(io.err(), /Cannot read '\/run\/rootfs\/etc\/fulcrum\/processes.toml', line 1/)
  const killing = capturedIo(k)
  t.equal(runAs(killCommand, ['--dry-run'], killing), 111, 'what cannot be read may be a rule that keeps')
  const missing = capturedIo(k)
  t.equal(runAs(psCommand, ['--rules', '/nosuch'], missing), 111)
  t.match(missing.err(), /Cannot read '\/nosuch': there is no such file/)
})

t.test('ps: the table, the tree, the console of the boot', async (t) => {
  const { k, early } = switched('pivot')
  const child = k.world.addProcess({ comm: 'child', argv: ['child'], exe: k.proc.exe, ns: k.proc.ns, root: k.proc.root, cwd: k.proc.cwd, ppid: early })
  k.mkdir('/etc/x', 0o755)
  k.writeFile('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
  const io = capturedIo(k)
  t.equal(runAs(psCommand, ['--tree'], io), 0)
  const lines = io.out().split('\n').map((line) => line.replace(/ +/g, ' ').trim())
  t.equal(lines[0], 'PID USER ORIGIN AGE DECISION MARK EXE REASON')
  t.equal(lines[1], '1 root root 8s keep - /usr/lib/systemd/systemd it is PID 1')
  t.match(lines[2], new RegExp(`^${early} root initramfs 8s keep - /run/rootfs/bin/fulcrum no rule speaks of it`))
  t.match(lines[3], new RegExp(`^${child.pid} root root`))
  t.match(io.out().split('\n')[3], / {4}\/usr\/lib\/systemd/, 'a grandchild of PID 1 is indented twice')
  t.equal(lines.filter((line) => /kernel/.test(line)).length, 0)
  t.match(describeProcesses(k)[0], /^PID USER/)
})

t.test('ps: what is pinned, in bytes, each file once', async (t) => {
  const { k, early, late } = switched('pivot')
  const daemon = k.world.processes.get(early)
  const library = k.world.nodeAt(k.world.initramfs, '/lib/libc.so.6')
  if (daemon === undefined || library === undefined) throw new Error('no process')
  daemon.texts.set('maps', `7f00-7f01 r-xp 0 00:03 ${library.ino} /run/rootfs/lib/libc.so.6\n7f10-7f11 r-xp 0 fe:00 9 /lib/x\n`)
  const fd = k.open('/run/rootfs/etc/initrd-release', 0)
  const slot = k.proc.fds.get(fd)
  if (slot !== undefined) daemon.fds.set(5, slot)
  const found = ps(k, '--pins').get(early)
  const size = Number(k.stat('/run/rootfs/bin/fulcrum').size)
  t.match(found?.pins, [
    { kind: 'exe', what: '/run/rootfs/bin/fulcrum', bytes: size },
    { kind: 'library', what: '/run/rootfs/lib/libc.so.6', bytes: null },
    { kind: 'descriptor', what: '5 /run/rootfs/etc/initrd-release', bytes: 11 },
  ], 'its root and working directory have moved with the pivot')
  t.equal(found?.pinnedBytes, size + 11)
  t.strictSame(ps(k, '--pins').get(late)?.pins, [])
  const io = capturedIo(k)
  runAs(psCommand, ['--pins'], io)
  t.match(io.out(), / {4}descriptor +11 B {2}5 \/run\/rootfs/)
  t.match(io.out(), /pinned of the initramfs: \d+ B in 3 files\n$/)
})

t.test('ps: errors', async (t) => {
  const k = createBootedModel()
  for (const bad of [['--wide'], ['--default', 'spare'], ['x']]) t.equal(runAs(psCommand, bad, capturedIo(k)), 100, bad.join(' '))
  const none = capturedIo(createBootedModel({ api: false }))
  t.equal(runAs(psCommand, [], none), 111)
  t.match(none.err(), /Cannot list processes: readlink\("\/proc\/self"\): ENOENT/)
})

t.test('kill: what is of the initramfs and not kept, and nothing else', async (t) => {
  const { k, early, late } = switched('move')
  const dry = capturedIo(k)
  t.equal(runAs(killCommand, ['-n'], dry), 0)
  t.match(dry.out(), new RegExp(`^${early} /bin/fulcrum \\(deleted\\): would kill: no rule speaks of it, and the initramfs is not kept\n$`))
  t.ok(k.world.processes.has(early), 'nothing was done')
  const dryJson = capturedIo(k)
  runAs(killCommand, ['--dry-run', '--json'], dryJson)
  t.match(JSON.parse(dryJson.out()), { dryRun: true, kill: [{ pid: early, origin: 'initramfs', decision: 'kill' }], keep: [] })
  const io = capturedIo(k)
  t.equal(runAs(killCommand, [], io), 0)
  t.match(io.out(), new RegExp(`^${early} fulcrum: ended by SIGTERM after 0 ms\n$`))
  t.strictSame([...k.world.processes.keys()].sort((a, b) => a - b), [1, 2, late])
  const again = capturedIo(k)
  t.equal(runAs(killCommand, [], again), 0)
  t.equal(again.out(), 'nothing to kill\n')
})

t.test('kill: survivors are told, and the status says so', async (t) => {
  const { k, early } = switched('move')
  const daemon = k.world.processes.get(early)
  if (daemon === undefined) throw new Error('no process')
  daemon.endsAfterUs = 'never'
  const io = capturedIo(k)
  t.equal(runAs(killCommand, ['--timeout', '100', '--json'], io), 111)
  t.match(JSON.parse(io.out()), { dryRun: false, survivors: 1, reports: [{ pid: early, outcome: 'survived' }] })
  t.match(io.err(), new RegExp(`Cannot end process ${early} \\(fulcrum\\): SIGKILL had no effect`))
  for (const bad of [['--timeout', 'x'], ['--default', 'x'], ['--force'], ['7']]) t.equal(runAs(killCommand, bad, capturedIo(k)), 100, bad.join(' '))
})

t.test('kill: a child that appears meanwhile is ended too, what starts for ever is not chased', async (t) => {
  const { k, early } = switched('move')
  const { world } = k
  const daemon = world.processes.get(early)
  if (daemon === undefined) throw new Error('no process')
  daemon.endsAfterUs = 50_000n
  let born = 0
  const fork = (): void => {
    born += 1
    world.addProcess({ ...daemon, pid: 7000 + born, ppid: 1, startUs: world.nowUs }).endsAfterUs = 50_000n
  }
  world.after(20_000n, fork)
  const io = capturedIo(k)
  t.equal(runAs(killCommand, ['--json'], io), 0)
  t.strictSame(JSON.parse(io.out()).reports.map((it: { pid: number }) => it.pid), [early, 7001])
  const endless = switched('move')
  const bomb = endless.k.world.processes.get(endless.early)
  if (bomb === undefined) throw new Error('no process')
  bomb.endsAfterUs = 50_000n
  let pid = 8000
  const again = (): void => {
    endless.k.world.addProcess({ ...bomb, pid: pid += 1, ppid: 1, startUs: endless.k.world.nowUs }).endsAfterUs = 50_000n
    endless.k.world.after(20_000n, again)
  }
  endless.k.world.after(20_000n, again)
  const chased = capturedIo(endless.k)
  runAs(killCommand, ['--json'], chased)
  t.ok(JSON.parse(chased.out()).reports.length < 20, 'three rounds')
})
