// The module index on an excerpt of Debian 6.1's own files, with the orders that modprobe 30 printed.

import t from 'tap'
import { makeModuleIndex } from './module-index.ts'

const dep = `
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/lib/crc16.ko:
kernel/fs/mbcache.ko:
kernel/fs/jbd2/jbd2.ko:
kernel/drivers/virtio/virtio_pci.ko.xz: kernel/drivers/virtio/virtio.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio.ko.xz:
kernel/drivers/virtio/virtio_ring.ko.xz:
kernel/drivers/block/virtio-blk.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/fs/btrfs/btrfs.ko: kernel/lib/raid6/raid6_pq.ko kernel/lib/libcrc32c.ko
kernel/lib/raid6/raid6_pq.ko:
kernel/lib/libcrc32c.ko:
kernel/crypto/crc32c_generic.ko:
kernel/arch/x86/crypto/crc32c-intel.ko:
kernel/crypto/xxhash_generic.ko:
kernel/a.ko:
kernel/b.ko:
`
const alias = `# Aliases extracted from modules themselves.
alias fs-ext4 ext4
alias virtio:d00000002v* virtio_blk
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci
alias crc32c crc32c_generic
alias crc32c crc32c_intel
alias crypto-xxhash64 xxhash_generic
alias xxhash64 xxhash_generic
alias gone:* not_in_dep
`
const softdep = `# Soft dependencies
softdep btrfs pre: xxhash64
softdep libcrc32c pre: crc32c
softdep a pre: b post: nowhere
softdep b pre: a
`
const builtinModinfo = 'virtio_mmio.alias=of:N*T*Cvirtio,mmio\0virtio_mmio.license=GPL\0sha256_generic.alias=sha256\0'
const index = makeModuleIndex({ dep, alias, softdep, builtin: 'kernel/drivers/virtio/virtio_mmio.ko\n', builtinModinfo })

t.test('dependencies come in the reverse of the line, the module last', async t => {
  t.same(index.resolve(['ext4']).modules.map(load => load.path), [
    'kernel/fs/jbd2/jbd2.ko',
    'kernel/fs/mbcache.ko',
    'kernel/lib/crc16.ko',
    'kernel/fs/ext4/ext4.ko',
  ])
})

t.test('a soft dependency by alias takes every module of that alias, before the one which wants it', async t => {
  const resolution = index.resolve(['btrfs'])
  t.same(resolution.modules.map(load => [load.name, load.required]), [
    ['crc32c_generic', false],
    ['crc32c_intel', false],
    ['libcrc32c', true],
    ['raid6_pq', true],
    ['xxhash_generic', false],
    ['btrfs', true],
  ])
})

t.test('names are compared in the kernel\'s spelling, and a device finds its module', async t => {
  t.same(index.resolve(['virtio-blk']).modules.map(load => load.name), ['virtio', 'virtio_blk'])
  t.same(index.matchModalias('virtio:d00000002v00001AF4'), ['virtio_blk'])
  t.same(index.matchModalias('pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc80i00'), ['virtio_pci'])
  t.same(index.matchModalias('pci:v00008086d00001042sv00001AF4sd00001100bc01sc80i00'), [])
  t.same(index.resolve(['fs-ext4']).modules.at(-1)?.name, 'ext4', 'the alias that the kernel asks for on mount')
})

t.test('an alias whose module has no file is no match', async t => {
  t.same(index.matchModalias('gone:1'), [])
})

t.test('what is built in, missing, or softly missing is told apart', async t => {
  const resolution = index.resolve(['virtio_mmio', 'sha256', 'zfs', 'a'])
  t.same(resolution.builtin, ['virtio_mmio', 'sha256'])
  t.same(resolution.missing, ['zfs'])
  t.same(resolution.missingSoft, ['nowhere'])
})

t.test('soft dependencies in a circle end, each module once', async t => {
  t.same(index.resolve(['a']).modules.map(load => load.name).sort(), ['a', 'b'])
  t.same(index.resolve(['a', 'b']).modules.every(load => load.required), true)
})

t.test('a module first met as soft is required when it is asked for itself', async t => {
  const resolution = index.resolve(['btrfs', 'xxhash_generic'])
  t.equal(resolution.modules.find(load => load.name === 'xxhash_generic')?.required, true)
})
