// Which device is the root, and what is said when none is.

import t from 'tap'
import { device, filesystem, gpt } from './device-for-tests.ts'
import { matchRoot } from './match-root.ts'
import { compareNames } from './names.ts'
import { nearMisses } from './near-misses.ts'
import { parseRootSpec, type RootSpec } from './root-spec.ts'
import { superblock } from './superblock.ts'
import type { BlockDevice } from './block-device.ts'

const uuid = '0d4dbbf5-3b2d-4a36-a0a5-19c6ad0c0c3a'
const other = '11111111-2222-4333-8444-555555555555'

function spec(value: string): RootSpec {
  const parsed = parseRootSpec(value, null)
  if (parsed.spec === null) throw new Error(parsed.error)
  return parsed.spec
}

const found = (value: string, devices: BlockDevice[]): string | null => {
  const match = matchRoot(spec(value), devices)
  return match.outcome === 'found' ? match.device.name : null
}

const disk: BlockDevice[] = [
  device('vda', { major: 254, minor: 0, table: gpt(['aaaa-1', 'aaaa-2']) }),
  device('vda1', { major: 254, minor: 1, partUuid: 'aaaa-1', partLabel: 'ESP', superblock: filesystem({ type: 'vfat', uuid: 'ABCD-1234', label: 'BOOT' }) }),
  device('vda2', { major: 254, minor: 2, partUuid: 'aaaa-2', partLabel: 'my root', superblock: filesystem({ uuid, label: 'my root' }) }),
  device('dm-0', { major: 253, minor: 0, mapperName: 'vg-root', superblock: filesystem({ type: 'xfs', uuid: other }) }),
  device('sr0', { sizeBytes: 0 }),
]

t.test('each kind of spec', async t => {
  const cases: [value: string, expected: string | null][] = [
    ['/dev/vda2', 'vda2'],
    ['/dev/vda3', null],
    ['/dev/sr0', null],
    ['/dev/mapper/vg-root', 'dm-0'],
    ['254:2', 'vda2'],
    ['fe02', 'vda2'],
    [`UUID=${uuid.toUpperCase()}`, 'vda2'],
    ['UUID=abcd-1234', 'vda1'],
    ['LABEL=my root', 'vda2'],
    ['LABEL=my\\x20root', 'vda2'],
    ['LABEL=MY ROOT', null],
    ['/dev/disk/by-partlabel/my\\x20root', 'vda2'],
    ['PARTUUID=AAAA-2', 'vda2'],
    ['PARTUUID=aaaa-1/PARTNROFF=1', 'vda2'],
    ['PARTUUID=aaaa-1/PARTNROFF=2', null],
    ['sometag', null],
  ]
  for (const [value, expected] of cases) t.equal(found(value, disk), expected, value)
  t.equal(found('/dev/disk/by-id/x', [device('vdb', { links: ['/dev/disk/by-id/x'] })]), 'vdb')
})

t.test('the same id more than once', async t => {
  const same = filesystem({ uuid })
  const twins = [device('vdb1', { superblock: same }), device('vda10', { superblock: same }), device('vda2', { superblock: same })]
  t.match(matchRoot(spec(`UUID=${uuid}`), twins), { device: { name: 'vda2' }, others: ['vda10', 'vdb1'] })
  const multipath = [
    device('sda', { superblock: same }),
    device('sdb', { superblock: same }),
    device('dm-0', { superblock: same, mapperName: 'mpath', slaves: ['sda', 'sdb'] }),
  ]
  t.match(matchRoot(spec(`UUID=${uuid}`), multipath), { device: { name: 'dm-0' }, others: [] }, 'its paths are no choice')
})

t.test('only a file system is a root', async t => {
  const luks = device('vda2', { superblock: superblock({ type: 'crypto_LUKS', usage: 'crypto', uuid }) })
  t.equal(found(`UUID=${uuid}`, [luks]), null)
})

