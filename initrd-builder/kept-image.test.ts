// keep slim and secrets: what is in the compressed copy and what is not, read back by squashfs-tools.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildImage, type BuildResult } from './build-image.ts'
import type { ImageEntry } from './image/image-tree.ts'
import { makeKeptImage, type KeptContext } from './io/kept-image.ts'
import type { BuildOptions } from './options.ts'
import { readImage } from './read/read-image.ts'
import { makeElf } from './testing/make-elf.ts'
import { makeSysroot, smallSystem, testKernel } from './testing/make-sysroot.ts'

const folder = `/usr/lib/modules/${testKernel}`
const withSquashfs = {
  ...smallSystem,
  [`${folder}/modules.dep`]: `${String(smallSystem[`${folder}/modules.dep`])}kernel/drivers/block/loop.ko:\nkernel/fs/squashfs/squashfs.ko:\n`,
  [`${folder}/kernel/drivers/block/loop.ko`]: makeElf({ type: 1 }),
  [`${folder}/kernel/fs/squashfs/squashfs.ko`]: makeElf({ type: 1 }),
}
const SECRET = 'a key that nobody guesses'

interface Place {
  readonly directory: string
  readonly root: string
  build(over?: Partial<BuildOptions>, env?: Record<string, string>): Promise<BuildResult>
}

function setUp(t: { testdir(): string }): Place {
  const directory = t.testdir()
  const root = makeSysroot(join(directory, 'root'), withSquashfs)
  writeFileSync(join(directory, 'key'), SECRET, { mode: 0o644 })
  const options = { sysroot: root, output: join(directory, 'image'), binary: join(root, 'fulcrum'), addon: join(root, 'koffi.node') }
  return {
    directory, root,
    build: (over = {}, env = {}) =>
      buildImage({ ...options, ...over }, { version: '1.2.3', env: { FULCRUM_CACHE: join(directory, 'cache'), ...env } }),
  }
}

const json = (data: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(data ?? []).toString('utf8'))

t.test('the copy has everything but modules, firmware, secrets and the manifest, for root only', async t => {
  const place = setUp(t)
  const result = await place.build({ keep: 'slim', features: ['shell'], secrets: [{ source: join(place.directory, 'key'), destination: '/etc/key' }] })
  const { files } = await readImage(result.output)
  t.match(json(files.get('/etc/fulcrum/image.json')?.data), { keep: 'slim', modules: ['loop', 'squashfs'], secrets: ['/etc/key'] })
  const copy = join(place.directory, 'copy')
  writeFileSync(copy, files.get('/lib/fulcrum/kept.squashfs')?.data ?? '')
  t.equal((files.get('/lib/fulcrum/kept.squashfs')?.entry.mode ?? 0) & 0o7777, 0o400)
  const listed = spawnSync('unsquashfs', ['-llnumeric', copy], { encoding: 'utf8' }).stdout
  const lines = new Map(listed.split('\n').filter(line => line.includes('squashfs-root')).map(line => {
    const [, mode = '', owner = '', path = '', target = ''] = /^(\S+) (\S+) .*?squashfs-root(\S*)(?: -> (\S+))?$/.exec(line) ?? []
    return [path, `${mode} ${owner}${target === '' ? '' : ` ${target}`}`]
  }))
  t.match(Object.fromEntries(lines), {
    '': 'drwx------ 0/0', '/dev/console': 'crw------- 0/0', '/dev/null': 'crw-rw-rw- 0/0', '/tmp': 'drwxrwxrwt 0/0',
    '/oldroot': 'drwxr-xr-x 0/0', '/init': '-rwxr-xr-x 0/0', '/shutdown': 'lrwxrwxrwx 0/0 bin/fulcrum',
    '/bin/fulcrum': '-rwxr-xr-x 0/0', '/bin/sh': 'lrwxrwxrwx 0/0 busybox', '/lib/fulcrum/koffi.node': '-rwxr-xr-x 0/0',
  })
  const expected = [...files.keys()].filter(path => !/^\/(kernel|lib\/modules|lib\/firmware|etc\/key$|etc\/fulcrum\/manifest|lib\/fulcrum\/kept)/.test(path))
  t.same([...lines.keys()].filter(path => path !== '').sort(), expected.sort())
  const cat = spawnSync('unsquashfs', ['-cat', copy, 'etc/fulcrum/image.json'], { encoding: 'utf8' }).stdout
  t.match(JSON.parse(cat), { keep: 'slim', modules: [] }, 'what is loaded need not be loaded again')
  t.match(result.segments.find(segment => segment.name === 'kept'), { compressor: 'none' })
})

