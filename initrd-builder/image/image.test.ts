// Paths, links, tree, skeleton and manifest of the image.

import fc from 'fast-check'
import t from 'tap'
import { imagePath, normalizePath, relativeTarget } from './image-path.ts'
import { ImageTree, segmentSources } from './image-tree.ts'
import { formatManifest, makeManifest, parseManifest } from './manifest.ts'
import { parseInclude } from './parse-include.ts'
import { addSkeleton } from './skeleton.ts'

t.test('every directory of programs and libraries has one place', async t => {
  const cases = {
    '/usr/bin/env': '/bin/env', '/usr/sbin/e2fsck': '/bin/e2fsck', '/sbin/init': '/bin/init', '/usr/lib/x/y.so': '/lib/x/y.so',
    '/usr/lib64/ld.so': '/lib64/ld.so', '/usr/share/x': '/usr/share/x', '/usr/libexec/x': '/usr/libexec/x', '/usr/lib': '/lib',
    '/etc//a/../b': '/etc/b',
  }
  for (const [from, to] of Object.entries(cases)) t.equal(imagePath(from), to)
})

t.test('a relative link leads where it should', async t => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 }).map(parts => `/${parts.join('/')}`)
  fc.assert(fc.property(path, path, (link, target) => {
    const directory = link.slice(0, link.lastIndexOf('/'))
    return normalizePath(`${directory}/${relativeTarget(link, target)}`) === target
  }))
  t.equal(relativeTarget('/lib64/ld.so', '/lib/x/ld.so'), '../lib/x/ld.so')
  t.equal(relativeTarget('/init', '/bin/fulcrum'), 'bin/fulcrum')
})

t.test('no link of the skeleton is absolute: it is seen below /run/rootfs after a pivot', async t => {
  const tree = new ImageTree()
  addSkeleton(tree)
  const links = segmentSources(tree.entries(), 'constant').filter(source => (source.mode & 0o170000) === 0o120000)
  t.ok(links.length >= 10)
  for (const link of links) t.notMatch(Buffer.from(link.data ?? []).toString(), /^\//)
})

t.test('the first node at a path stays, another one is a conflict, reasons add up', async t => {
  const tree = new ImageTree()
  const file = (text: string) => ({ type: 'file' as const, mode: 0o644, data: Buffer.from(text) })
  t.equal(tree.add('/a/b', file('1'), 'first'), true)
  t.equal(tree.add('/a/b', file('1'), 'second'), false)
  t.same(tree.conflicts(), [])
  tree.add('/a/b', file('2'), 'third')
  t.same(tree.conflicts(), ['/a/b'])
  t.same(tree.entries().map(e => [e.path, e.reasons]), [['/a', ['parent directory']], ['/a/b', ['first', 'second', 'third']]])
})

t.test('each segment has the parents of what is in it', async t => {
  const tree = new ImageTree()
  const node = { type: 'file' as const, mode: 0o644, data: new Uint8Array() }
  tree.add('/lib/x/c', node, '', 'constant')
  tree.add('/lib/x/v', node, '', 'variable')
  t.same(segmentSources(tree.entries(), 'constant').map(s => s.path).sort(), ['lib', 'lib/x', 'lib/x/c'])
  t.same(segmentSources(tree.entries(), 'variable').map(s => s.path).sort(), ['lib', 'lib/x', 'lib/x/v'])
})

t.test('the manifest comes back as it was written', async t => {
  const tree = new ImageTree()
  addSkeleton(tree)
  tree.add('/bin/x', { type: 'file', mode: 0o4755, data: Buffer.from('x') }, 'because')
  const items = makeManifest(tree.entries(), data => `digest of ${data.length}`)
  t.same(parseManifest(formatManifest(items)), JSON.parse(JSON.stringify(items)))
  t.match(items.find(item => item.path === '/bin/x'), { type: 'file', mode: '4755', size: 1, sha256: 'digest of 1', reasons: ['because'] })
  t.match(items.find(item => item.path === '/shutdown'), { type: 'symlink', target: 'bin/fulcrum' })
  t.equal(parseManifest('{'), undefined)
  t.equal(parseManifest('[1]'), undefined)
})

t.test('--include: where the file name ends', async t => {
  t.same(parseInclude('a'), { source: 'a' })
  t.same(parseInclude('/a:/b'), { source: '/a', destination: '/b' })
  t.same(parseInclude('/a:b'), { source: '/a:b' }, 'a colon alone separates nothing')
  t.same(parseInclude('sysroot:/a'), { source: 'sysroot:/a' })
  t.same(parseInclude('sysroot:/a:/b/'), { source: 'sysroot:/a', destination: '/b/' })
  t.throws(() => parseInclude(':/b'), { message: "Cannot include ':/b': it names no file" })
})
