// What the devices under the root ask for: trees of /sys and /proc as machines have them, made in a folder.
//
// The layouts follow sysfs of Linux 6.12: real directories below devices, everything else links.

import t from 'tap'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { readHostDevices } from './host-devices.ts'
import type { HostDevices } from './host-devices.ts'

interface Block {
  /** Below /sys/devices. */
  readonly path: string
  readonly number: string
  readonly slaves?: readonly string[]
  readonly files?: Readonly<Record<string, string>>
}

function machine(folder: string, blocks: readonly Block[], mounts: readonly string[], files: Readonly<Record<string, string>> = {}): HostDevices {
  const sys = join(folder, 'sys')
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const link = (path: string, target: string): void => {
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(relative(dirname(path), target), path)
  }
  put(`${sys}/devices/pci0/modalias`, 'pci:v1\n')
  const placeOf = (name: string): string => `${sys}/devices/${blocks.find(({ path }) => path.endsWith(`/${name}`))?.path ?? name}`
  for (const { path, number, slaves = [], files: own = {} } of blocks) {
    const place = `${sys}/devices/${path}`
    mkdirSync(place, { recursive: true })
    link(`${sys}/dev/block/${number}`, place)
    link(`${sys}/class/block/${path.slice(path.lastIndexOf('/') + 1)}`, place)
    for (const [name, text] of Object.entries(own)) put(`${place}/${name}`, `${text}\n`)
    for (const slave of slaves) link(`${place}/slaves/${slave}`, placeOf(slave))
  }
  for (const [name, text] of Object.entries(files)) put(join(folder, name), text)
  put(join(folder, 'proc/self/mountinfo'), mounts.join('\n'))
  const host = readHostDevices({ sys, proc: join(folder, 'proc'), numberOf: (path) => blocks.find((block) => path === `/dev/${block.path.slice(block.path.lastIndexOf('/') + 1)}`)?.number })
  if (host === undefined) throw new Error('no device')
  return host
}

const mount = (number: string, at: string, type: string, source: string): string => `30 1 ${number} / ${at} rw - ${type} ${source} rw`
const names = (host: HostDevices): readonly string[] => host.features.map(({ name }) => name)

t.test('LUKS on LVM on RAID: each layer, with its reason', async (t) => {
  const host = machine(t.testdir(), [
    { path: 'pci0/ata1/block/sda', number: '8:0' }, { path: 'pci0/ata1/block/sda/sda2', number: '8:2', files: { partition: '2' } },
    { path: 'virtual/block/md0', number: '9:0', slaves: ['sda2'], files: { 'md/level': 'raid1' } },
    { path: 'virtual/block/dm-0', number: '253:0', slaves: ['md0'], files: { 'dm/uuid': 'LVM-abc', 'dm/name': 'vg-crypt' } },
    { path: 'virtual/block/dm-1', number: '253:1', slaves: ['dm-0'], files: { 'dm/uuid': 'CRYPT-LUKS2-abc-root', 'dm/name': 'root' } },
  ], [mount('253:1', '/', 'ext4', '/dev/mapper/root'), mount('8:0', '/home', 'xfs', '/dev/sda')], { 'proc/modules': 'dm_crypt 1 0\nraid1 1 0\nsnd 1 0\n' })
  t.same(host.features, [
    { name: 'luks', reason: "'/' is on 'root' (dm-1)" }, { name: 'lvm', reason: "'/' is on 'vg-crypt' (dm-0)" }, { name: 'md', reason: "'/' is on 'md0' (raid1)" },
  ])
  t.same(host.warnings, [])
  t.ok(host.wanted.some(({ name }) => name === 'raid1'))
  t.notOk(host.wanted.some(({ name }) => name === 'fs-xfs' || name === 'snd'))
})

