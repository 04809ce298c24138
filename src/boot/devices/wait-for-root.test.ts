// Waiting for the root: what is loaded and read, in which order, and what is said.

import t from 'tap'
import { parseRootSpec, type RootSpec } from '../../facts/block/root-spec.ts'
import { coldplugOrder, listBusDevices } from './coldplug.ts'
import { createDeviceScanner, scanDevices } from './device-scanner.ts'
import { SyscallError } from '../../kernel/errors.ts'
import { makeDev } from '../../facts/mountinfo.ts'
import { ensureNode } from './device-reader.ts'
import { registerBtrfsMembers } from './btrfs-members.ts'
import { ext4Disk, FakeDeviceKernel } from './fake-kernel-for-tests.ts'
import { createModuleLoader } from './module-loader.ts'
import { waitForRoot, type RootWait } from './wait-for-root.ts'

const ENXIO = 6
const uuid = '0d4dbbf5-3b2d-4a36-a0a5-19c6ad0c0c3a'
const pciBlk = 'pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00'
const virtioBlk = 'virtio:d00000002v00001AF4'
const sound = 'pci:v00008086d00002668sv00001AF4sd00001100bc04sc03i00'

function spec(value: string, fstype: string | null = null): RootSpec {
  const parsed = parseRootSpec(value, fstype)
  if (parsed.spec === null) throw new Error(parsed.error)
  return parsed.spec
}

/** A btrfs whose checksum is not looked at (its type says sha256). */
function btrfsDisk(devices: number): Uint8Array {
  const disk = Buffer.alloc(256 * 1024)
  disk.write('_BHRfS_M', 65536 + 64)
  disk[65536 + 32] = 7
  disk[65536 + 136] = devices
  disk[65536 + 196] = 2
  return disk
}

interface Waited {
  readonly result: RootWait
  readonly progress: string[]
}

function wait(kernel: FakeDeviceKernel, value: string, timeoutMs: number | null = 5000, fstype: string | null = null, acceptIncomplete = false): Waited {
  const progress: string[] = []
  const loader = createModuleLoader(kernel, 'K')
  const result = waitForRoot(kernel, loader, spec(value, fstype), { timeoutMs, rootdelayMs: 0, acceptIncomplete, onProgress: line => progress.push(line) })
  return { result, progress }
}

/** A virtio disk behind PCI: each module makes the next device appear, as on a real machine. */
function virtualMachine(): FakeDeviceKernel {
  const modules = { virtio: [], virtio_pci: ['virtio'], virtio_blk: ['virtio'], snd: [] }
  const aliases = { 'pci:v00001AF4d*': 'virtio_pci', 'virtio:d00000002v*': 'virtio_blk', 'pci:v00008086d00002668*': 'snd' }
  const kernel = new FakeDeviceKernel().addModules(modules, aliases)
  kernel.addBusDevice('pci', '0000:00:02.0', sound).addBusDevice('pci', '0000:00:04.0', pciBlk)
  kernel.effects.set('virtio_pci', () => {
    kernel.addBusDevice('virtio', 'virtio0', virtioBlk)
    kernel.emit('add', '/devices/pci0000:00/0000:00:04.0/virtio0', { SUBSYSTEM: 'virtio', MODALIAS: virtioBlk })
  })
  kernel.effects.set('virtio_blk', () => {
    kernel.addBlock('vda', '254:0', ext4Disk(uuid, 'root'))
    kernel.emit('add', '/devices/x/block/vda', { SUBSYSTEM: 'block', DEVNAME: 'vda' })
  })
  return kernel
}

t.test('a root that is there costs one look', async t => {
  const kernel = virtualMachine().addBlock('sda', '8:0', ext4Disk(uuid)).addBlock('sdb', '8:16', ext4Disk(uuid.replace('0', '9')))
  const { result, progress } = wait(kernel, `UUID=${uuid}`)
  t.match(result, { outcome: 'block', device: { name: 'sda', path: '/dev/sda', superblock: { type: 'ext4' } } })
  t.same(kernel.loaded, [], 'no module was loaded')
  t.same(kernel.opened, ['/dev/sda'], 'and no disk behind the root was read')
  t.same(progress, [])
  t.equal(kernel.nowUs, 1_000_000n, 'no time passed')
  t.equal(kernel.openFds(), 0, 'the socket is closed')
})

