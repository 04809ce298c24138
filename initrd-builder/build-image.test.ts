// Whole builds of a made sysroot, read back by our own reader.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import t from 'tap'
import { buildImage, type BuildResult } from './build-image.ts'
import type { BuildOptions } from './options.ts'
import type { ImageFile } from './read/merge-segments.ts'
import { readImage } from './read/read-image.ts'
import { makeSysroot, smallSystem, testKernel } from './testing/make-sysroot.ts'
import { makeElf } from './testing/make-elf.ts'

interface Place {
  readonly directory: string
  readonly root: string
  build(over?: Partial<BuildOptions>, env?: Record<string, string>): Promise<BuildResult>
}

function setUp(t: { testdir(): string }): Place {
  const directory = t.testdir()
  mkdirSync(join(directory, 'out'))
  const root = makeSysroot(join(directory, 'root'), smallSystem)
  const options = { sysroot: root, output: join(directory, 'out/image'), binary: join(root, 'fulcrum'), addon: join(root, 'koffi.node') }
  return {
    directory, root,
    build: (over = {}, env = {}) =>
      buildImage({ ...options, ...over }, { version: '1.2.3', env: { FULCRUM_CACHE: join(directory, 'cache'), ...env } }),
  }
}

const textOf = (data: Uint8Array | undefined): string => Buffer.from(data ?? []).toString('utf8')

t.test('the layout that PID 1 expects', async t => {
  const place = setUp(t)
  const result = await place.build({ features: ['shell', 'fsck'], load: ['virtio_blk'] })
  const { files } = await readImage(result.output)
  const shape = Object.fromEntries([...files.values()].map(file => [file.path, file.target ?? file.type]))
  t.match(shape, {
    '/init': 'file', '/shutdown': 'bin/fulcrum', '/oldroot': 'directory', '/bin/fulcrum': 'file', '/bin/switch_root': 'fulcrum', '/bin/run-init': 'fulcrum',
    '/bin/pivot_root': 'fulcrum', '/bin/shutdown': 'fulcrum', '/lib/fulcrum/koffi.node': 'file', '/sbin': 'bin',
    '/usr/bin': '../bin', '/usr/sbin': '../bin', '/usr/lib': '../lib', '/usr/lib64': '../lib64', '/dev/console': 'char',
    '/dev/null': 'char', '/sysroot': 'directory', '/bin/sh': 'busybox', '/bin/fsck.ext4': 'e2fsck',
    '/lib64/ld-linux-x86-64.so.2': '../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    [`/lib/modules/${testKernel}/kernel/drivers/block/virtio_blk.ko`]: 'file',
    '/lib/firmware/vendor/blk-1.bin.xz': 'file',
  })
  t.notOk(files.has(`/lib/modules/${testKernel}/kernel/sound/loud.ko`))
  t.notOk(files.has('/lib/firmware/vendor/other.bin'))
  t.same(JSON.parse(textOf(files.get('/etc/fulcrum/image.json')?.data)), {
    format: 1, fulcrum: '1.2.3', kernel: testKernel, features: ['shell', 'fsck'], modules: ['virtio_blk'], generic: true,
  })
  t.match(textOf(files.get('/etc/initrd-release')?.data), /^PRETTY_NAME="Test Linux 1 \(fulcrum 1\.2\.3 initramfs\)"$/m)
  t.equal((files.get('/tmp')?.entry.mode ?? 0) & 0o7777, 0o1777)
  t.equal((files.get('/dev/console')?.entry.mode ?? 0) & 0o7777, 0o600)
  t.match(files.get('/dev/console')?.entry, { rdevMajor: 5, rdevMinor: 1 })
  t.same(result.missingFirmware, ['absent.bin'])
  t.match(result, { modules: 2, firmware: 1, mode: 'generic', kernel: testKernel })
})

t.test('the manifest has every file with its digest and why', async t => {
  const { output } = await setUp(t).build()
  const { files } = await readImage(output)
  const manifest: { path: string; sha256?: string; reasons: string[] }[] = JSON.parse(textOf(files.get('/etc/fulcrum/manifest.json')?.data))
  t.same(manifest.map(item => item.path), [...files.keys()].filter(path => !path.startsWith('/kernel') && path !== '/etc/fulcrum/manifest.json'))
  for (const { path, sha256, reasons } of manifest) {
    if (reasons.length === 0) t.fail(`no reason for ${path}`)
    const file = files.get(path)
    if (file?.type === 'file') t.equal(sha256, createHash('sha256').update(file.data).digest('hex'), path)
  }
})

t.test('the same input gives the same bytes; SOURCE_DATE_EPOCH is the time of everything', async t => {
  const place = setUp(t)
  const one = await place.build({ features: ['shell'] })
  const first = readFileSync(one.output)
  const two = await place.build({ features: ['shell'] })
  const cached = (result: BuildResult): string[] => result.segments.filter(s => s.cached).map(s => s.name)
  t.same([cached(one), cached(two)], [[], ['constant', 'modules']])
  t.ok(first.equals(readFileSync(two.output)))
  t.equal(one.sha256, createHash('sha256').update(first).digest('hex'))
  t.equal(one.bytes, first.length)
  const { segments } = await readImage((await place.build({}, { SOURCE_DATE_EPOCH: '1234567890' })).output)
  t.ok(segments.every(segment => segment.entries.every(entry => entry.mtime === 1234567890)))
})

