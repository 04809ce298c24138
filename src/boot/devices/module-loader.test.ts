// Loading modules: order, options, compression, failures.

import t from 'tap'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { parseCommandLine } from '../../facts/cmdline.ts'
import { FakeDeviceKernel } from './fake-kernel-for-tests.ts'
import { loadFilesystem, mountTypes } from './load-filesystem.ts'
import { createModuleLoader } from './module-loader.ts'
import { parseModuleOptions } from './module-options.ts'

const virtio = { virtio: [], virtio_ring: ['virtio'], virtio_pci: ['virtio_ring', 'virtio'], virtio_blk: ['virtio_ring', 'virtio'] }

t.test('dependencies first, each once', async t => {
  const kernel = new FakeDeviceKernel().addModules(virtio)
  const loader = createModuleLoader(kernel, 'K')
  t.same(loader.load(['virtio-pci', 'virtio_blk']), [])
  t.same(kernel.loaded, ['virtio', 'virtio_ring', 'virtio_pci', 'virtio_blk'])
  t.same(loader.trace().map(m => [m.name, m.error, m.reason]), [
    ['virtio', null, 'virtio-pci'], ['virtio_ring', null, 'virtio-pci'], ['virtio_pci', null, 'virtio-pci'], ['virtio_blk', null, 'virtio_blk'],
  ])
  t.equal(kernel.openFds(), 0, 'every descriptor closed')
})

t.test('there already, built in, not there', async t => {
  const kernel = new FakeDeviceKernel().addModules(virtio).add({ '/lib/modules/K/modules.builtin': 'kernel/fs/ext4/ext4.ko\n' })
  kernel.effects.set('virtio', 'EEXIST')
  const loader = createModuleLoader(kernel, 'K')
  t.same(loader.load(['virtio', 'ext4', 'nothing']), ["Cannot load module 'nothing': it is not in this image"])
  t.equal(loader.trace()[0]?.error, null, 'EEXIST is no failure')
})

t.test('an alias that something built in answers to', async t => {
  const kernel = new FakeDeviceKernel().addModules(virtio).add({ '/lib/modules/K/modules.builtin.modinfo': 'ext4.alias=fs-ext4\0crc.alias=crypto-crc32c\0' })
  const loader = createModuleLoader(kernel, 'K')
  t.same(loader.load(['fs-ext4', 'fs-xfs']), ["Cannot load module 'fs-xfs': it is not in this image"])
  t.same([loader.claims('crypto-crc32c'), loader.claims('pci:v1')], [true, false])
  loader.loadIfThere(['nothing', 'virtio'])
  t.same(loader.trace().map(m => m.name), ['virtio'])
})

t.test('an image without any modules', async t => {
  t.same(createModuleLoader(new FakeDeviceKernel(), '', { directory: '/x/lib/modules/K' }).load(['x']), ["Cannot load module 'x': it is not in '/x/lib/modules/K'"])
  t.same(createModuleLoader(new FakeDeviceKernel(), 'K').load(['x']), ["Cannot load module 'x': it is not in this image"])
})

t.test('an image without the modules that are loaded', async t => {
  const kernel = new FakeDeviceKernel().add({ '/sys/module/virtio_blk/initstate': 'live\n' })
  t.same(createModuleLoader(kernel, 'K').load(['virtio-blk', 'x']), ["Cannot load module 'x': it is not in this image"])
})