t.test('btrfs waits for all of its devices', async t => {
  const member = (name: string): BlockDevice => device(name, { superblock: filesystem({ type: 'btrfs', uuid, deviceCount: 2 }) })
  t.match(matchRoot(spec(`UUID=${uuid}`), [member('vda')]), { outcome: 'notYet', detail: 'btrfs on vda has 1 of its 2 devices' })
  t.match(matchRoot(spec(`UUID=${uuid}`), [member('vdb'), member('vda')]), {
    device: { name: 'vda' },
    members: [{ name: 'vdb' }, { name: 'vda' }],
    others: [],
  })
})

t.test('near misses', async t => {
  const luks = device('vda2', { superblock: superblock({ type: 'crypto_LUKS', usage: 'crypto', uuid }) })
  const refused = device('vda', { table: gpt(['bbbb-0001'], 'its primary table cannot be used: it is missing') })
  const btrfs = device('vda', { superblock: filesystem({ type: 'btrfs', uuid, deviceCount: 2 }) })
  const broken = device('vda', { superblock: filesystem({ uuid: other, damaged: 'its superblock is gone' }) })
  const cases: [value: string, devices: BlockDevice[], expected: RegExp][] = [
    [`UUID=${uuid.replace('0d4d', '0d4e')}`, disk, new RegExp(`UUID=${uuid} of vda2 \\(ext4\\) differs in 1 character`)],
    [`UUID=${uuid.slice(0, -3)}`, disk, /begins with what was asked for/],
    [`UUID=aaaa-2`, disk, /aaaa-2 is the PARTUUID of vda2 \(ext4\), not its UUID: write root=PARTUUID=aaaa-2/],
    [`PARTUUID=${uuid}`, disk, /not its PARTUUID: write root=UUID=/],
    ['PARTUUID=d15c0000-0000-4000-8000-000000000000', disk, /is the id of the partition table of vda/],
    ['LABEL=MY ROOT', disk, /LABEL=my root of vda2 \(ext4\) differs in upper and lower case/],
    ['LABEL=ESP', disk, /ESP is the PARTLABEL of vda1/],
    ['PARTUUID=aaaa-1/PARTNROFF=7', disk, /is vda1, but vda has no partition 8/],
    ['PARTUUID=bbbb-0001', [refused], /entry 1 in the table of vda, for which the kernel made no partition/],
    ['PARTUUID=bbbb-0001', [refused], /the gpt table of vda: its primary table/],
    [`UUID=${uuid}`, [luks], /is crypto_LUKS on vda2, which is no file system: the root is inside and has to be unlocked/],
    [`UUID=${other}`, [luks], /vda2 is crypto_LUKS: the root may be inside/],
    [`UUID=${uuid}`, [btrfs], /has 1 of its 2 devices/],
    ['LABEL=x', [broken], /ext4 on vda: its superblock is gone/],
    ['/dev/vda7', disk, /vda is there, with vda1, vda2 but no vda7/],
    ['/dev/vda1', [broken], /vda has no partitions, but ext4 on the whole disk: try root=\/dev\/vda/],
    ['/dev/sda2', disk, /vda2 has ext4: the same disk under another driver/],
    ['/dev/nvme0n1p2', disk, /vda2 has ext4/],
    ['/dev/sr0', disk, /sr0 is there but empty/],
    ['/dev/mapper/vg-rot', disk, /\/dev\/mapper\/vg-root is there/],
    ['/dev/mapper/cryptroot', [device('dm-0', { mapperName: `luks-${uuid}`, superblock: filesystem({ uuid: other }) })],
      new RegExp(`/dev/mapper/luks-${uuid} has ext4 on it: rd\\.luks\\.name=${uuid}=cryptroot gives it this name`)],
    ['vda', disk, /is a block device here, root=\/dev\/vda/],
    ['LABEL=x', [device('sda', { error: 'read(5): EIO (Input/output error)' })], /sda cannot be read: read\(5\): EIO/],
  ]
  for (const [value, devices, expected] of cases) t.match(nearMisses(spec(value), devices).join('\n'), expected, value)
  t.same(nearMisses(spec(`UUID=${other.replaceAll('1', '9')}`), [disk[2] ?? device('none')]), [], 'a UUID that is altogether different')
})

t.test('names in the order of people', async t => {
  t.same(['vda10', 'vda2', 'sda', 'nvme0n1p1', 'vda'].sort(compareNames), ['nvme0n1p1', 'sda', 'vda', 'vda2', 'vda10'])
})
