// MountTree from mountinfo: stacks, what hides what, peers, chroots; and that its work is linear.

import t from 'tap'
import { mountContaining, parseMountInfo, topMountAt } from '../mountinfo.ts'
import { drawTree } from './draw.ts'
import { buildMountTree, recordOf } from './mount-tree.ts'
import type { MountRecord, MountTree } from './mount-tree.ts'
import { printable, safeJson } from './printable.ts'
import { parseSaved, toSaved } from './saved.ts'

const line = (id: number, parent: number, point: string, optional = ''): string => `${id} ${parent} 0:${id} / ${point} rw,relatime ${optional}- tmpfs t${id} rw`
const treeOf = (...lines: string[]): MountTree => buildMountTree(parseMountInfo(lines.join('\n')).map(recordOf), 'mountinfo')
const hidden = (tree: MountTree): unknown[] => tree.nodes.filter((m) => m.hidden).map((m) => [m.id, m.hiddenBy])

t.test('stacks, and mounts above', async (t) => {
  const tree = treeOf(line(5, 1, '/run/x/y'), line(1, 99, '/'), line(2, 1, '/run'), line(3, 2, '/run'), line(4, 2, '/run/a'), line(6, 1, '/run/x'), line(7, 3, '/run/a'))
  t.strictSame(tree.nodes.map((m) => [m.id, m.depth]), [[1, 0], [2, 1], [3, 2], [7, 3], [4, 2], [6, 1], [5, 1]])
  t.equal(tree.rootId, 1)
  // 6 is the parent's at /run/x, but a lookup has crossed to 3 by then; so has one of /run/x/y.
  t.strictSame(hidden(tree), [[2, 3], [4, 3], [6, 2], [5, 2]])
  t.equal(tree.byId.get(2)?.coveredBy, 3)
  t.equal(tree.lookup('/run/a/file')?.id, 7)
  t.equal(tree.lookup('/nowhere')?.id, 1)
})

t.test('agrees with the lookup of mountinfo.ts on every mount of many trees', async (t) => {
  let seed = 7
  const random = (n: number): number => {
    seed = (seed * 48271) % 2147483647
    return seed % n
  }
  for (let round = 0; round < 200; round += 1) {
    const points = ['/']
    const lines = [line(1, round % 3 === 0 ? 1 : 99, '/')]
    for (let id = 2; id < 12; id += 1) {
      const parent = random(points.length)
      const base = points[parent] ?? '/'
      const point = random(3) === 0 ? base : `${base === '/' ? '' : base}/${'ab'[random(2)] ?? ''}`
      // One mount per place of a parent, as in the kernel.
      if (lines.slice(1).some((other) => other.includes(` ${parent + 1} 0:`) && other.includes(` ${point} rw`))) continue
      points.push(point)
      lines.push(line(points.length, parent + 1, point))
    }
    const mounts = parseMountInfo(lines.join('\n'))
    const tree = treeOf(...lines)
    const bad = mounts.filter((m) => tree.byId.get(m.id)?.hidden !== (topMountAt(mounts, m.mountPoint)?.id !== m.id))
    t.strictSame(bad, [], lines.join('\n'))
    t.equal(tree.lookup('/a/b/a')?.id, mountContaining(mounts, '/a/b/a')?.id)
    if (bad.length > 0) return
  }
})

t.test('a chroot to a plain directory: the mount around it is not listed', async (t) => {
  const tree = treeOf(line(4, 3, '/proc'), line(5, 3, '/dev'), line(6, 5, '/dev/pts'))
  t.equal(tree.rootId, null)
  t.strictSame(hidden(tree), [])
  t.equal(tree.lookup('/etc'), undefined)
  t.equal(tree.lookup('/dev/pts/0')?.id, 6)
})

t.test('beneath "/": no path, and by what it is hidden cannot be told', async (t) => {
  const records = parseMountInfo([line(1, 1, '/'), line(2, 1, '/old'), line(3, 1, '/'), line(4, 3, '/proc')].join('\n')).map(recordOf)
  const tree = buildMountTree(records.map((m) => (m.id < 3 ? { ...m, mountPoint: null } : m)), 'statmount', 3)
  t.strictSame(hidden(tree), [[1, null], [2, null]])
  t.equal(tree.byId.get(1)?.coveredBy, null)
  t.match(drawTree(tree).join('\n'), /\(no path\)\s[^\n]*\(hidden\)\n {2}\(no path\)[^\n]*\(hidden\)\n {2}\/ /)
})