t.test('a failed dependency ends it, a failed soft one does not', async t => {
  const kernel = new FakeDeviceKernel().addModules({ a: [], b: ['a'], c: [], soft: [] }, {}, 'softdep c pre: soft\n')
  kernel.effects.set('a', 'ENOEXEC').set('soft', 'ENODEV')
  const loader = createModuleLoader(kernel, 'K')
  const lines = loader.load(['b', 'c'])
  t.equal(lines.length, 1)
  t.match(lines[0], /^Cannot load module 'b': it needs 'a': finit_module\(.*ENOEXEC/)
  t.same(kernel.loaded, ['a', 'soft', 'c'], 'b was not tried')
  kernel.effects.delete('a')
  t.same(loader.load(['b']), [], 'asked for again, it is tried again')
  t.same(kernel.loaded.slice(3), ['a', 'b'])
})

t.test('options from files and the command line', async t => {
  const kernel = new FakeDeviceKernel().addModules({ nvme_core: [], usb_storage: [] }).add({
    '/etc/modprobe.d/a.conf': '# comment\noptions nvme-core io_timeout=30 \\\n  multipath=0\nblacklist usb-storage\ninstall pcspkr /bin/true\n',
    '/lib/modprobe.d/a.conf': 'options nvme_core hidden=1\n',
    '/lib/modprobe.d/b.conf': 'options nvme_core from_lib=1\ninstall x /sbin/do-something\n',
    '/lib/modprobe.d/ignored.txt': 'options nvme_core no=1\n',
  })
  const { words } = parseCommandLine('quiet nvme_core.io_timeout=60 usb-storage.quirks="a b" nvme-core.flag root=/dev/x')
  const loader = createModuleLoader(kernel, 'K', { words })
  loader.load(['nvme_core', 'usb_storage'])
  t.same(kernel.loaded, ['nvme_core io_timeout=30 multipath=0 from_lib=1 io_timeout=60 flag', 'usb_storage quirks="a b"'])
})

t.test('blacklists', async t => {
  const aliases = { 'pci:v0000AAAA*': 'listed', 'pci:v0000BBBB*': 'forbidden', 'pci:v0000CCCC*': 'fine' }
  const kernel = new FakeDeviceKernel().addModules({ listed: [], forbidden: [], fine: [] }, aliases)
  const { words } = parseCommandLine('modprobe.blacklist=listed,other module_blacklist=forbidden')
  const loader = createModuleLoader(kernel, 'K', { words })
  t.same(['A', 'B', 'C'].map(v => loader.loadForDevice(`pci:v0000${v.repeat(4)}d0000`)), [0, 0, 1])
  t.same(kernel.loaded, ['fine'])
  t.same(loader.load(['listed', 'forbidden']), ["Cannot load module 'forbidden': it is forbidden by configuration"])
})

t.test('parsed options', async t => {
  const options = parseModuleOptions(['alias net-pf-1 unix\nblacklist a\noptions\ninstall b /usr/bin/false\nremove c x\n'], [])
  t.same([...options.aliases], [['net_pf_1', ['unix']]])
  t.same([...options.blacklist, ...options.forbidden], ['a', 'b'])
  t.same(options.unsupported, ['remove c x'])
})

t.test('compressed modules', async t => {
  const make = (suffix: string, content: Uint8Array | string): FakeDeviceKernel =>
    new FakeDeviceKernel().addModules({ m: [] }, {}, '', suffix).add({ [`/lib/modules/K/kernel/m${suffix}`]: content })

  for (const kernel of [make('.ko.xz', 'm'), make('.ko.zst', 'm').add({ '/sys/module/compression': 'zstd\n' })]) {
    t.same(createModuleLoader(kernel, 'K').load(['m']), [])
    t.same(kernel.loaded, ['m flags=4'], 'the kernel decompresses it')
  }

  const zst = make('.ko.zst', zstdCompressSync('m')).add({ '/sys/module/compression': 'xz\n' })
  t.same(createModuleLoader(zst, 'K').load(['m']), [])
  t.same(zst.loaded, ['m'], 'a kernel that knows another method only is not asked: it would complain in its log')

  const gz = make('.ko.gz', gzipSync('m')).add({ '/sys/module/compression': 'gzip\n' })
  gz.effects.set(`${gzipSync('m').toString()} compressed`, 'EOPNOTSUPP')
  t.same(createModuleLoader(gz, 'K').load(['m']), [])
  t.equal(gz.loaded.at(-1), 'm', 'decompressed here, from a memfd')
  t.match(gz.opened.at(-1), /^\/proc\/self\/fd\//, 'read-only, or the kernel says ETXTBSY')
  t.equal(gz.openFds(), 0)

  const xz = make('.ko.xz', 'm')
  xz.effects.set('m compressed', 'EOPNOTSUPP')
  t.match(createModuleLoader(xz, 'K').load(['m'])[0], /Cannot decompress module .*m\.ko\.xz': the kernel does not/)
})

t.test('file systems', async t => {
  const kernel = new FakeDeviceKernel().addModules({ jbd2: [], ext4: ['jbd2'], ntfs3: [] }, { 'fs-ext4': 'ext4', 'fs-ntfs3': 'ntfs3' })
  kernel.add({ '/proc/filesystems': 'nodev\ttmpfs\n\tsquashfs\n' })
  kernel.effects.set('ext4', () => kernel.add({ '/proc/filesystems': '\text3\n\text2\n\text4\n' }))
  const loader = createModuleLoader(kernel, 'K')
  t.equal(loadFilesystem(kernel, loader, 'squashfs'), null)
  t.equal(loadFilesystem(kernel, loader, 'tmpfs'), null)
  t.same(kernel.loaded, [])
  t.equal(loadFilesystem(kernel, loader, 'ext3'), null, 'by the driver of ext4')
  t.same(kernel.loaded, ['jbd2', 'ext4'])
  t.match(loadFilesystem(kernel, loader, 'xfs'), /^Cannot mount file systems of type 'xfs': .*module 'xfs': it is not in this image$/)
  t.same(mountTypes('ntfs'), ['ntfs3', 'ntfs'])
})
