// `fulcrum mounts` on modelled machines. `fulcrum ps` is in processes.test.ts.

import t from 'tap'
import { createBootedModel } from '../kernel/model/booted.ts'
import { capturedIo } from './testing/captured-io.ts'
import { describeMounts, mountsCommand } from './mounts.ts'

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
