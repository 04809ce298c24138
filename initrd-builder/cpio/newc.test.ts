// The newc writer and reader against each other and against GNU cpio (Debian package cpio).

import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { fileTypeName, S_IFCHR, S_IFDIR, S_IFLNK } from './newc-entry.ts'
import { CpioError, readNewc } from './newc-reader.ts'
import { arrangeEntries, regularMode, writeNewc, type CpioSource } from './newc-writer.ts'

const sources: CpioSource[] = [
  { path: 'usr', mode: S_IFDIR | 0o755 },
  { path: 'usr/one', mode: regularMode(0o755), data: Buffer.from('same'), linkKey: 'k' },
  { path: 'usr/two', mode: regularMode(0o755), data: Buffer.from('same'), linkKey: 'k' },
  { path: 'a-link', mode: S_IFLNK | 0o777, data: Buffer.from('usr/one') },
  { path: 'null', mode: S_IFCHR | 0o666, rdevMajor: 1, rdevMinor: 3 },
  { path: 'empty', mode: regularMode(0o4711) },
  { path: 'ünïcode', mode: regularMode(0o600), data: Buffer.from('x') },
]
const pack = (list: readonly CpioSource[], mtime = 0): Buffer => Buffer.concat([...writeNewc(arrangeEntries(list, mtime))])

t.test('GNU cpio unpacks what we write', async t => {
  const directory = t.testdir()
  execFileSync('cpio', ['-idm', '--quiet', '--nonmatching', 'null'], { cwd: directory, input: pack(sources, 1_000_000) })
  t.equal(readFileSync(join(directory, 'usr/one'), 'utf8'), 'same')
  t.equal(statSync(join(directory, 'usr/one')).ino, statSync(join(directory, 'usr/two')).ino, 'hard links')
  t.equal(readlinkSync(join(directory, 'a-link')), 'usr/one')
  t.equal(lstatSync(join(directory, 'empty')).mode & 0o777, 0o711)
  t.equal(statSync(join(directory, 'usr/two')).mtimeMs, 1_000_000_000)
  t.equal(readFileSync(join(directory, 'ünïcode'), 'utf8'), 'x')
})

t.test('GNU cpio lists a device as we wrote it', async t => {
  const listing = execFileSync('cpio', ['-itv', '--quiet'], { input: pack(sources), encoding: 'utf8' })
  t.match(listing, /^crw-rw-rw- +1 root +root +1, +3 .* null$/m)
})

t.test('we read what GNU cpio writes', async t => {
  const directory = t.testdir({ sub: { file: 'content' }, link: t.fixture('symlink', 'sub/file') })
  const archive = execFileSync('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: directory, input: 'sub\nsub/file\nlink\n' })
  const { entries } = readNewc(archive)
  t.same(entries.map(e => [e.path, fileTypeName(e.mode)]), [['sub', 'directory'], ['sub/file', 'file'], ['link', 'symlink']])
  t.equal(Buffer.from(entries[1]?.data ?? []).toString(), 'content')
})

t.test('the order given does not matter, and inodes count up', async t => {
  t.same(pack(sources), pack([...sources].reverse()))
  const { entries } = readNewc(pack(sources))
  t.same(entries.map(e => e.path), ['a-link', 'empty', 'null', 'usr', 'usr/one', 'usr/two', 'ünïcode'])
  t.same(entries.map(e => e.inode), [1, 2, 3, 4, 5, 5, 6])
  t.same(entries.map(e => e.data.length), [7, 0, 0, 0, 0, 4, 1], 'the last of the hard links has the content')
})

t.test('what is written is read back, for any names and contents', async t => {
  const name = fc.stringMatching(/^[a-z.]{1,20}$/).filter(n => n !== '.' && n !== '..')
  const file = fc.record({ path: name, data: fc.uint8Array({ maxLength: 50 }), mode: fc.integer({ min: 0, max: 0o7777 }) })
  fc.assert(fc.property(fc.uniqueArray(file, { selector: f => f.path }), files => {
    const archive = pack(files.map(f => ({ ...f, mode: regularMode(f.mode) })))
    const read = readNewc(archive)
    t.equal(read.end, archive.length)
    const byPath = new Map(read.entries.map(e => [e.path, e]))
    return files.every(f => byPath.get(f.path)?.mode === regularMode(f.mode) && Buffer.compare(byPath.get(f.path)?.data ?? Buffer.of(), f.data) === 0)
  }), { numRuns: 50 })
})

t.test('an archive cut anywhere is an error, never a shorter archive', async t => {
  const archive = pack(sources)
  for (let length = 0; length < archive.length; length += 1) {
    // Only padding comes after the trailer's name.
    if (length >= archive.length - 4) continue
    t.throws(() => readNewc(archive.subarray(0, length)), CpioError)
  }
})

t.test('a damaged header names its place and the member before it', async t => {
  const archive = pack(sources)
  const second = archive.indexOf('070701', 1)
  archive.write('zzzzzzzz', second + 6)
  t.throws(() => readNewc(archive), { message: `Cannot read cpio archive: the header at byte ${second} is not hexadecimal, after member 'a-link'` })
})

t.test('a number of more than 32 bits is refused', async t => {
  t.throws(() => pack(sources, 2 ** 32), RangeError)
})