t.test('a damaged cache is not believed', async t => {
  const place = setUp(t)
  const { sha256 } = await place.build()
  const cache = join(place.directory, 'cache/segments')
  for (const name of readdirSync(cache)) writeFileSync(join(cache, name), 'damaged')
  const again = await place.build()
  t.equal(again.sha256, sha256)
  t.ok(again.segments.every(segment => !segment.cached))
})

t.test('a cache that cannot be written is a warning', async t => {
  const place = setUp(t)
  const result = await place.build({}, { FULCRUM_CACHE: join(place.root, 'fulcrum/not-a-directory') })
  t.match(result.warnings, [/ignoring$/])
})

t.test('microcode is the first segment, plain', async t => {
  const place = setUp(t)
  const { output } = await place.build()
  const { segments } = await readImage(output)
  t.match(segments[0], { form: 'none', offset: 0 })
  t.same(segments[0]?.entries.map(e => e.path), ['kernel', 'kernel/x86', 'kernel/x86/microcode', 'kernel/x86/microcode/AuthenticAMD.bin'])
  t.equal((await readImage((await place.build({ microcode: false })).output)).segments.length, 3)
})

t.test('each compression is read back to the same tree, each segment at a multiple of four', async t => {
  const place = setUp(t)
  const trees = new Set<string>()
  for (const compress of ['zstd', 'lz4', 'gzip', 'xz', 'none'] as const) {
    const { output } = await place.build({ compress })
    const image = await readImage(output)
    t.same(image.segments.map(segment => segment.form), ['none', compress, compress, compress])
    t.ok(image.segments.every(segment => segment.offset % 4 === 0))
    trees.add(JSON.stringify([...image.files.values()].map(file => [file.path, textOf(file.data)])))
  }
  t.equal(trees.size, 1)
})

t.test('a compression which the kernel has not got is refused, and not chosen', async t => {
  const place = setUp(t)
  makeSysroot(place.root, { [`/boot/config-${testKernel}`]: 'CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n' })
  await t.rejects(place.build({ compress: 'zstd' }), { message: "Cannot compress by 'zstd': the kernel was built without CONFIG_RD_ZSTD", kind: 'refused' })
  t.equal((await place.build()).compress, 'gzip')
})

t.test('included files win, take their libraries from the sysroot, and may be directories', async t => {
  const place = setUp(t)
  const mine = makeSysroot(join(place.directory, 'mine'), { '/dir/file': 'text', '/dir/link': { link: 'file' } })
  writeFileSync(join(mine, 'app'), makeElf({ interpreter: '/lib64/ld-linux-x86-64.so.2', needed: ['libnew.so'] }), { mode: 0o755 })
  makeSysroot(place.root, { '/usr/lib/libnew.so': makeElf({}) })
  const { output } = await place.build({ include: [
    { source: join(mine, 'app'), destination: '/usr/bin/' }, { source: join(mine, 'dir'), destination: '/etc/mine' },
    { source: join(mine, 'dir/file'), destination: '/init' }, { source: 'sysroot:/etc/os-release' },
  ] })
  const { files } = await readImage(output)
  t.equal(files.get('/bin/app')?.type, 'file')
  t.equal(files.get('/lib/libnew.so')?.type, 'file')
  t.equal(textOf(files.get('/etc/mine/file')?.data), 'text')
  t.equal(files.get('/etc/mine/link')?.target, 'file')
  t.equal(textOf(files.get('/init')?.data), 'text')
  t.match(textOf(files.get('/etc/os-release')?.data), /Test Linux/)
})

t.test('modules asked for and left out', async t => {
  const { output } = await setUp(t).build({ addModules: ['loud'], omitModules: ['virtio-blk'], load: ['ext4'] })
  const { files } = await readImage(output)
  t.ok(files.has(`/lib/modules/${testKernel}/kernel/sound/loud.ko.zst`))
  t.notOk(files.has(`/lib/modules/${testKernel}/kernel/drivers/block/virtio_blk.ko`))
  t.same(JSON.parse(textOf(files.get('/etc/fulcrum/image.json')?.data)).modules, [], 'ext4 is built in')
})