t.test('an assembly is asked again as soon as the last driver is loaded', async t => {
  for (const kernel of [virtualMachine(), new FakeDeviceKernel().addBusDevice('pci', '0000:00:02.0', sound)]) {
    const steps: [number, number | null][] = []
    const assembly = {
      step: (look: () => unknown, quietMs: number | null) => {
        steps.push([Number(kernel.nowUs) / 1000 - 1000, quietMs])
        if (quietMs === null || steps.some(([, quiet], at) => quiet !== null && at < steps.length - 1)) return false
        look()
        kernel.addBlock('dm-0', '253:0', ext4Disk(uuid.replace('0', '1'), 'inside'))
        return true
      },
      problems: () => [],
    }
    const options = { timeoutMs: 5000, rootdelayMs: 0, onProgress: () => undefined, assembly }
    const result = waitForRoot(kernel, createModuleLoader(kernel, 'K'), spec('LABEL=inside'), options)
    t.match(result, { outcome: 'block', device: { name: 'dm-0' } })
    t.same(steps.at(-1), [0, 0], 'no tick was waited for')
  }
})

t.test('a wait that is shorter than what incomplete devices are given uses them at its end', async t => {
  const kernel = virtualMachine()
  const steps: (number | null)[] = []
  const assembly = {
    step: (look: () => unknown, quietMs: number | null) => {
      steps.push(quietMs)
      if (quietMs !== Number.POSITIVE_INFINITY) return false
      look()
      kernel.addBlock('md0', '9:0', ext4Disk(uuid.replace('0', '1'), 'degraded'))
      return true
    },
    problems: () => [],
  }
  const wanted = (label: string): unknown =>
    waitForRoot(kernel, createModuleLoader(kernel, 'K'), spec(`LABEL=${label}`), { timeoutMs: 2000, rootdelayMs: 0, onProgress: () => undefined, assembly })
  t.match(wanted('degraded'), { outcome: 'block', device: { name: 'md0' } })
  t.equal(steps.filter((quiet) => quiet === Number.POSITIVE_INFINITY).length, 1)
  assembly.step = () => false
  t.match(wanted('nowhere'), { outcome: 'timeout' }, 'and ends')
})

t.test('a chain of buses resolves by events, without the drivers that do not matter', async t => {
  for (const value of [`UUID=${uuid}`, 'LABEL=root', '/dev/vda', '254:0', 'fe00']) {
    const kernel = virtualMachine()
    const { result } = wait(kernel, value)
    t.match(result, { outcome: 'block', device: { name: 'vda', superblock: { type: 'ext4', uuid } } }, value)
    t.same(kernel.loaded, ['virtio', 'virtio_pci', 'virtio_blk'], 'no sound')
    t.equal(kernel.nowUs, 1_000_000n, 'no time passed')
  }
})

t.test('a late disk is taken when its event comes', async t => {
  const kernel = virtualMachine()
  kernel.effects.delete('virtio_blk')
  kernel.at(4300, () => {
    kernel.addBlock('vda', '254:0', ext4Disk(uuid))
    kernel.emit('add', '/devices/x/block/vda', { SUBSYSTEM: 'block' })
  })
  const { result, progress } = wait(kernel, `UUID=${uuid}`, null)
  t.match(result, { outcome: 'block' })
  t.equal(kernel.nowUs, 5_300_000n, 'at once')
  t.same(progress, [2, 3, 4].map(s => `waiting for UUID=${uuid} (${s} s)`))
  t.ok(kernel.loaded.includes('snd'), 'the rest was loaded meanwhile')
})

t.test('a disk that cannot be opened yet is waited for, whatever its name', async t => {
  for (const comes of [true, false]) {
    const kernel = new FakeDeviceKernel().addBlock('sda', '8:0', ext4Disk(uuid))
    const open = kernel.open.bind(kernel)
    let isAdded = false
    kernel.open = path => {
      if (path === '/dev/sda' && !isAdded) throw new SyscallError('open', [path], ENXIO)
      return open(path)
    }
    if (comes) {
      kernel.at(300, () => {
        isAdded = true
        kernel.emit('add', '/devices/x/block/sda', { SUBSYSTEM: 'block' })
      })
    }
    const { result, progress } = wait(kernel, '/dev/sda')
    t.match(result, { outcome: 'block', device: { name: 'sda', superblock: comes ? { type: 'ext4' } : null } })
    t.equal(kernel.nowUs, comes ? 1_300_000n : 6_000_000n, comes ? 'at once when its event comes' : 'as it is when the time is over')
    t.equal(progress.some(line => line.includes('sda cannot be opened yet')), !comes)
  }
})

