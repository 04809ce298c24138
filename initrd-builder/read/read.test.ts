// Reading images of any maker: forms of compression, chains, damage, hostile paths, explanations.
// Needs the Debian packages xz-utils, lz4, bzip2 and zstd.

import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { S_IFDIR, S_IFLNK, S_IFREG } from '../cpio/newc-entry.ts'
import { arrangeEntries, writeNewc, type CpioSource } from '../cpio/newc-writer.ts'
import { compressLz4Legacy, compressLz4Threaded } from '../io/lz4-legacy-writer.ts'
import { makeElf } from '../testing/make-elf.ts'
import { explainFile } from './explain-file.ts'
import { extractImage } from './extract-image.ts'
import { listImage } from './list-image.ts'
import { decodeLz4Legacy } from './lz4-legacy.ts'
import { mergeSegments } from './merge-segments.ts'
import { readSegments, type ReadImage } from './read-image.ts'
import { formatSummary, summarizeImage } from './summarize-image.ts'

const file = (path: string, text: string | Uint8Array, mode = 0o644): CpioSource => ({ path, mode: S_IFREG | mode, data: Buffer.from(text) })
const directory = (path: string, mode = 0o755): CpioSource => ({ path, mode: S_IFDIR | mode })
const link = (path: string, target: string): CpioSource => ({ path, mode: S_IFLNK | 0o777, data: Buffer.from(target) })
const archive = (...sources: CpioSource[]): Buffer => Buffer.concat([...writeNewc(arrangeEntries(sources, 0))])
const zeros = (count: number): Buffer => Buffer.alloc(count)
const run = (command: string, args: string[], input: Buffer): Buffer => execFileSync(command, args, { input, maxBuffer: 1 << 28 })
const compressors: Record<string, (input: Buffer) => Buffer> = {
  none: input => input,
  gzip: input => gzipSync(input),
  zstd: input => zstdCompressSync(input),
  xz: input => run('xz', ['--check=crc32', '-c'], input),
  lz4: input => run('lz4', ['-l', '-c', '-q'], input),
  bzip2: input => run('bzip2', ['-c'], input),
  lzma: input => run('xz', ['--format=lzma', '-c'], input),
}

t.test('an early archive and a compressed one, in every form', async t => {
  for (const [form, compress] of Object.entries(compressors)) {
    const image = Buffer.concat([archive(directory('kernel')), zeros(508), compress(archive(file('a', 'content'))), zeros(8)])
    const segments = await readSegments(image, 'x')
    t.same(segments.map(s => [s.form, s.entries.map(e => e.path)]), [['none', ['kernel']], [form, ['a']]])
  }
})

t.test('segments that follow one another, with and without zeros between', async t => {
  for (const gap of [0, 4, 5]) {
    for (const form of ['gzip', 'zstd', 'xz'] as const) {
      const compress = compressors[form] ?? (input => input)
      const image = Buffer.concat([compress(archive(file('a', 'old'), file('b', 'b'))), zeros(gap), compress(archive(file('a', 'new')))])
      const files = mergeSegments((await readSegments(image, 'x')).map(s => s.entries))
      t.equal(Buffer.from(files.get('/a')?.data ?? []).toString(), 'new', `${form} with ${gap} zeros`)
      t.ok(files.has('/b'))
    }
  }
})

t.test('an xz image with an xz module stored in it, whose end is not the end', async t => {
  const noise = Buffer.from(Array.from({ length: 60_000 }, (_, i) => Math.imul(i * i + 12345, 0x9e3779b1) >>> 24))
  const inner = run('xz', ['--check=crc32', '-c'], noise)
  for (const args of [['-c'], ['--block-size=30000', '-c']]) {
    const image = Buffer.concat([run('xz', ['--check=crc32', ...args], archive(file('m.ko.xz', inner), file('z', 'last'))), zeros(4), archive(file('b', ''))])
    t.ok(image.includes(inner.subarray(-12)), 'it is stored as it is')
    t.same((await readSegments(image, 'x')).flatMap(s => s.entries.map(e => e.path)), ['m.ko.xz', 'z', 'b'])
  }
})

t.test('zstd with a checksum and without a content size, as a pipe makes it', async t => {
  const image = Buffer.concat([run('zstd', ['-q', '--check', '-c'], archive(file('a', 'x'.repeat(200_000)))), zeros(4), archive(file('b', ''))])
  t.same((await readSegments(image, 'x')).map(s => s.form), ['zstd', 'none'])
})

