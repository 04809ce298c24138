// What is read of sysfs, swaps and mountinfo: each kind of device, and what belongs to the kept initramfs itself.
//
// On a modelled machine; lines of /proc/swaps as kernels 6.1 to 7.3 print them.

import t from 'tap'
import { makeDev } from '../facts/mountinfo.ts'
import { createModelKernel } from '../kernel/model/model-kernel.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { dir, file, populate, symlink } from '../kernel/model/vfs.ts'
import type { FileTree } from '../kernel/model/vfs.ts'
import { parseSwaps, readStack } from './read-stack.ts'

function machine(sys: FileTree, swaps = ''): ModelKernel {
  const k = createModelKernel({ absoluteRoot: true, files: { '/init': file(), '/dev': dir(), '/proc': dir(), '/sys': dir(), '/oldroot': dir() } })
  for (const [type, target] of [['devtmpfs', '/dev'], ['proc', '/proc'], ['sysfs', '/sys']] as const) k.mount(type, target, type, 0, null)
  populate(k.world.sys, { '/block': dir(), ...sys })
  k.world.procTexts.set('swaps', swaps)
  return k
}

t.test('swaps', async (t) => {
  const text = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/vda2                               partition\t8388604\t\t0\t\t-2\n/old\\040root/swap\\040(deleted) file 1 0 -3\n/dev/zram0 partition 1 0 100\n'
  t.same(parseSwaps(text).map((it) => it.path), ['/dev/vda2', '/old root/swap', '/dev/zram0'])
  t.same(parseSwaps(''), [])
  const k = machine({}, text)
  k.world.addDisk('vda2', { major: 254, minor: 2 })
  t.same(readStack(k, '/oldroot').swaps, [
    { path: '/dev/vda2', isFile: false, dev: makeDev(254, 2) }, { path: '/old root/swap', isFile: true, dev: null },
  ], 'zram is left alone')
})

t.test('devices that are put together, each by its kind; others are not looked at', async (t) => {
  const k = machine({
    '/block/vda/dev': file('254:0\n'), '/block/loop7/dev': file('7:7\n'), '/block/nbd3/dev': file('43:96\n'), '/block/md9/dev': file('9:9\n'), '/block/md9/md/array_state': file('clear\n'),
    '/block/loop0/dev': file('7:0\n'), '/block/loop0/loop/backing_file': file('/oldroot/a b.img\n'), '/block/loop0/loop0p1/dev': file('259:1\n'), '/block/loop0/loop0p1/partition': file('1\n'), '/block/loop0/slaves': dir(),
    '/block/dm-1/dev': file('253:1\n'), '/block/dm-1/dm/name': file('vg-root\n'), '/block/dm-1/dm/uuid': file('LVM-abc\n'), '/block/dm-1/slaves/loop0p1/dev': file('259:1\n'),
    '/block/md126/dev': file('9:126\n'), '/block/md126/md/array_state': file('active\n'), '/block/md126/md/metadata_version': file('external:/md127/0\n'),
    '/block/nbd0/dev': file('43:0\n'), '/block/nbd0/pid': file('99\n'),
    '/devices/platform/host2/session1/target2/block/sda/dev': file('8:0\n'), '/block/sda': symlink('../devices/platform/host2/session1/target2/block/sda'),
    '/devices/pci/ata1/block/sdb/dev': file('8:16\n'), '/block/sdb': symlink('../devices/pci/ata1/block/sdb'),
  })
  const { devices } = readStack(k, '/oldroot')
  t.same(devices.map(({ name, way }) => [name, way]), [
    ['dm-1', { kind: 'dm', name: 'vg-root', uuid: 'LVM-abc' }], ['loop0', { kind: 'loop', backingFile: '/oldroot/a b.img' }],
    ['md126', { kind: 'md', container: 'md127' }], ['nbd0', { kind: 'nbd' }], ['sda', { kind: 'iscsi' }],
  ])
  t.same(devices[0]?.slaves, [makeDev(259, 1)])
  t.same(devices[1]?.devs, [makeDev(7, 0), makeDev(259, 1)], 'its partition is it as well')
})

t.test('what the initramfs itself stands on is its own', async (t) => {
  const k = machine({
    '/block/loop0/dev': file('7:0\n'), '/block/loop0/loop/backing_file': file('/hidden.img\n'), '/block/loop0/slaves': dir(),
    '/block/loop1/dev': file('7:1\n'), '/block/loop1/loop/backing_file': file('/oldroot/x\n'), '/block/loop1/slaves': dir(),
  })
  const slim = { ...k, readText: (path: string): string => (path === '/proc/self/mountinfo' ? '20 1 7:0 / / ro - squashfs /dev/loop0 ro\n' : k.readText(path)) }
  t.same(readStack(slim, '/oldroot').devices.map(({ name, isOwn }) => [name, isOwn]), [['loop0', true], ['loop1', false]])
})

t.test('all members of btrfs, of which mountinfo has no number', async (t) => {
  const k = machine({
    '/fs/btrfs/u1/devices/vdb': dir(), '/fs/btrfs/u1/devices/vdc': dir(), '/class/block/vdb/dev': file('254:16\n'), '/class/block/vdc/dev': file('254:32\n'),
  })
  k.world.addDisk('vdc', { major: 254, minor: 32 })
  const found = readStack({ ...k, readText: (path) => (path === '/proc/self/mountinfo' ? '20 1 0:44 / /oldroot rw - btrfs /dev/vdc rw\n' : k.readText(path)) }, '/oldroot')
  t.same(found.mounts[0]?.devices, [makeDev(254, 16), makeDev(254, 32)])
})