t.test('what comes without an event is found within a second', async t => {
  const kernel = new FakeDeviceKernel()
  kernel.at(2500, () => kernel.addBlock('dm-0', '253:0', ext4Disk(uuid)).add({ '/sys/class/block/dm-0/dm/name': 'vg-root\n' }))
  t.match(wait(kernel, '/dev/mapper/vg-root').result, { outcome: 'block', device: { name: 'dm-0' } })
  t.equal(kernel.nowUs, 4_000_000n)
})

t.test('contents that change are read again', async t => {
  const kernel = new FakeDeviceKernel().addBlock('vda', '254:0', new Uint8Array(256 * 1024))
  kernel.at(500, () => {
    kernel.add({ '/dev/vda': ext4Disk(uuid) })
    kernel.emit('change', '/devices/x/block/vda', { SUBSYSTEM: 'block' })
  })
  t.match(wait(kernel, `UUID=${uuid}`).result, { outcome: 'block' })
  t.equal(kernel.nowUs, 1_500_000n)
})

t.test('lost events lead to a new look at everything', async t => {
  const kernel = virtualMachine()
  kernel.effects.set('virtio_pci', () => {
    kernel.addBusDevice('virtio', 'virtio0', virtioBlk)
    kernel.loseEvents()
  })
  t.match(wait(kernel, `UUID=${uuid}`).result, { outcome: 'block', device: { name: 'vda' } })
})

t.test('a disk that cannot be read does not hinder another', async t => {
  const kernel = new FakeDeviceKernel().addBlock('sda', '8:0', new Uint8Array(512)).addBlock('sdb', '8:16', ext4Disk(uuid))
  // Its node leads nowhere.
  kernel.files.delete('/dev/sda')
  const { result } = wait(kernel, `UUID=${uuid}`)
  t.match(result, { outcome: 'block', device: { name: 'sdb' } })
  t.match(kernel.made, ['mknod /dev/sda 060600 2048'], 'a node was made for it, as without devtmpfs')
})

