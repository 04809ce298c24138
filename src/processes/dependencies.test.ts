// What the root stands on, read from a modelled sysfs, and which process each layer needs.
//
// The sysfs here is laid out as it was seen on 6.12 and 6.18, or as Documentation/ABI says for what needs hardware.

import t from 'tap'
import { S_IFBLK, S_IFCHR, S_IFREG, S_IFSOCK } from '../abi/process.ts'
import { makeDev, parseMountInfo } from '../facts/mountinfo.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import { addEntry, dir, file, populate, symlink } from '../kernel/model/vfs.ts'
import type { FileTree } from '../kernel/model/vfs.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { findDependencies, FUSE_DEVICE } from './dependencies.ts'
import type { Holder, OpenDescriptor } from './dependencies.ts'
import { readRootStack } from './root-stack.ts'
import type { Need, RootStack } from './root-stack.ts'

/** A device in sysfs, with its link in dev/block. */
function device(at: string, numbers: string, more: FileTree = {}): FileTree {
  const inside = Object.fromEntries(Object.entries(more).map(([name, entry]) => [`${at}/${name}`, entry]))
  return { [`${at}/dev`]: file(`${numbers}\n`), ...inside, [`/dev/block/${numbers}`]: symlink(`../..${at}`) }
}

/** A machine whose "/" is this line of mountinfo, before any switch: only what is asked is there. */
function machine(sysfs: FileTree, arrange: (k: ModelKernel) => void = () => undefined): ModelKernel {
  const k = createBootedModel()
  populate(k.world.sys, sysfs)
  arrange(k)
  return k
}

const mountLine = (devno: string, fstype: string, source: string, options = 'rw'): string => `30 1 ${devno} / / rw - ${fstype} ${source} ${options}\n`
const stackOf = (k: ModelKernel, mountinfo: string): RootStack => readRootStack(k, parseMountInfo(mountinfo), '/')
const shown = (need: Need): string => `${need.kind}${'name' in need ? ` ${need.name}` : ''}`

const VIRTUAL = '/devices/virtual/block'

t.test('NBD: the kernel names the process', async (t) => {
  const k = machine(device(`${VIRTUAL}/nbd0`, '43:0', { pid: file('412\n') }))
  const stack = stackOf(k, mountLine('43:0', 'ext4', '/dev/nbd0'))
  t.strictSame(stack.needs, [{ kind: 'block-device', name: 'nbd0', rdev: makeDev(43, 0) }, { kind: 'nbd', name: 'nbd0', pid: 412 }])
  t.strictSame(stack.unresolved, [])
})

t.test('LUKS on LVM on a partition of an iSCSI disk: every layer down to the disk', async (t) => {
  const disk = '/devices/platform/host2/session1/target2:0:0/2:0:0:1/block/sda'
  const below = { ...device(disk, '8:0'), ...device(`${disk}/sda1`, '8:1', { partition: file('1\n') }) }
  const k = machine({
    ...below,
    ...device(`${VIRTUAL}/dm-0`, '253:0', { 'dm/uuid': file('LVM-abc\n'), 'slaves/sda1': symlink('../../../../platform/host2/session1/target2:0:0/2:0:0:1/block/sda/sda1') }),
    ...device(`${VIRTUAL}/dm-1`, '253:1', { 'dm/uuid': file('CRYPT-LUKS2-x\n'), 'slaves/dm-0': symlink('../../dm-0') }),
  }, ({ world }) => void world.procTexts.set('net/netlink', 'sk Eth Pid Groups Inode\n0 8 9 0 7001\n0 15 9 0 7002\n'))
  const { needs, unresolved } = stackOf(k, mountLine('253:1', 'ext4', '/dev/mapper/root'))
  t.strictSame(needs.map(shown), ['block-device dm-1', 'device-mapper dm-1', 'block-device dm-0', 'device-mapper dm-0', 'block-device sda1', 'block-device sda', 'iscsi sda'])
  t.strictSame(unresolved, [])
  const iscsi = needs.find((need) => need.kind === 'iscsi')
  t.ok(iscsi?.kind === 'iscsi' && iscsi.sockets.has(7001n) && iscsi.sockets.size === 1)
})

t.test('multipath, ublk', async (t) => {
  const k = machine({
    ...device(`${VIRTUAL}/dm-0`, '253:0', { 'dm/uuid': file('mpath-3600\n'), 'slaves/ublkb4': symlink('../../ublkb4') }),
    ...device(`${VIRTUAL}/ublkb4`, '259:4'), '/class/ublk-char/ublkc4/dev': file('243:4\n'),
  })
  const { needs } = stackOf(k, mountLine('253:0', 'xfs', '/dev/mapper/mpatha'))
  t.match(needs, [{ name: 'dm-0' }, { kind: 'device-mapper', isMultipath: true }, { name: 'ublkb4' }, { kind: 'char-device', name: 'ublkc4', rdev: makeDev(243, 4) }])
})

