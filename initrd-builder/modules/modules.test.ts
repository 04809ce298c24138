// Which modules get into an image, and the index that goes with them.

import t from 'tap'
import { makeModuleIndex } from '../../src/kmod/module-index.ts'
import { chooseModules, onlyForDevices, wantedByDevices, wantedGenerically } from './select-modules.ts'
import { filterBuiltinModinfo, filterModulesAlias, filterModulesDep, filterModulesSoftdep, modulePathInImage } from './write-index.ts'

const index = makeModuleIndex({
  dep: [
    'kernel/drivers/virtio/virtio_pci.ko.xz: kernel/drivers/virtio/virtio.ko.xz',
    'kernel/drivers/virtio/virtio.ko.xz:',
    'kernel/drivers/virtio/deep/other.ko:',
    'kernel/drivers/usb/host/xhci-hcd.ko.xz:',
    'kernel/fs/btrfs/btrfs.ko.xz: kernel/lib/raid6/raid6_pq.ko.xz',
    'kernel/lib/raid6/raid6_pq.ko.xz:',
    'kernel/crypto/xxhash_generic.ko.xz:',
    'kernel/sound/snd.ko.xz:',
    'kernel/drivers/hwmon/weak.ko.xz:',
    'updates/dkms/zfs.ko:',
  ].join('\n'),
  alias: 'alias xxhash64 xxhash_generic\nalias pci:v1* snd\nalias pci:v2* xhci-hcd\n',
  softdep: 'softdep btrfs pre: xxhash64\n',
  weakdep: 'weakdep zfs weak\n',
})
const names = (list: readonly { name: string }[]): string[] => list.map(item => item.name)

t.test('groups name modules by path, with either dash, and `*` stays in its directory', async t => {
  const groups = [{ reason: 'r', paths: ['drivers/virtio/*', 'drivers/usb/host/*hci-hcd', 'updates/dkms/zfs', 'fs/absent'] }]
  t.same(names(wantedGenerically(index, groups)), ['virtio_pci', 'virtio', 'xhci_hcd', 'zfs'])
})

t.test('the curated list finds what the excerpt has of it', async t => {
  t.same(names(wantedGenerically(index)).sort(), ['btrfs', 'virtio', 'virtio_pci', 'xhci_hcd', 'xxhash_generic'])
})

t.test('devices of the machine, less those that can wait', async t => {
  t.same(names(wantedByDevices(index, ['pci:v1d2', 'pci:v2d2', 'pci:v3'])), ['xhci_hcd'])
})

t.test('drivers of features, for one machine: those that a device asks for, and every wired card', async t => {
  const cards = makeModuleIndex({
    dep: ['kernel/drivers/net/ethernet/intel/igb/igb.ko:', 'kernel/drivers/net/ethernet/odd/odd.ko:', 'kernel/drivers/net/ethernet/tg3.ko:', 'kernel/drivers/net/wireless/wifi.ko:', 'kernel/fs/nfs/nfs.ko:'].join('\n'),
    alias: 'alias pci:v1* igb\nalias pci:v2* odd\nalias pci:v3* tg3\nalias pci:v4* wifi\n',
  })
  const wanted = [{ name: 'nfs', reason: 'f' }, { name: 'igb', reason: 'f', isDriver: true }, { name: 'tg3', reason: 'f', isDriver: true }]
  t.same(names(onlyForDevices(cards, wanted, ['pci:v1d1', 'pci:v2d1', 'pci:v4d1'])), ['nfs', 'igb', 'igb', 'odd'])
  t.same(names(onlyForDevices(cards, [{ name: 'nfs', reason: 'f' }], ['pci:v1d1'])), ['nfs'], 'no network, no cards')
})

t.test('dependencies, soft and weak ones come along and say why', async t => {
  const choice = chooseModules(index, [{ name: 'btrfs', reason: 'asked' }, { name: 'zfs', reason: 'asked' }, { name: 'nosuch-fs', reason: 'asked' }], [])
  const reasons = new Map(choice.modules.map(module => [module.name, module.reasons]))
  t.same(reasons.get('raid6_pq'), ["module 'btrfs' depends on it"])
  t.same(reasons.get('xxhash_generic'), ["soft dependency of module 'btrfs'"])
  t.same(reasons.get('weak'), ["module 'zfs' may ask for it"])
  t.same(choice.missing, ['nosuch_fs'])
})

t.test('what is to be left out is, even if it is needed', async t => {
  t.same(names(chooseModules(index, [{ name: 'btrfs', reason: '' }], ['raid6-pq']).modules), ['xxhash_generic', 'btrfs'])
})

t.test('the index is cut down, uncompressed in its paths, and still resolves', async t => {
  const kept = new Set(['virtio', 'virtio_pci'])
  const dep = filterModulesDep(index.modules.values(), kept, path => modulePathInImage(path, '.ko'))
  t.equal(dep, 'kernel/drivers/virtio/virtio.ko:\nkernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko\n')
  t.same(names(makeModuleIndex({ dep }).resolve(['virtio_pci']).modules), ['virtio', 'virtio_pci'])
  t.equal(filterModulesAlias('# c\nalias a:* virtio-pci\nalias b snd\n', kept), 'alias a:* virtio-pci\n')
  t.equal(filterModulesSoftdep('softdep virtio pre: x\nsoftdep snd pre: y\n', kept), 'softdep virtio pre: x\n')
  t.equal(filterBuiltinModinfo('a.alias=x\0a.license=GPL\0b.alias=y\0'), 'a.alias=x\0b.alias=y\0')
})

t.test('the order of several dependencies survives the rewriting', async t => {
  const dep = 'kernel/a.ko.zst: kernel/b.ko.zst kernel/c.ko.zst kernel/d.ko.zst\nkernel/b.ko.zst:\nkernel/c.ko.zst:\nkernel/d.ko.zst:\n'
  const whole = makeModuleIndex({ dep })
  const again = makeModuleIndex({ dep: filterModulesDep(whole.modules.values(), new Set(['a', 'b', 'c', 'd']), path => path) })
  t.same(names(again.resolve(['a']).modules), names(whole.resolve(['a']).modules))
})