t.test('time-out says what was seen', async t => {
  const kernel = virtualMachine()
  kernel.addBlock('sda', '8:0', ext4Disk(uuid, 'other'))
  kernel.effects.set('virtio_blk', 'ENOEXEC')
  kernel.addBusDevice('pci', '0000:00:05.0', 'pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02')
  const { result, progress } = wait(kernel, `UUID=${uuid.replace('0d4d', '0d4e')}`, 3000)
  const text = result.outcome === 'timeout' ? result.report.join('\n') : ''
  t.match(text, /^Cannot find root 'UUID=0d4e.*' after 3 s\n/)
  t.match(text, /near misses:\n {2}UUID=0d4d.* of sda \(ext4\) differs in 1 character/)
  t.match(text, /modules that failed:\n {2}virtio_blk: finit_module\(.*ENOEXEC/)
  t.match(text, /pci 0000:00:05.0 \[1b36:0010\]: no module in this image is for it/)
  t.match(text, /virtio virtio0: its module did not take it/)
  t.match(text, /block devices:\n {2}NAME.*\n {2}sda +256 KiB +ext4 +UUID=0d4d.* LABEL=other/)
  t.equal(progress.at(0), `waiting for UUID=${uuid.replace('0d4d', '0d4e')} (2 s of 3 s)`)
  t.equal(kernel.openFds(), 0)
})

t.test('no disk at all', async t => {
  const { result } = wait(new FakeDeviceKernel(), '/dev/vda', 0)
  t.same(result, { outcome: 'timeout', report: ["Cannot find root '/dev/vda' after 0 s", 'no block device was seen: this image may lack the driver of the disk'] })
})

t.test('a person may end the wait, and rootdelay lengthens it', async t => {
  const kernel = new FakeDeviceKernel()
  const loader = createModuleLoader(kernel, 'K')
  let asked = 0
  const stopped = waitForRoot(kernel, loader, spec('/dev/x'), { timeoutMs: null, rootdelayMs: 0, onProgress: () => undefined, shouldStop: () => ++asked > 3 })
  t.equal(stopped.outcome, 'timeout')
  const before = kernel.nowUs
  waitForRoot(kernel, loader, spec('/dev/x'), { timeoutMs: 1000, rootdelayMs: 7000, onProgress: () => undefined })
  t.equal(kernel.nowUs - before, 7_000_000n)
})

t.test('tags', async t => {
  const withTag = new FakeDeviceKernel().add({ '/sys/fs/virtiofs/1/tag': 'host\n' })
  t.match(wait(withTag, 'host').result, { outcome: 'tag', fstype: 'virtiofs', tag: 'host' })
  t.match(wait(withTag, 'virtiofs:other', 0).result, { outcome: 'timeout', report: [/virtiofs:other/, 'tags seen:', '  virtiofs:host'] })

  const ninep = new FakeDeviceKernel().add({ '/sys/bus/virtio/drivers/9pnet_virtio/virtio1/mount_tag': 'share\0' })
  t.match(wait(ninep, 'share', 0).result, { outcome: 'tag', fstype: '9p', tag: 'share' })

  const old = new FakeDeviceKernel().addModules({ virtiofs: [] }, { 'virtio:d0000001Av*': 'virtiofs' })
  old.addBusDevice('virtio', 'virtio3', 'virtio:d0000001Av00001AF4')
  old.effects.set('virtiofs', () => old.add({ '/sys/bus/virtio/drivers/virtiofs/virtio3/uevent': '' }))
  t.match(wait(old, 'root', 0, 'virtiofs').result, { outcome: 'tag', fstype: 'virtiofs', tag: 'root' }, 'a kernel that does not tell tags')
})

t.test('PARTUUID: from the kernel when it tells, else from the table', async t => {
  const told = new FakeDeviceKernel().addBlock('vda', '254:0', new Uint8Array(1 << 20)).addBlock('vda1', '254:1', ext4Disk(uuid), 'vda', 'PARTUUID=ABCD-01\nPARTNAME=root\n')
  t.match(wait(told, 'PARTUUID=abcd-01').result, { device: { name: 'vda1', partUuid: 'abcd-01', partLabel: 'root', parent: 'vda' } })
  t.same(told.opened, ['/dev/vda1'], 'only the root itself was read')
  const mbr = Buffer.alloc(1 << 20)
  mbr.writeUInt32LE(0xabcd, 440)
  mbr.set([0x55, 0xaa], 510)
  mbr[446 + 4] = 0x83
  mbr.writeUInt32LE(2048, 446 + 12)
  const table = new FakeDeviceKernel().addBlock('vda', '254:0', mbr).addBlock('vda1', '254:1', ext4Disk(uuid), 'vda')
  t.match(wait(table, 'PARTUUID=0000abcd-01').result, { device: { name: 'vda1', partUuid: '0000abcd-01' } })
})

t.test('one device of a btrfs of two is named', async t => {
  const kernel = new FakeDeviceKernel().addBlock('vda', '254:0', btrfsDisk(2)).addBlock('vdc', '254:32', ext4Disk(uuid))
  kernel.at(1500, () => {
    kernel.addBlock('vdb', '254:16', btrfsDisk(2))
    kernel.emit('add', '/devices/x/block/vdb', { SUBSYSTEM: 'block' })
  })
  const { result } = wait(kernel, '/dev/vda')
  t.match(result, { outcome: 'block', device: { name: 'vda' }, members: [{ name: 'vda' }, { name: 'vdb' }] })
  t.equal(kernel.nowUs, 2_500_000n, 'the second is waited for')
})

t.test('btrfs without one of its devices: late, and only if that is allowed', async t => {
  const disk = (): FakeDeviceKernel => new FakeDeviceKernel().addBlock('vda', '254:0', btrfsDisk(2))
  t.equal(wait(disk(), '/dev/vda', 8000).result.outcome, 'timeout')
  const kernel = disk()
  const { result, progress } = wait(kernel, '/dev/vda', 8000, null, true)
  t.match(result, { outcome: 'block', device: { name: 'vda' }, members: [{ name: 'vda' }] })
  t.ok(kernel.nowUs >= 5_000_000n, 'after five seconds without a disk')
  t.match(progress.at(-1), /btrfs on vda has 1 of its 2 devices: using it as it is/)
})

t.test('links, and names with a directory', async t => {
  const kernel = new FakeDeviceKernel().addBlock('vda', '254:0', ext4Disk(uuid))
  kernel.links.set('/dev/disk/by-id/virtio-x', '/dev/vda')
  t.match(wait(kernel, '/dev/disk/by-id/virtio-x').result, { device: { name: 'vda' } })
  const mapped = new FakeDeviceKernel().addBlock('dm-0', '253:0', ext4Disk(uuid)).add({ '/sys/class/block/dm-0/dm/name': 'vg-root', '/dev/mapper/vg-root': '' })
  mapped.links.set('/dev/vg/root', '/dev/mapper/vg-root')
  t.match(wait(mapped, '/dev/vg/root').result, { device: { name: 'dm-0' } }, 'a node of lvm without udev')
  const cciss = new FakeDeviceKernel().addBlock('cciss!c0d0', '104:0', ext4Disk(uuid)).add({ '/dev/cciss/c0d0': ext4Disk(uuid) })
  t.match(wait(cciss, '/dev/cciss/c0d0').result, { device: { name: 'cciss/c0d0', path: '/dev/cciss/c0d0' } })
})

t.test('scanning reads a device once until it is forgotten', async t => {
  const kernel = new FakeDeviceKernel().addBlock('vda', '254:0', ext4Disk(uuid)).addBlock('loop0', '7:0', new Uint8Array(0))
  const scanner = createDeviceScanner(kernel)
  t.same(scanner.scan().map(d => [d.name, d.superblock?.type]), [['vda', 'ext4'], ['loop0', undefined]])
  scanner.scan()
  t.same(kernel.opened, ['/dev/vda'], 'an empty one never')
  scanner.forget('vda')
  scanner.scan()
  t.equal(kernel.opened.length, 2)
  t.equal(scanDevices(kernel).length, 2)
})

t.test('coldplug order', async t => {
  const kernel = new FakeDeviceKernel().addBusDevice('pci', 'a', sound).addBusDevice('pci', 'b', pciBlk).addBusDevice('memory', 'm', 'x')
  kernel.addBusDevice('pci', 'c', pciBlk).add({ '/sys/bus/pci/devices/d/vendor': '' })
  kernel.addBusDevice('pci', 'ahci', 'pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01')
  kernel.addBusDevice('pci', 'nvme', 'pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02')
  const names = new Map(listBusDevices(kernel).map(d => [d.modalias, d.name]))
  t.same(coldplugOrder(listBusDevices(kernel)).map(modalias => names.get(modalias)), ['c', 'nvme', 'ahci', 'a'])
})

t.test('device nodes', async t => {
  // As glibc's makedev(3).
  const numbers = [[8, 1], [254, 1048575], [259, 0], [4095, 256]] as const
  t.same(numbers.map(([major, minor]) => makeDev(major, minor)), [0x801n, 0xfff0feffn, 0x10300n, 0x1fff00n])
  const kernel = new FakeDeviceKernel().add({ '/dev/null': '' })
  t.equal(ensureNode(kernel, { name: 'cciss/c0d0', major: 104, minor: 0 }), '/dev/cciss/c0d0')
  t.same(kernel.made, ['mkdir /dev/cciss', `mknod /dev/cciss/c0d0 060600 ${0x6800}`])
})

t.test('btrfs members are registered by path', async t => {
  const kernel = new FakeDeviceKernel().add({ '/dev/btrfs-control': '' }).addBlock('vda', '254:0', ext4Disk(uuid)).addBlock('vdb', '254:16', ext4Disk(uuid))
  const members = scanDevices(kernel)
  registerBtrfsMembers(kernel, members.slice(0, 1))
  t.same(kernel.ioctls, [], 'one device needs none')
  registerBtrfsMembers(kernel, members)
  t.same(kernel.ioctls.map(i => [i.request, i.argument.length, Buffer.from(i.argument).toString('utf8', 8, 16)]), [[0x50009404, 4096, '/dev/vda'], [0x50009404, 4096, '/dev/vdb']])
})