t.test('md with external metadata: the files of the array and of its container', async (t) => {
  const k = machine({
    ...device(`${VIRTUAL}/md126`, '9:126', { 'md/metadata_version': file('external:/md127/0\n'), 'md/array_state': file('active\n'), 'md/dev-sda/state': file('in_sync\n') }),
    ...device(`${VIRTUAL}/md127`, '9:127', { 'md/metadata_version': file('external:imsm\n'), 'md/array_state': file('inactive\n') }),
    '/class/block/md127': symlink('../../devices/virtual/block/md127'),
    ...device(`${VIRTUAL}/md0`, '9:0', { 'md/metadata_version': file('1.2\n'), 'md/array_state': file('active\n') }),
  })
  const found = stackOf(k, mountLine('9:126', 'ext4', '/dev/md126')).needs.find((need) => need.kind === 'md')
  const fileOf = (path: string): string => { const { dev, ino } = k.stat(path); return `${dev}:${ino}` }
  for (const path of ['md126/md/array_state', 'md126/md/dev-sda/state', 'md127/md/metadata_version']) {
    t.ok(found?.kind === 'md' && found.files.has(fileOf(`/sys/class/block/../../devices/virtual/block/${path}`)), path)
  }
  t.strictSame(stackOf(k, mountLine('9:0', 'ext4', '/dev/md0')).needs.map(shown), ['block-device md0'], 'the kernel keeps its own metadata')
})

t.test('FUSE, plain and on a block device, and what is on it', async (t) => {
  const k = machine({}, ({ world }) => void addEntry(world.devtmpfs.root, 'vdb', S_IFBLK | 0o660, { kind: 'special' }, makeDev(254, 16)))
  t.strictSame(stackOf(k, mountLine('0:41', 'fuse.sshfs', 'host:/x')).needs, [{ kind: 'fuse', connection: 41 }])
  const onDevice = stackOf(k, mountLine('0:41', 'fuse.fuse2fs', '/dev/vdb'))
  t.strictSame(onDevice.needs.map(shown), ['fuse'])
  t.strictSame(onDevice.unresolved, ['block device 254:16'], 'sysfs does not know it')
  t.match(stackOf(machine(device(`${VIRTUAL}/vdb`, '254:16')), mountLine('254:16', 'fuseblk', '/dev/vdb')).needs, [{ kind: 'fuse', connection: 254 * 0x100000 + 16 }, { name: 'vdb' }])
})

t.test('overlay and loop lead to the mounts that they are made of', async (t) => {
  const k = machine({ ...device(`${VIRTUAL}/loop0`, '7:0', { 'loop/backing_file': file('/lower/root.img\n') }), ...device(`${VIRTUAL}/nbd1`, '43:16', { pid: file('5\n') }) },
    (m) => { m.mkdir('/lower', 0o755); m.writeFile('/lower/root.img', '') })
  const lower = '31 30 43:16 / /lower ro - erofs /dev/nbd1 ro\n'
  const overlay = stackOf(k, mountLine('0:50', 'overlay', 'overlay', 'rw,lowerdir=/lower,upperdir=/nosuch/up') + lower)
  t.strictSame(overlay.needs.map(shown), ['block-device nbd1', 'nbd nbd1'])
  t.strictSame(overlay.unresolved, ["overlay layer '/nosuch/up'"])
  t.strictSame(stackOf(k, mountLine('7:0', 'ext4', '/dev/loop0') + lower).needs.map(shown), ['block-device loop0', 'block-device nbd1', 'nbd nbd1'])
})

t.test('btrfs: all members', async (t) => {
  const k = machine({
    ...device(`${VIRTUAL}/vdb`, '254:16'), ...device(`${VIRTUAL}/nbd0`, '43:0', { pid: file('7\n') }),
    '/class/block/vdb/dev': file('254:16\n'), '/class/block/nbd0/dev': file('43:0\n'), '/class/block/vdz/dev': file('254:99\n'),
    '/fs/btrfs/features': dir(), '/fs/btrfs/uuid-a/devices/vdb': dir(), '/fs/btrfs/uuid-a/devices/nbd0': dir(), '/fs/btrfs/uuid-b/devices/vdz': dir(),
  }, ({ world }) => void addEntry(world.devtmpfs.root, 'vdb', S_IFBLK | 0o660, { kind: 'special' }, makeDev(254, 16)))
  t.strictSame(stackOf(k, mountLine('0:30', 'btrfs', '/dev/vdb')).needs.map(shown), ['block-device vdb', 'block-device nbd0', 'nbd nbd0'])
})

