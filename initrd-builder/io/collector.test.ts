// The closure of programs over a made sysroot: links, libraries, interpreters, and what is missing.

import t from 'tap'
import { ImageTree, type ImageNode } from '../image/image-tree.ts'
import { makeElf } from '../testing/make-elf.ts'
import { makeSysroot, smallSystem, type SysrootPart } from '../testing/make-sysroot.ts'
import { makeCollector, type Collector } from './collector.ts'
import { openSysroot } from './sysroot.ts'

const loader = '/lib64/ld-linux-x86-64.so.2'

function setUp(t: { testdir(): string }, parts: Readonly<Record<string, SysrootPart>>): { tree: ImageTree; collector: Collector } {
  const sysroot = openSysroot(makeSysroot(t.testdir(), { ...smallSystem, ...parts }))
  const tree = new ImageTree()
  return { tree, collector: makeCollector(sysroot, tree) }
}

const shape = (tree: ImageTree): Record<string, string> =>
  Object.fromEntries(tree.entries().filter(e => e.node.type !== 'directory').map(e => [e.path, describe(e.node)]))
const describe = (node: ImageNode): string => (node.type === 'symlink' ? `-> ${node.target}` : node.type)

t.test('a program brings its loader with the links to it, and its libraries', async t => {
  const { tree, collector } = setUp(t, {})
  t.equal(collector.addProgram('busybox', { reason: 'test' }), true)
  t.same(shape(tree), {
    '/bin/busybox': 'file',
    '/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2': 'file',
    '/lib/x86_64-linux-gnu/libc.so.6': 'file',
    '/lib64/ld-linux-x86-64.so.2': '-> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
  })
  t.same(tree.entries().find(e => e.path.endsWith('libc.so.6'))?.reasons, ["library needed by '/bin/busybox'"])
})

t.test('chains of links are kept, absolute ones stay inside the sysroot', async t => {
  const { tree, collector } = setUp(t, {
    '/usr/bin/vi': { link: '/etc/alternatives/vi' },
    '/etc/alternatives/vi': { link: '/usr/bin/busybox' },
  })
  collector.add('/usr/bin/vi', { reason: 'test' })
  t.match(shape(tree), { '/bin/vi': '-> /etc/alternatives/vi', '/etc/alternatives/vi': '-> /bin/busybox', '/bin/busybox': 'file' })
})

t.test('DT_RUNPATH with $ORIGIN, and a library of another machine is passed over', async t => {
  const { tree, collector } = setUp(t, {
    '/opt/app/app': makeElf({ interpreter: loader, needed: ['libx.so'], runpath: '$ORIGIN/arm:$ORIGIN/lib' }),
    '/opt/app/arm/libx.so': makeElf({ machine: 183 }),
    '/opt/app/lib/libx.so': makeElf({ needed: ['libc.so.6'] }),
  })
  collector.add('/opt/app/app', { reason: 'test' })
  t.equal(tree.has('/opt/app/lib/libx.so'), true)
  t.equal(tree.has('/opt/app/arm/libx.so'), false)
})

t.test('the DT_RPATH of a program counts for the libraries of its libraries', async t => {
  const { tree, collector } = setUp(t, {
    '/opt/app': makeElf({ interpreter: loader, needed: ['liba.so'], rpath: '/opt/lib' }),
    '/opt/lib/liba.so': makeElf({ needed: ['libb.so'] }),
    '/opt/lib/libb.so': makeElf({}),
  })
  collector.add('/opt/app', { reason: 'test' })
  t.equal(tree.has('/opt/lib/libb.so'), true)
})

t.test('a library known only by ld.so.conf gets a link where the loader looks without a cache', async t => {
  const { tree, collector } = setUp(t, {
    '/etc/ld.so.conf': 'include /etc/ld.so.conf.d/*.conf\n',
    '/etc/ld.so.conf.d/x.conf': '/opt/vendor\n',
    '/opt/vendor/libv.so': makeElf({}),
    '/usr/bin/app': makeElf({ interpreter: loader, needed: ['libv.so'] }),
  })
  collector.add('/usr/bin/app', { reason: 'test' })
  t.match(shape(tree), { '/opt/vendor/libv.so': 'file', '/lib/x86_64-linux-gnu/libv.so': '-> /opt/vendor/libv.so' })
})

t.test('scripts bring their interpreter, by env too', async t => {
  const { tree, collector } = setUp(t, {
    '/usr/bin/script': '#! /usr/bin/env tool\n', '/usr/bin/env': makeElf({}), '/usr/sbin/tool': '#!/bin/sh\n',
    '/usr/bin/sh': { link: 'busybox' },
  })
  collector.add('/usr/bin/script', { reason: 'test' })
  t.match(shape(tree), { '/bin/script': 'file', '/bin/env': 'file', '/bin/tool': 'file', '/bin/sh': '-> /bin/busybox', '/bin/busybox': 'file' })
})

t.test('what a program opens by itself comes along if its note says so', async t => {
  const json = Buffer.from('[{"soname":["libopt.so"],"priority":"recommended"},{"soname":["libsug.so"],"priority":"suggested"}]\0')
  const head = Buffer.alloc(12)
  head.writeUInt32LE(4, 0)
  head.writeUInt32LE(json.length, 4)
  head.writeUInt32LE(0x407c0c0a, 8)
  const note = Buffer.concat([head, Buffer.from('FDO\0'), json])
  const { tree, collector } = setUp(t, {
    '/usr/bin/app': makeElf({ sections: { '.note.dlopen': note } }),
    '/usr/lib/libopt.so': makeElf({}), '/usr/lib/libsug.so': makeElf({}),
  })
  collector.add('/usr/bin/app', { reason: 'test' })
  t.equal(tree.has('/lib/libopt.so'), true)
  t.equal(tree.has('/lib/libsug.so'), false)
})

t.test('a missing library or interpreter names who needs it', async t => {
  const { collector } = setUp(t, {
    '/usr/bin/app': makeElf({ needed: ['liba.so'] }), '/usr/lib/liba.so': makeElf({ needed: ['libgone.so'] }),
    '/usr/bin/other': makeElf({ interpreter: '/lib/ld-musl-x86_64.so.1' }), '/usr/bin/script': '#!/usr/bin/perl\n',
    '/usr/bin/damaged': makeElf({ needed: ['a'] }).subarray(0, 120),
  })
  t.throws(() => collector.add('/usr/bin/app', { reason: '' }), { message: /^Cannot include '\/usr\/lib\/liba\.so': its library 'libgone\.so' is not in the sysroot/ })
  t.throws(() => collector.add('/usr/bin/other', { reason: '' }), { message: /its interpreter '\/lib\/ld-musl-x86_64\.so\.1' is not in the sysroot/ })
  t.throws(() => collector.add('/usr/bin/script', { reason: '' }), { message: /its interpreter '\/usr\/bin\/perl' is not/ })
  t.throws(() => collector.add('/usr/bin/damaged', { reason: '' }), { message: /^Cannot include '\/usr\/bin\/damaged': damaged ELF file: / })
})

t.test('links in a circle and links to nothing are nothing', async t => {
  const { collector } = setUp(t, { '/usr/bin/a': { link: 'b' }, '/usr/bin/b': { link: 'a' }, '/usr/bin/c': { link: 'gone' } })
  for (const name of ['a', 'c', 'absent']) t.equal(collector.add(`/usr/bin/${name}`, { reason: '' }), false)
})
