// statmount(2) and mountinfo give the same answer on a real namespace with stacks, peers, slaves and odd names; what
// only the first sees lies beneath "/". Before Linux 6.8 there is only mountinfo, and the command falls back to it.

import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MS_BIND, MS_NOEXEC, MS_PRIVATE, MS_RDONLY, MS_SHARED, MS_SLAVE, MS_UNBINDABLE } from '../abi/mount.ts'
import type { MountNode, MountTree } from '../facts/mounts/mount-tree.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { readByMountInfo, readByStatmount, readMounts } from './read-mounts.ts'

const k = createKoffiKernel()
const base = mkdtempSync('/tmp/fulcrum-read-mounts-')
const tmpfs = (name: string, at: string, flags = 0): void => {
  mkdirSync(at, { recursive: true })
  k.mount(name, at, 'tmpfs', flags, 'size=64k')
}
tmpfs('base', base)
k.mount('none', base, null, MS_PRIVATE, null)
t.teardown(() => {
  k.umount2(base, 2)
  rmdirSync(base)
})

const [a, b, c, d, odd] = ['a', 'b', 'c', 'd', 'o d\td\\ #\n\u00e9'].map((name) => join(base, name))
if (a === undefined || b === undefined || c === undefined || d === undefined || odd === undefined) throw new Error('Cannot happen')
tmpfs('shared', a)
k.mount('none', a, null, MS_SHARED, null)
mkdirSync(join(a, 'inside'))
for (const at of [b, c, d]) mkdirSync(at)
k.mount(join(a, 'inside'), b, null, MS_BIND, null)
k.mount(a, c, null, MS_BIND, null)
k.mount('none', c, null, MS_SLAVE, null)
k.mount(c, d, null, MS_BIND, null)
k.mount('none', d, null, MS_SHARED, null)
tmpfs('s p\\a#ce', odd, MS_RDONLY | MS_NOEXEC)
tmpfs('', join(base, 'nothing'))
k.mount('none', join(base, 'nothing'), null, MS_UNBINDABLE, null)
for (let i = 0; i < 3; i += 1) tmpfs(`stack${i}`, join(base, 'stack'))
// An event for the peers and the slave.
tmpfs('event', join(a, 'event'))

/** What both sources have, of the mounts that both list. */
const common = (tree: MountTree, ids: ReadonlyMap<number, MountNode>): unknown[] =>
  tree.nodes.filter((m) => ids.has(m.id)).map(({ uniqueId: _u, parentUniqueId: _p, depth: _d, ...rest }) => rest).sort((x, y) => x.id - y.id)

const byCall = readByStatmount(k)

t.test('the same answer from both', async (t) => {
  const byText = readByMountInfo(k, 'self')
  t.ok(byText.nodes.length > 10)
  if (byCall === undefined) {
    t.throws(() => k.listmount('root'), { code: 'ENOSYS' })
    t.equal(readMounts(k, 'self').tree.from, 'mountinfo')
    return
  }
  const [x, y] = [common(byCall, byText.byId), common(byText, byText.byId)]
  t.equal(x.length, y.length)
  for (const [i, m] of x.entries()) t.strictSame(m, y[i])
  t.equal(byCall.rootId, byText.rootId)
  for (const path of [base, a, b, c, odd, join(base, 'stack'), join(d, 'event'), '/', '/proc']) t.equal(byCall.lookup(path)?.id, byText.lookup(path)?.id, path)
})

t.test('peers, slaves, stacks and names, by whichever way', async (t) => {
  const { tree, boot } = readMounts(k, 'self')
  t.match(boot, /^[0-9a-f-]{36}$/)
  const at = (path: string): MountNode => {
    const found = tree.lookup(path)
    if (found === undefined) throw new Error(`Cannot find '${path}'`)
    return found
  }
  t.equal(at(odd).mountPoint, odd)
  t.match(at(odd), { source: 's p\\a#ce', fstype: 'tmpfs' })
  t.ok(at(odd).options.includes('ro') && at(odd).options.includes('noexec'))
  const group = at(a).propagation.shared
  t.ok(group !== undefined && group > 0)
  t.strictSame(at(b).propagation, { shared: group })
  t.equal(at(b).root, '/inside')
  t.strictSame(at(c).propagation, { master: group })
  t.equal(at(d).propagation.master, group)
  t.strictSame(tree.groups.find((one) => one.id === group)?.peers, [at(a).id, at(b).id])
  t.strictSame(at(join(base, 'nothing')).propagation, { unbindable: true })
  t.equal(at(join(base, 'stack')).source, 'stack2')
  t.strictSame(tree.nodes.filter((m) => m.source.startsWith('stack')).map((m) => m.hidden), [true, true, false])
  t.equal(at(join(d, 'event')).source, 'event')
})

t.test('root sees what lies beneath "/"', async (t) => {
  if (byCall === undefined) return
  const root = byCall.nodes.find((m) => m.isRoot)
  t.ok(root)
  const lowest = byCall.nodes[0]
  t.equal(lowest?.parentId, lowest?.id, 'the absolute root is listed')
  if (root?.id !== lowest?.id) t.strictSame([lowest?.mountPoint, lowest?.hidden], [null, true])
  t.ok(byCall.nodes.every((m) => m.uniqueId !== null && m.uniqueId > 0x80000000n))
})

t.test('a mount that is gone', async (t) => {
  if (byCall === undefined) return
  t.throws(() => k.statmountDetails(0x80000000n + 2n ** 40n), { code: 'ENOENT' })
})

t.test('names longer than one answer, and 2,000 mounts', async (t) => {
  // One answer has room for three paths; the kernel says EOVERFLOW before it fits.
  let deep = base
  for (let i = 0; i < 15; i += 1) {
    deep = join(deep, 'x'.repeat(255))
    mkdirSync(deep)
  }
  k.mount('deep', deep, 'tmpfs', 0, null)
  const many = join(base, 'many')
  tmpfs('many', many)
  k.mount('none', many, null, MS_PRIVATE, null)
  for (let i = 0; i < 2000; i += 1) {
    mkdirSync(join(many, String(i)))
    k.mount(a, join(many, String(i)), null, MS_BIND, null)
  }
  const time = (read: () => MountTree | undefined): [MountTree | undefined, number] => {
    const start = k.monotonicUs()
    const tree = read()
    return [tree, Number(k.monotonicUs() - start) / 1000]
  }
  const [called, callTime] = time(() => readByStatmount(k))
  const [listed, listTime] = time(() => readByMountInfo(k, 'self'))
  t.comment(`2,000 mounts: statmount ${callTime} ms, mountinfo ${listTime} ms`)
  t.ok((listed?.nodes.length ?? 0) > 2000)
  t.equal(listed?.lookup(deep)?.source, 'deep')
  if (called === undefined || listed === undefined) return
  t.equal(called.lookup(deep)?.mountPoint, deep)
  t.strictSame(common(called, listed.byId), common(listed, listed.byId))
})