t.test('a network file system needs nobody', async (t) => {
  t.strictSame(stackOf(machine({}), mountLine('0:44', 'nfs4', 'host:/export')), { needs: [], unresolved: [] })
})

// --- who serves what ---

const none: OpenDescriptor = { fd: 3, dev: 1n, ino: 1n, mode: S_IFREG, rdev: 0n, fuseConnection: null }
const holder = (pid: number, descriptors: readonly Partial<OpenDescriptor>[] | null, more: Partial<Holder> = {}): Holder => ({
  pid, ppid: 1, comm: 'x', descriptors: descriptors?.map((d) => ({ ...none, ...d })) ?? null, ...more,
})
const reasons = (needs: readonly Need[], holders: readonly Holder[], unresolved: readonly string[] = []): Record<string, string> =>
  Object.fromEntries(findDependencies(holders, { needs, unresolved }))

t.test('each need finds its process, and no other', async (t) => {
  const fuse = { mode: S_IFCHR, rdev: FUSE_DEVICE } as const
  const rows: readonly (readonly [string, Need, Partial<OpenDescriptor>, Partial<OpenDescriptor>, RegExp])[] = [
    ['block device', { kind: 'block-device', name: 'nbd0', rdev: 7n }, { mode: S_IFBLK, rdev: 7n }, { mode: S_IFCHR, rdev: 7n }, /holds nbd0 open/],
    ['ublk', { kind: 'char-device', name: 'ublkc0', rdev: 7n }, { mode: S_IFCHR, rdev: 7n }, { mode: S_IFBLK, rdev: 7n }, /ublkc0/],
    ['FUSE', { kind: 'fuse', connection: 41 }, { ...fuse, fuseConnection: 41 }, { ...fuse, fuseConnection: 42 }, /connection 41/],
    ['md', { kind: 'md', name: 'md126', files: new Set(['9:8']) }, { dev: 9n, ino: 8n }, { dev: 8n, ino: 9n }, /metadata of md126/],
    ['dm', { kind: 'device-mapper', name: 'dm-0', isMultipath: true }, { mode: S_IFCHR, rdev: makeDev(10, 236) }, { mode: S_IFCHR, rdev: makeDev(10, 235) }, /multipath device dm-0/],
    ['iscsi', { kind: 'iscsi', name: 'sda', sockets: new Set([7001n]) }, { mode: S_IFSOCK, ino: 7001n }, { mode: S_IFREG, ino: 7001n }, /iSCSI socket/],
  ]
  for (const [name, need, its, others, reason] of rows) {
    const found = reasons([need], [holder(10, [{}, its]), holder(11, [others]), holder(12, null), holder(1, [its])])
    t.strictSame(Object.keys(found), ['10'], name)
    t.match(found['10'], reason, name)
  }
  t.strictSame(reasons([{ kind: 'nbd', name: 'nbd0', pid: 10 }], [holder(10, []), holder(11, [])]), { 10: 'it serves nbd0, which the root is on' })
})

t.test('before 6.18 the kernel does not say which connection: every FUSE server is kept', async (t) => {
  const found = reasons([{ kind: 'fuse', connection: 41 }], [holder(10, [{ mode: S_IFCHR, rdev: FUSE_DEVICE }])])
  t.match(found['10'], /a FUSE file system, and the root is on one/)
  t.strictSame(reasons([{ kind: 'block-device', name: 'vda', rdev: 9n }], [holder(10, [{ mode: S_IFCHR, rdev: FUSE_DEVICE }])]), {})
})

t.test('children of what is needed are needed', async (t) => {
  const serves: Need = { kind: 'nbd', name: 'nbd0', pid: 10 }
  t.strictSame(Object.keys(reasons([serves], [holder(12, [], { ppid: 11 }), holder(11, [], { ppid: 10 }), holder(10, []), holder(13, [])])), ['10', '11', '12'])
})

t.test('a name is a hint, and only where nothing can be asked', async (t) => {
  const daemon = holder(10, [], { comm: 'mdmon' })
  t.strictSame(reasons([], [daemon]), {})
  t.match(reasons([], [daemon], ['overlay layer \'/x\''])['10'], /hint by its name 'mdmon' only: overlay layer '\/x' of the root could not be looked at/)
  t.match(reasons([{ kind: 'block-device', name: 'vda', rdev: 9n }], [holder(10, null, { comm: 'iscsid' })])['10'], /hint by its name/)
  t.strictSame(reasons([], [holder(10, [], { comm: 'udevd' })], ['x']), {})
})

