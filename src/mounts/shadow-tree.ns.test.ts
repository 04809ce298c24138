// The shadow tree that MS_MOVE leaves: the old root and all its mounts lie beneath the new one, without a path.
//
// What a chroot leaves outside has none either. The new root is a recursive bind of the old one, so that the test itself goes on. Before Linux 6.8 nothing shows them.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import t from 'tap'
import { MS_BIND, MS_MOVE, MS_REC } from '../abi/mount.ts'
import { O_RDONLY } from '../abi/process.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { readByMountInfo, readByStatmount } from './read-mounts.ts'

const k = createKoffiKernel()

t.test('the old root and its mounts are listed, without a path', async (t) => {
  const before = readByStatmount(k)
  const at = mkdtempSync('/tmp/fulcrum-shadow-')
  k.mount('/', at, null, MS_BIND | MS_REC, null)
  k.chdir(at)
  k.mount('.', '/', null, MS_MOVE, null)
  k.chroot('.')
  k.chdir('/')
  const visible = readByMountInfo(k, 'self')
  const after = readByStatmount(k)
  k.rmdir(at)
  if (before === undefined || after === undefined) {
    t.throws(() => k.listmount('root'), { code: 'ENOSYS' })
    return
  }
  t.not(after.rootId, before.rootId)
  t.ok(before.nodes.length > 3)
  // Each of the old ones is still there, and none has a path.
  for (const old of before.nodes) {
    const now = after.byId.get(old.id)
    t.match(now, { id: old.id, fstype: old.fstype, mountPoint: null, hidden: true }, `${old.id} ${String(old.mountPoint)}`)
    t.equal(visible.byId.has(old.id), false, 'mountinfo does not list it')
  }
  t.equal(after.byId.get(after.rootId ?? -1)?.parentId, before.rootId, 'the new root lies on the old one')
  t.equal(after.nodes.filter((m) => !m.hidden).length, visible.nodes.filter((m) => !m.hidden).length)
})

t.test('in a chroot to a plain directory the mount around it is the root, and what is outside has no path', async (t) => {
  const directory = mkdtempSync('/tmp/fulcrum-chroot-')
  mkdirSync(`${directory}/inside`)
  k.mount('inside', `${directory}/inside`, 'tmpfs', 0, null)
  const outside = readByStatmount(k)
  const out = k.open('/', O_RDONLY)
  k.chroot(directory)
  const inside = readByStatmount(k)
  k.fchdir(out)
  k.chroot('.')
  k.close(out)
  k.umount2(`${directory}/inside`, 0)
  rmSync(directory, { recursive: true })
  if (inside === undefined) return
  const around = outside?.lookup(directory)
  t.equal(inside.rootId, around?.id)
  t.match(inside.byId.get(inside.rootId ?? -1), { isRoot: true, hidden: false, mountPoint: null })
  t.equal(inside.lookup('/inside/x')?.source, 'inside')
  t.equal(inside.lookup('/x')?.id, around?.id)
  t.strictSame(inside.nodes.filter((m) => m.mountPoint !== null).map((m) => m.source), ['inside'])
})