t.test('the same input gives the same copy, from the cache and without', async t => {
  const place = setUp(t)
  const first = await place.build({ keep: 'slim' })
  const digests = [first.sha256, (await place.build({ keep: 'slim' })).sha256, (await place.build({ keep: 'slim' }, { FULCRUM_CACHE: join(place.directory, 'other') })).sha256]
  t.equal(new Set(digests).size, 1)
  t.not((await place.build({ keep: 'slim' }, { SOURCE_DATE_EPOCH: '1234567890' })).sha256, first.sha256)
})

/** Squashfs's numbers of compressors; 5 is lz4, 6 zstd, 1 gzip. */
const compressorOf = (copy: Uint8Array | undefined): number => Buffer.from(copy ?? []).readUInt16LE(20)

t.test('the copy is quick to read; small where that is asked for, or where it would be large; what the kernel can read', async t => {
  const entries: ImageEntry[] = [{ path: '/file', node: { type: 'file', mode: 0o644, data: randomBytes(70_000) }, reasons: [], segment: 'constant' }]
  const by = async (kernelConfig: string | undefined, over: Partial<KeptContext> = {}): Promise<number> =>
    compressorOf(await makeKeptImage(entries, { mtime: 0, kernelConfig, isSmall: false, quickLimit: 80_000, cache: undefined, warn: t.fail, ...over }))
  const both = 'CONFIG_SQUASHFS_LZ4=y\nCONFIG_SQUASHFS_ZSTD=y\n'
  t.equal(await by(both), 5)
  t.equal(await by(undefined), 5)
  t.equal(await by(both, { isSmall: true }), 6)
  t.equal(await by(both, { quickLimit: 70_000 }), 6)
  t.equal(await by('CONFIG_SQUASHFS_ZSTD=y\n'), 6)
  t.equal(await by('CONFIG_SQUASHFS_ZLIB=y\n', { isSmall: true }), 1)
})

t.test('a small image has a small copy', async t => {
  const { output } = await setUp(t).build({ keep: 'slim', compress: 'zstd' })
  t.equal(compressorOf((await readImage(output)).files.get('/lib/fulcrum/kept.squashfs')?.data), 6)
})

t.test('a kernel that cannot mount the copy is refused', async t => {
  const place = setUp(t)
  makeSysroot(place.root, { [`/boot/config-${testKernel}`]: 'CONFIG_SQUASHFS=m\n# CONFIG_BLK_DEV_LOOP is not set\n' })
  await t.rejects(place.build({ keep: 'slim' }), { message: 'Cannot keep slim: the kernel was built without CONFIG_BLK_DEV_LOOP', kind: 'refused' })
  await place.build({ keep: 'none' })
})

t.test('a secret is for root only: in the image, as a file of the image, without a digest', async t => {
  const place = setUp(t)
  const key = join(place.directory, 'key')
  const { output } = await place.build({ secrets: [{ source: key, destination: '/usr/lib/keys/' }], compress: 'none' })
  t.equal(statSync(output).mode & 0o777, 0o600)
  const { files } = await readImage(output)
  const file = files.get('/lib/keys/key')
  t.equal(Buffer.from(file?.data ?? []).toString(), SECRET)
  t.equal((file?.entry.mode ?? 0) & 0o7777, 0o400)
  t.match(json(files.get('/etc/fulcrum/image.json')?.data), { secrets: ['/lib/keys/key'] }, 'by its real path')
  const items = json(files.get('/etc/fulcrum/manifest.json')?.data)
  const item = Array.isArray(items) ? items.find((it: { path: string }) => it.path === '/lib/keys/key') : undefined
  t.match(item, { reasons: ['secret, overwritten before the hand-over'], mode: '0400' })
  t.notOk(Object.hasOwn(item, 'sha256'))
  t.equal(readFileSync(output).toString('latin1').split(SECRET).length, 2, 'it is there once')
  t.equal(statSync((await place.build()).output).mode & 0o777, 0o644)
  await t.rejects(place.build({ secrets: [{ source: place.directory }] }), { message: /^Cannot include secret '.*': not a regular file$/ })
  await t.rejects(place.build({ secrets: [{ source: '/nosuch' }] }), { message: /ENOENT/ })
})