t.test('modules are compressed each by itself, but for those that most machines load', async t => {
  const place = setUp(t)
  const loud = makeElf({ type: 1, sections: { '.modinfo': Buffer.from('firmware=vendor/other.bin\0') } })
  makeSysroot(place.root, { [`/usr/lib/modules/${testKernel}/kernel/sound/loud.ko`]: loud })
  const folder = `/lib/modules/${testKernel}`
  const build = async (over: Partial<BuildOptions> = {}): Promise<{ forms: string[]; files: ReadonlyMap<string, ImageFile> }> => {
    const { output, segments } = await place.build({ compress: 'lz4', addModules: ['loud'], ...over })
    return { forms: segments.map(({ name, compressor }) => `${name} ${compressor}`), files: (await readImage(output)).files }
  }
  const { forms, files } = await build()
  t.same(forms, ['microcode none', 'constant lz4', 'modules lz4', 'packed none', 'variable lz4'])
  t.ok(zstdDecompressSync(files.get(`${folder}/kernel/sound/loud.ko.zst`)?.data ?? '').equals(loud))
  t.equal(textOf(files.get(`${folder}/modules.dep`)?.data), 'kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko\nkernel/drivers/virtio/virtio.ko:\nkernel/sound/loud.ko.zst:\n')
  t.ok(files.has('/lib/firmware/vendor/other.bin'), 'firmware of a packed module')
  const again = await build()
  t.same([...again.files.keys()], [...files.keys()], 'the same out of the cache, firmware too')
  t.ok((await build({ load: ['loud'] })).files.has(`${folder}/kernel/sound/loud.ko`), 'one that is loaded in any case is plain')
  const plain = await build({ compressModules: 'none' })
  t.ok(plain.files.has(`${folder}/kernel/sound/loud.ko`))
  t.notOk(plain.forms.includes('packed none'))
})

t.test('a kmod without zstd in the image would not find compressed modules', async t => {
  const place = setUp(t)
  makeSysroot(place.root, { '/usr/bin/kmod': makeElf({}), '/usr/bin/good': makeElf({ needed: ['libzstd.so.1'] }), '/usr/lib/libzstd.so.1': makeElf({}) })
  const warnings = async (source: string): Promise<readonly string[]> =>
    (await place.build({ addModules: ['loud'], include: [{ source: `sysroot:${source}`, destination: '/bin/kmod' }] })).warnings
  t.match(await warnings('/usr/bin/kmod'), [/^Cannot read compressed modules: '\/bin\/kmod' was built without zstd/])
  t.same(await warnings('/usr/bin/good'), [])
})

t.test('what cannot be built says why and leaves nothing behind, not even the old image harmed', async t => {
  const place = setUp(t)
  const old = join(place.directory, 'out/image')
  writeFileSync(old, 'old image')
  const bad: [over: Partial<BuildOptions>, message: RegExp, kind: string][] = [
    [{ kernel: '9.9' }, /^Cannot find kernel '9\.9' in '.*': no '\/lib\/modules\/9\.9', it has '6\.1\.0-test'$/, 'system'],
    [{ features: ['nosuch'] }, /^Cannot add feature 'nosuch': there is none of that name/, 'usage'],
    [{ include: [{ source: '/nosuch' }] }, /^Cannot include '\/nosuch': ENOENT \(No such file or directory\)$/, 'system'],
    [{ load: ['nosuch'] }, /^Cannot add module 'nosuch': kernel '6\.1\.0-test' has none/, 'system'],
    [{ sysroot: '/nosuch' }, /^Cannot open sysroot '\/nosuch': ENOENT/, 'system'],
    [{ binary: '/nosuch' }, /^Cannot read '\/nosuch': ENOENT/, 'system'],
    [{ output: join(place.directory, 'no/image') }, /^Cannot write '.*': '.*': ENOENT/, 'system'],
    [{ output: place.directory }, /^Cannot write '.*': it exists and is not a regular file$/, 'refused'],
  ]
  for (const [over, message, kind] of bad) await t.rejects(place.build(over), { message, kind })
  makeSysroot(place.root, { '/usr/lib/modules/7.0/kernel/x.ko': '' })
  await t.rejects(place.build({ kernel: '7.0' }), { message: /modules\.dep' is missing, run 'depmod 7\.0'$/ })
  await t.rejects(place.build({}, { SOURCE_DATE_EPOCH: 'today' }), { message: "Cannot use SOURCE_DATE_EPOCH 'today': not seconds since 1970" })
  t.same(readdirSync(join(place.directory, 'out')), ['image'])
  t.equal(readFileSync(old, 'utf8'), 'old image')
  t.notOk(existsSync(join(place.directory, 'no')))
})

t.test('what PID 1 needs comes first and the mark of the end last, so that half an image can be told', async t => {
  const { output } = await setUp(t).build({ compress: 'none', microcode: false, load: ['virtio_blk'] })
  const bytes = readFileSync(output)
  const firstEnd = bytes.indexOf('TRAILER!!!')
  for (const name of ['init\0', 'bin/fulcrum\0', 'dev/console\0', 'etc/fulcrum/image.begin\0']) {
    const at = bytes.indexOf(name)
    t.ok(at > 0 && at < firstEnd, `${name.slice(0, -1)} is in the first segment`)
  }
  const mark = bytes.lastIndexOf('etc/fulcrum/image.end\0')
  const behind = bytes.subarray(mark).toString('latin1').split('070701')
  t.equal(behind.length, 2, 'one header behind the mark')
  t.match(behind[1], /TRAILER!!!/)
})