t.test('images that are cut short, empty or something else', async t => {
  const big = archive(file('a', Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i * 31) % 251))))
  for (const [form, compress] of Object.entries(compressors)) {
    const image = compress(big)
    await t.rejects(readSegments(image.subarray(0, image.length - 400), 'x'), { message: /^Cannot read image 'x': segment 1 at byte 0/, kind: 'system' }, form)
  }
  await t.rejects(readSegments(Buffer.from('#!/bin/sh\n'), 'x'), { message: /is neither a cpio archive nor compressed: it is no initramfs$/ })
  await t.rejects(readSegments(zeros(512), 'x'), { message: "Cannot read image 'x': there is nothing in it" })
  await t.rejects(readSegments(Buffer.concat([archive(file('a', '')), Buffer.from('junk')]), 'x'), { message: /after 1 good ones there is something else$/ })
})

t.test('the lz4 decoder undoes lz4 for any input', async t => {
  const data = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(fc.constantFrom('abc', 'abcabcabd', 'x'), { maxLength: 400 }).map(a => Buffer.from(a.join(''))))
  fc.assert(fc.property(data, bytes => {
    const packed = run('lz4', ['-l', '-9', '-c', '-q'], Buffer.from(bytes))
    return decodeLz4Legacy(packed, 0).data.equals(Buffer.from(bytes))
  }), { numRuns: 15 })
  const long = Buffer.concat([Buffer.alloc(9 << 20, 'long enough for two blocks '), Buffer.from('end')])
  t.ok(decodeLz4Legacy(run('lz4', ['-l', '-c', '-q'], long), 0).data.equals(long))
})

t.test('our lz4 writer is undone by lz4 itself, and by our decoder', async t => {
  const data = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.array(fc.constantFrom('abc', 'abcabcabd', 'x', '0123456789abcdef'), { maxLength: 400 }).map(a => Buffer.from(a.join(''))))
  fc.assert(fc.property(data, bytes => {
    const packed = compressLz4Legacy(bytes)
    return decodeLz4Legacy(packed, 0).data.equals(Buffer.from(bytes)) && run('lz4', ['-dc'], packed).equals(Buffer.from(bytes))
  }), { numRuns: 15 })
  const blocks = Buffer.alloc(9 << 20, 'long enough for two blocks ')
  t.ok(run('lz4', ['-dc'], compressLz4Legacy(blocks)).equals(blocks), 'more than one block')
  for (const threads of [1, 3]) t.ok((await compressLz4Threaded(blocks, threads)).equals(compressLz4Legacy(blocks)), `the same by ${threads} threads`)
  const program = readFileSync(process.execPath).subarray(8 << 20, 9 << 20)
  const packed = compressLz4Legacy(program)
  t.ok(run('lz4', ['-dc'], packed).equals(program))
  t.ok(packed.length < run('lz4', ['-l', '-c', '-q', '-2'], program).length, 'packs better than the fast mode')
})

t.test('paths are followed through links inside the image, as the rootfs would', async t => {
  const image = mergeSegments([
    archiveEntries(directory('usr'), directory('usr/lib'), link('lib', 'usr/lib')),
    archiveEntries(directory('lib'), file('lib/x', '1'), link('loop', 'loop'), file('loop/y', '2')),
  ])
  t.same([...image.keys()], ['/lib', '/loop', '/usr', '/usr/lib', '/usr/lib/x'])
})

function archiveEntries(...sources: CpioSource[]): ReturnType<typeof arrangeEntries> {
  return arrangeEntries(sources, 0)
}

t.test('extraction stays in its directory whatever the image says', async t => {
  const outside = t.testdir({ victim: {}, out: {} })
  const files = mergeSegments([
    archiveEntries(file('../victim/a', 'x'), file('ok/../../victim/b', 'x'), link('abs', join(outside, 'victim')), link('rel', '../victim')),
    archiveEntries(file('abs/c', 'x'), file('rel/d', 'x'), directory('ok'), file('ok/e', 'fine', 0o4755)),
  ])
  extractImage(files, join(outside, 'out'))
  t.same(readdirSync(join(outside, 'victim')), [])
  t.equal(readFileSync(join(outside, 'out/ok/e'), 'utf8'), 'fine')
  t.equal(statSync(join(outside, 'out/ok/e')).mode & 0o7777, 0o4755)
  t.equal(readlinkSync(join(outside, 'out/rel')), '../victim')
  t.equal(lstatSync(join(outside, 'out/victim/d')).isFile(), true, 'inside the image `..` stops at its root')
})