t.test('a partition of an array, verity, and /usr apart', async (t) => {
  const host = machine(t.testdir(), [
    { path: 'pci0/block/vda', number: '254:0' },
    { path: 'virtual/block/md126', number: '9:126', slaves: ['vda'], files: { 'md/level': 'raid0' } }, { path: 'virtual/block/md126/md126p1', number: '259:1', files: { partition: '1' } },
    { path: 'virtual/block/dm-0', number: '253:0', slaves: ['vda'], files: { 'dm/uuid': 'CRYPT-VERITY-abc-usr', 'dm/name': 'usr' } },
  ], [mount('259:1', '/', 'ext4', '/dev/md126p1'), mount('253:0', '/usr', 'erofs', '/dev/mapper/usr')])
  t.same(names(host), ['md', 'verity'])
})

t.test('btrfs: all of its devices', async (t) => {
  const folder = t.testdir()
  const host = machine(folder, [
    { path: 'pci0/block/vda', number: '254:0' }, { path: 'pci0/block/vdb', number: '254:16' },
    { path: 'virtual/block/dm-0', number: '253:0', slaves: ['vdb'], files: { 'dm/uuid': 'CRYPT-LUKS2-abc', 'dm/name': 'second' } },
  ], [mount('0:30', '/', 'btrfs', '/dev/vda')], { 'sys/fs/btrfs/id/devices/vda': '', 'sys/fs/btrfs/id/devices/dm-0': '', 'sys/fs/btrfs/features/x': '' })
  t.same(names(host), ['btrfs', 'luks'])
})

t.test('roots behind a network, shared ones, an overlay', async (t) => {
  t.same(names(machine(t.testdir(), [], [mount('0:30', '/', 'nfs4', 'server:/root')])), ['nfs'])
  t.same(names(machine(t.testdir(), [], [mount('0:30', '/', 'virtiofs', 'tag')])), ['virtiofs'])
  t.same(names(machine(t.testdir(), [], [mount('0:30', '/', 'overlay', 'overlay')])), ['overlay'])
  t.same(names(machine(t.testdir(), [{ path: 'virtual/block/nbd0', number: '43:0' }], [mount('43:0', '/', 'ext4', '/dev/nbd0')])), ['nbd'])
  t.same(names(machine(t.testdir(), [{ path: 'platform/host2/session1/target2/block/sda', number: '8:0' }], [mount('8:0', '/', 'ext4', '/dev/sda')])), ['iscsi'])
})

t.test('resume, and what no feature brings', async (t) => {
  const host = machine(t.testdir(), [
    { path: 'pci0/block/sda', number: '8:0' }, { path: 'virtual/block/dm-0', number: '253:0', slaves: ['sda'], files: { 'dm/uuid': 'mpath-360', 'dm/name': 'mpatha' } },
    { path: 'virtual/block/dm-1', number: '253:1', slaves: ['dm-0'], files: { 'dm/uuid': 'part1-mpath-360', 'dm/name': 'mpatha1' } },
    { path: 'virtual/block/dm-2', number: '253:2', slaves: ['sda'], files: { 'dm/uuid': 'LVM-abc', 'dm/name': 'vg-swap' } },
  ], [mount('253:1', '/', 'ext4', '/dev/mapper/mpatha1')], { 'sys/power/resume': '253:2\n' })
  t.same(names(host), ['resume', 'lvm'])
  t.same(host.warnings, ["Cannot choose a feature for 'dm-0': '/' is on 'mpatha' (dm-0), which is multipath; a hook has to make it, ignoring"])
})

t.test('a plain disk needs nothing', async (t) => {
  const host = machine(t.testdir(), [{ path: 'pci0/block/vda', number: '254:0' }, { path: 'pci0/block/vda/vda1', number: '254:1', files: { partition: '1' } }], [mount('254:1', '/', 'ext4', '/dev/vda1')], { 'sys/power/resume': '0:0\n' })
  t.same(host.features, [])
  t.same(host.modaliases, ['pci:v1'])
})
