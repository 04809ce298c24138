// `fulcrum mounts` and `fulcrum ps` on modelled machines, before and after a switch.

import t from 'tap'
import { createBootedModel } from '../kernel/model/booted.ts'
import { ExecCalled } from '../kernel/model/process-calls.ts'
import { modelKernelFor } from '../kernel/model/model-kernel.ts'
import { capturedIo } from './testing/captured-io.ts'
import { describeMounts, mountsCommand } from './mounts.ts'
import { describeProcesses, parseStat, psCommand, readProcesses } from './ps.ts'
import { switchCommand } from './switch.ts'

const squeeze = (lines: readonly string[]): string[] => lines.map((l) => l.replace(/(\S) +/g, '$1 ').trimEnd())

t.test('mounts: a tree with stacks, binds and propagation', async (t) => {
  const k = createBootedModel({ absoluteRoot: true })
  k.mount('cover', '/run', 'tmpfs', 1, null)
  k.mount('/sysroot/etc', '/tmp', null, 0x1000, null)
  k.mount('none', '/sysroot', null, 0x100000, null)
  t.strictSame(squeeze(describeMounts(k)), [
    'MOUNT POINT TYPE SOURCE OPTIONS PROPAGATION',
    '/ rootfs rootfs rw private (absolute root)',
    '  /dev devtmpfs devtmpfs rw,relatime private',
    '    /dev/pts devpts devpts rw,relatime private',
    '  /proc proc proc rw,relatime private',
    '  /run tmpfs run rw,relatime private (hidden)',
    '    /run tmpfs cover ro,relatime private',
    '  /sys sysfs sysfs rw,relatime private',
    '  /sysroot ext4 /dev/vda rw,relatime shared:1',
    '  /tmp ext4 /dev/vda[/etc] rw,relatime private',
  ])
})

t.test('mounts: JSON, another process, errors', async (t) => {
  const k = createBootedModel()
  const io = capturedIo(k)
  t.equal(mountsCommand.run(['--json', '1'], io), 0)
  const parsed: { mountPoint: string; isRoot: boolean; hidden: boolean; dev: string }[] = JSON.parse(io.out())
  t.match(parsed.find((m) => m.isRoot), { mountPoint: '/', hidden: false, dev: '3' })
  t.equal(mountsCommand.run(['4711'], io), 111)
  t.match(io.err(), /Cannot read the mounts of process '4711': open\("\/proc\/4711\/mountinfo"\): ENOENT/)
  t.equal(mountsCommand.run(['--bogus'], io), 100)
  t.equal(mountsCommand.run([], capturedIo(createBootedModel({ api: false }))), 111)
})

t.test('ps: /proc/PID/stat with a hostile name', async (t) => {
  t.strictSame(parseStat('7 (a) S 9 (b) ) Z 3 7 7 0 -1 4194560 1 2'), { pid: 7, comm: 'a) S 9 (b) ', state: 'Z', ppid: 3, flags: 4194560 })
  t.equal(parseStat(''), null)
  t.equal(parseStat('7 (x'), null)
})

t.test('ps: origins survive a pivot, and a concealing switch with the record of the boot', async (t) => {
  for (const engine of ['pivot', 'move']) {
    const k = createBootedModel()
    const early = k.spawn('/bin/fulcrum', [], {})
    const device = k.stat('/').dev
    k.mkdir('/run/fulcrum', 0o755)
    k.writeFile('/run/fulcrum/boot.json', JSON.stringify({ format: 1, initramfsDevice: device.toString() }, null, 1))
    const flags = engine === 'pivot' ? [] : ['--keep', 'none']
    t.throws(() => switchCommand.run(['--engine', engine, ...flags, '/sysroot', '/sbin/init'], capturedIo(k)), ExecCalled)
    const late = modelKernelFor(k.world).spawn('/bin/sh', [], {})
    const found = new Map(readProcesses(k).map((p) => [p.pid, p]))
    t.equal(found.get(early)?.origin, 'initramfs', engine)
    t.equal(found.get(early)?.exe, engine === 'pivot' ? '/run/rootfs/bin/fulcrum' : '/bin/fulcrum (deleted)')
    t.equal(found.get(late)?.origin, 'root')
    t.equal(found.get(1)?.origin, 'root')
    t.equal(found.get(2)?.origin, 'kernel')
    t.equal(found.get(2)?.exe, null)
  }
})

t.test('ps: lines, kernel threads only on demand, errors', async (t) => {
  const k = createBootedModel()
  t.strictSame(squeeze(describeProcesses(k)), ['PID PPID S ORIGIN NAME EXE', '  1 0 S initramfs init /init'].map((l) => l.replace(/^ +/, (m) => m)))
  const io = capturedIo(k)
  t.equal(psCommand.run(['-a', '--json'], io), 0)
  const parsed: { comm: string }[] = JSON.parse(io.out())
  t.strictSame(parsed.map((p) => p.comm), ['init', 'kthreadd'])
  t.equal(psCommand.run(['--wide'], io), 100)
  t.equal(psCommand.run([], capturedIo(createBootedModel({ api: false }))), 111)
})