t.test('extraction keeps hard links, and directories that may not be written to', async t => {
  const out = join(t.testdir(), 'new')
  extractImage(mergeSegments([archiveEntries(directory('ro', 0o555), { ...file('ro/a', 'same'), linkKey: 'k' }, { ...file('ro/b', 'same'), linkKey: 'k' })]), out)
  t.equal(statSync(join(out, 'ro/a')).ino, statSync(join(out, 'ro/b')).ino)
  t.equal(statSync(join(out, 'ro')).mode & 0o777, 0o555)
  t.equal(readFileSync(join(out, 'ro/b'), 'utf8'), 'same')
})

t.test('extraction refuses a directory that has something in it', async t => {
  const out = t.testdir({ file: 'mine' })
  t.throws(() => extractImage(mergeSegments([archiveEntries(file('file', 'theirs'))]), out), { message: /: the directory is not empty$/ })
  t.ok(existsSync(join(out, 'file')))
  t.equal(readFileSync(join(out, 'file'), 'utf8'), 'mine')
})

t.test('extraction that fails leaves nothing', async t => {
  const base = t.testdir({ empty: {} })
  const files = mergeSegments([archiveEntries(directory('a', 0o555), file('a/b', 'x'), link('c', '/a'), file('n'.repeat(256), 'x'))])
  const message = /^Cannot extract '\/n+' to '.*': .*ENAMETOOLONG[^;]*$/
  t.throws(() => extractImage(files, join(base, 'empty')), { message })
  t.same(readdirSync(join(base, 'empty')), [], 'one that was there stays, and is empty')
  t.throws(() => extractImage(files, join(base, 'new/er')), { message })
  t.same(readdirSync(base), ['empty'], 'those that were made are gone')
})

const foreign = archiveEntries(
  directory('usr/lib/modules'), directory('usr/lib/modules/6.1'), link('lib', 'usr/lib'), directory('usr'), directory('usr/lib'),
  file('usr/bin/app', makeElf({ interpreter: '/lib/ld.so', needed: ['libx.so.1'] })), link('usr/lib/libx.so.1', 'libx.so.1.2'),
  file('usr/lib/libx.so.1.2', makeElf({ soname: 'libx.so.1' })), file('usr/lib/ld.so', makeElf({})),
  file('usr/lib/modules/6.1/modules.dep', 'kernel/a.ko: kernel/b.ko\nkernel/b.ko:\n'),
  file('usr/lib/modules/6.1/modules.alias', 'alias pci:v1* b\nalias pci:v2* b\n'),
  file('usr/lib/modules/6.1/kernel/a.ko', makeElf({ type: 1, sections: { '.modinfo': Buffer.from('firmware=v/f.bin\0') } })),
  file('usr/lib/modules/6.1/kernel/b.ko', makeElf({ type: 1 })), file('usr/lib/firmware/v/f.bin', 'f'),
  file('init', '#!/bin/sh\n. /scripts/helper-x\n'), file('scripts/helper-x', 'echo'), file('lonely', ''),
)

t.test('why a file is in an image that has no manifest', async t => {
  const files = mergeSegments([foreign])
  const why = async (path: string): Promise<readonly string[] | undefined> => (await explainFile(files, path))?.reasons
  t.same(await why('/usr/lib/libx.so.1.2'), ["'/usr/lib/libx.so.1' leads to it", "library needed by '/usr/bin/app'"])
  t.same(await why('lib/libx.so.1'), ["link to '/usr/lib/libx.so.1.2'", "library needed by '/usr/bin/app'"])
  t.same(await why('/usr/lib/ld.so'), ["interpreter of '/usr/bin/app'"])
  t.same(await why('/lib/modules/6.1/kernel/b.ko'), ["needed by modules 'a'", 'drives devices by 2 aliases'])
  t.same(await why('/usr/lib/firmware/v/f.bin'), ["firmware of modules 'a'"])
  t.same(await why('/init'), ['the kernel starts it as PID 1'])
  t.same(await why('/scripts/helper-x'), ["named in '/init'"])
  t.same(await why('/lonely'), [])
  t.equal(await why('/absent'), undefined)
})

t.test('list and summary', async t => {
  const image: ReadImage = { path: 'img', bytes: 10, segments: [{ offset: 0, form: 'none', packed: 10, unpacked: 10, entries: foreign }], files: mergeSegments([foreign]) }
  t.match(listImage(image), /^lrwxrwxrwx 0\/0 +11 \/usr\/lib\/libx\.so\.1 -> libx\.so\.1\.2$/m)
  const summary = summarizeImage(image)
  t.same(summary.kernels, ['6.1'])
  t.same(summary.kinds.map(kind => [kind.name, kind.files]).sort(), [['firmware', 1], ['kernel modules', 2], ['libraries', 2], ['other files', 4], ['programs', 1], ['scripts', 1]])
  t.match(formatSummary(summary), /Biggest files:/)
})
