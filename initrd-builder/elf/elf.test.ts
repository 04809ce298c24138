// The ELF parser, the library search and the dlopen notes; readelf (Debian package binutils) as the judge.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeElf } from '../testing/make-elf.ts'
import { parseDlopenNotes } from './dlopen-note.ts'
import { elfSection, ElfError, parseElf } from './elf-file.ts'
import { libraryPlaces, parseLdSoConf, rpathDirectories, type Requester } from './library-search.ts'

t.test('the running node reads as readelf reads it', async t => {
  const output = execFileSync('readelf', ['-d', '-l', process.execPath], { encoding: 'utf8', env: { LC_ALL: 'C' } })
  const elf = parseElf(readFileSync(process.execPath))
  t.same(elf.needed, [...output.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(match => match[1]))
  t.equal(elf.interpreter, /program interpreter: (.*)\]/.exec(output)?.[1])
})

t.test('a made file reads as readelf reads it, and as it was made', async t => {
  const bytes = makeElf({ interpreter: '/ld', needed: ['a.so', 'b.so'], soname: 'me.so', runpath: '$ORIGIN/x:/y', sections: { '.modinfo': Buffer.from('k=v\0') } })
  const path = join(t.testdir(), 'x')
  writeFileSync(path, bytes)
  const output = execFileSync('readelf', ['-d', path], { encoding: 'utf8', env: { LC_ALL: 'C' } })
  t.match(output, /\(RUNPATH\).*\[\$ORIGIN\/x:\/y\]/)
  t.same(parseElf(bytes), {
    bits: 64, machine: 62, interpreter: '/ld', needed: ['a.so', 'b.so'], soname: 'me.so', rpath: [], runpath: ['$ORIGIN/x', '/y'],
  })
  t.equal(Buffer.from(elfSection(bytes, '.modinfo') ?? []).toString(), 'k=v\0')
  t.equal(elfSection(bytes, '.none'), undefined)
})

t.test('a file cut short is an ElfError, not a crash', async t => {
  const bytes = makeElf({ interpreter: '/ld', needed: ['a.so'] })
  t.throws(() => parseElf(Buffer.from('#!/bin/sh\n')), ElfError)
  for (let length = 60; length < 300; length += 20) t.throws(() => parseElf(bytes.subarray(0, length)), ElfError)
})

const requester = (over: Partial<Requester['elf']>, inherited: string[] = []): Requester => ({
  path: '/opt/app/bin/app', elf: { machine: 62, bits: 64, rpath: [], runpath: [], ...over }, inheritedRpath: inherited,
})
const paths = (r: Requester, conf: string[] = []): string[] => libraryPlaces('l.so', r, conf).map(place => `${place.origin} ${place.path}`)

t.test('DT_RPATH first, with what was inherited; DT_RUNPATH switches both off', async t => {
  t.same(paths(requester({ rpath: ['$ORIGIN/../lib'] }, ['/in'])).slice(0, 2), ['rpath /opt/app/lib/l.so', 'rpath /in/l.so'])
  t.equal(paths(requester({ rpath: ['/r'], runpath: ['${ORIGIN}/r'] }, ['/in']))[0], 'runpath /opt/app/bin/r/l.so')
  t.same(rpathDirectories(requester({ rpath: ['/r'], runpath: ['/x'] })), [], 'an object with DT_RUNPATH hands on no rpath of its own')
})

t.test('$LIB means lib64 or the multiarch directory', async t => {
  t.same(paths(requester({ runpath: ['/o/$LIB/$PLATFORM'] })).slice(0, 2),
    ['runpath /o/lib/x86_64-linux-gnu/x86_64/l.so', 'runpath /o/lib64/x86_64/l.so'])
})

t.test('built-in directories by machine, those of ld.so.conf last', async t => {
  const all = paths(requester({}), ['/conf'])
  t.equal(all[0], 'default /lib/x86_64-linux-gnu/l.so')
  t.equal(all.at(-1), 'conf /conf/l.so')
  t.ok(paths(requester({ machine: 183 })).includes('default /usr/lib/aarch64-linux-gnu/l.so'))
})

t.test('a name with a slash is looked for nowhere else', async t => {
  t.same(libraryPlaces('/x/y.so', requester({}), ['/conf']), [{ path: '/x/y.so', origin: 'path' }])
})

t.test('ld.so.conf with includes, comments and hwcap lines', async t => {
  const texts: Record<string, string[]> = { 'conf.d/*.conf': ['/one # c\n', '/two:/three\n'] }
  t.same(parseLdSoConf('# x\ninclude conf.d/*.conf\nhwcap 0 nosegneg\n/last\n', pattern => texts[pattern] ?? []), ['/one', '/two', '/three', '/last'])
})

function note(owner: string, type: number, description: string): Buffer {
  const pad = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
  const header = Buffer.alloc(12)
  const name = Buffer.from(`${owner}\0`)
  const content = Buffer.from(`${description}\0`)
  header.writeUInt32LE(name.length, 0)
  header.writeUInt32LE(content.length, 4)
  header.writeUInt32LE(type, 8)
  return Buffer.concat([header, pad(name), pad(content)])
}

t.test('dlopen notes of FDO are read, others and nonsense passed over', async t => {
  const section = Buffer.concat([
    note('FDO', 0x407c0c0a, '[{"soname":["libzstd.so.1"],"feature":"zstd","priority":"suggested"}]'),
    note('GNU', 3, 'buildid'),
    note('FDO', 0x407c0c0a, 'not json'),
    note('FDO', 0x407c0c0a, '[{"soname":["a.so.2","a.so.1"]},{"soname":[]},7]'),
  ])
  t.same(parseDlopenNotes(section), [
    { sonames: ['libzstd.so.1'], feature: 'zstd', priority: 'suggested' },
    { sonames: ['a.so.2', 'a.so.1'], feature: '', priority: 'recommended' },
  ])
  t.same(parseDlopenNotes(section.subarray(0, 20)), [], 'cut short')
})
