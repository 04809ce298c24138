// The difference of two trees: by unique id within a boot, by place otherwise.

import t from 'tap'
import { parseMountInfo } from '../mountinfo.ts'
import { diffLines, diffMounts, diffToJson, isSame } from './diff.ts'
import { buildMountTree, recordOf } from './mount-tree.ts'
import type { MountRecord } from './mount-tree.ts'
import type { SavedMounts } from './saved.ts'

const line = (id: number, parent: number, point: string, options = 'rw,relatime', optional = ''): string =>
  `${id} ${parent} 0:${id} / ${point} ${options} ${optional}- tmpfs t${id} rw`
const records = (...lines: string[]): MountRecord[] => parseMountInfo(lines.join('\n')).map(recordOf)
const byPlace = (...lines: string[]): SavedMounts => ({ tree: buildMountTree(records(...lines), 'mountinfo'), boot: 'boot' })
const byId = (boot: string, ...lines: string[]): SavedMounts => ({
  tree: buildMountTree(records(...lines).map((m) => ({ ...m, uniqueId: 2n ** 31n + BigInt(m.id), parentUniqueId: 2n ** 31n + BigInt(m.parentId) })), 'statmount'),
  boot,
})

t.test('nothing', async (t) => {
  const one = byPlace(line(1, 9, '/'), line(2, 1, '/a'), line(3, 2, '/a'))
  const diff = diffMounts(one, one)
  t.ok(isSame(diff))
  t.strictSame(diffLines(diff), [])
})

t.test('by place: added, removed, options, propagation, hidden; a move is both', async (t) => {
  const before = byPlace(line(1, 9, '/'), line(2, 1, '/a'), line(3, 1, '/b'), line(4, 1, '/c'), line(5, 1, '/d'))
  const after = byPlace(line(1, 9, '/', 'rw,relatime', 'shared:4 '), line(2, 1, '/a', 'ro,nosuid,relatime'), line(3, 1, '/moved'), line(5, 1, '/d'), line(6, 5, '/d'))
  const diff = diffMounts(before, after)
  t.equal(diff.by, 'place')
  t.notOk(isSame(diff))
  t.strictSame(diffLines(diff), [
    '- /b  tmpfs  t3  rw,relatime  private',
    '- /c  tmpfs  t4  rw,relatime  private',
    '+ /d  tmpfs  t6  rw,relatime  private',
    '+ /moved  tmpfs  t3  rw,relatime  private',
    '~ /  propagation private -> shared:4',
    '~ /a  options -rw +ro +nosuid',
    '~ /d  hidden visible -> hidden',
  ])
})

t.test('by unique id: moved by path, and to another parent', async (t) => {
  const before = byId('x', line(1, 9, '/'), line(2, 1, '/a'), line(3, 1, '/b'))
  const after = byId('x', line(1, 9, '/'), line(4, 1, '/a'), line(2, 4, '/a'), line(3, 1, '/n\\033ew'))
  const diff = diffMounts(before, after)
  t.equal(diff.by, 'unique id')
  t.strictSame(diffLines(diff), ['+ /a  tmpfs  t4  rw,relatime  private', '~ /a  moved /a on 1 -> /a on 4', '~ /n\\x1bew  moved /b -> /n\\x1bew'])
  t.match(JSON.parse(JSON.stringify(diffToJson(diff))), { by: 'unique id', added: [{ id: 4 }], removed: [], changed: [{ changes: [{ field: 'moved' }] }, { after: { mountPoint: '/n\u001bew' } }] })
})

t.test('unique ids of another boot say nothing', async (t) => {
  const diff = diffMounts(byId('x', line(1, 9, '/'), line(2, 1, '/a')), byId('y', line(5, 9, '/'), line(2, 5, '/b')))
  t.equal(diff.by, 'place')
  t.equal(diff.removed.length, 2)
})

t.test('another namespace of the same boot has other ids: by place', async (t) => {
  const diff = diffMounts(byId('x', line(1, 9, '/'), line(2, 1, '/a')), byId('x', line(11, 19, '/').replace('t11', 't1'), line(12, 11, '/a').replace('t12', 't2')))
  t.equal(diff.by, 'place')
  t.ok(isSame(diff))
})

t.test('equal mounts in a stack are counted', async (t) => {
  const two = byPlace(line(1, 9, '/'), '2 1 0:7 / /s rw - tmpfs s rw', '3 2 0:7 / /s rw - tmpfs s rw')
  const three = byPlace(line(1, 9, '/'), '2 1 0:7 / /s rw - tmpfs s rw', '3 2 0:7 / /s rw - tmpfs s rw', '4 3 0:7 / /s rw - tmpfs s rw')
  const diff = diffMounts(two, three)
  t.strictSame([diff.added.map((m) => m.id), diff.removed.length], [[4], 0])
})