t.test('peers and slaves are named, the first few', async (t) => {
  const many = Array.from({ length: 6 }, (_, i) => line(10 + i, 1, `/p${i}`, 'shared:7 '))
  const tree = treeOf(line(1, 99, '/'), ...many, line(30, 1, '/s', 'master:7 unbindable '), line(31, 1, '/z', 'master:8 propagate_from:7 '))
  t.strictSame(tree.groups, [{ id: 7, peers: [10, 11, 12, 13, 14, 15], slaves: [30] }, { id: 8, peers: [], slaves: [31] }])
  const text = drawTree(tree).join('\n')
  t.match(text, /\/p0 .*shared:7 \(with \/p1, \/p2, \/p3 and 2 more\)/)
  t.match(text, /\/s .*slave of 7 \(at \/p0, \/p1, \/p2 and 3 more\) unbindable/)
  t.match(text, /\/z .*slave of 8 from 7/)
})

t.test('lines and colour', async (t) => {
  const tree = treeOf(line(1, 99, '/'), line(2, 1, '/a'), line(3, 2, '/a/b'), line(4, 1, '/c'), line(5, 4, '/c'))
  t.strictSame(drawTree(tree, { lines: true }).slice(1).map((l) => /^[ │├└─]*\S+/.exec(l)?.[0]), ['/', '├─/a', '│ └─/a/b', '└─/c', '  └─/c'])
  const coloured = drawTree(tree, { colour: true })
  t.match(coloured[4], /^\u001b\[2m {2}\/c/)
  t.equal(coloured.join('\n').replace(/\u001b\[[0-9;]*m/g, '').replace(/ +$/gm, ''), drawTree(tree).join('\n'))
})

t.test('names cannot move the cursor', async (t) => {
  t.equal(printable('a\u001b[2J\n\u009b\u202ex\\y é 𝕏'), 'a\\x1b[2J\\x0a\\x9b\\u202ex\\\\y é 𝕏')
  t.equal(printable('\ud800z'), '\\ud800z')
  t.strictSame(JSON.parse(safeJson({ a: '\u009b\u202e\u007f\n' })), { a: '\u009b\u202e\u007f\n' })
  t.notMatch(safeJson(['\u009b\u202e\u007f']), /[\u007f-\u009f\u202e]/)
  t.notMatch(drawTree(treeOf(line(1, 99, '/'), line(2, 1, '/a\\033]0;x\\007'))).join(''), /[\u0000-\u0008\u000b-\u001f]/)
})

t.test('saved and read back', async (t) => {
  const tree = treeOf(line(1, 99, '/', 'shared:3 '), line(2, 1, '/a', 'master:3 propagate_from:4 unbindable '), line(3, 2, '/a'))
  const again = parseSaved(safeJson(toSaved({ tree, boot: 'b' })))
  t.equal(again.boot, 'b')
  t.strictSame(again.tree.nodes, tree.nodes)
  t.strictSame(again.tree.groups, tree.groups)
  const beneath = buildMountTree(tree.nodes.map((m) => ({ ...m, uniqueId: 2n ** 63n + BigInt(m.id), parentUniqueId: 5n, ...(m.id === 1 ? { mountPoint: null } : {}) })), 'statmount', 2)
  t.strictSame(parseSaved(safeJson(toSaved({ tree: beneath, boot: null }))).tree.nodes, beneath.nodes)
  t.equal(parseSaved(line(1, 99, '/')).tree.nodes.length, 1)
  t.throws(() => parseSaved('{"format":"x"}'), /not the JSON of fulcrum mounts/)
  t.throws(() => parseSaved('{"format":"fulcrum-mounts","version":1,"mounts":[{"id":1}]}'), /'parentId' is missing/)
  t.throws(() => parseSaved('{"format":"fulcrum-mounts","version":1}'), /'mounts' is missing/)
  t.throws(() => parseSaved('nonsense'), /Cannot parse mountinfo/)
  t.throws(() => parseSaved('\n'), /it is empty/)
})

/** How often the ids and mount points of n mounts are read to make the tree and its words. */
function reads(n: number, shape: (i: number) => string): number {
  let count = 0
  const records = parseMountInfo([line(1, 99, '/'), ...Array.from({ length: n }, (_, i) => shape(i + 2))].join('\n')).map(recordOf)
  const counted = records.map((m): MountRecord => ({
    ...m,
    get id() {
      count += 1
      return m.id
    },
    get mountPoint() {
      count += 1
      return m.mountPoint
    },
  }))
  drawTree(buildMountTree(counted, 'mountinfo'))
  return count
}

t.test('ten times the mounts are ten times the work: side by side, one peer group, a stack', async (t) => {
  for (const shape of [(i: number) => line(i, 1, `/d/${i % 50}/${i}`, 'shared:1 '), (i: number) => line(i, i - 1, '/s', 'shared:1 ')]) {
    const [small, large] = [reads(300, shape), reads(3000, shape)]
    t.ok(small > 300 && large < small * 16, `${small} to ${large}`)
  }
})
