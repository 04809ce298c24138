// Mount namespaces of other processes: what lies hidden in them, and those that only a descriptor or a bind mount keeps.
//
// The process inside is a call table: it moves its root by MS_MOVE, which leaves a shadow tree, and waits. Needs root;
// what the kernel does not tell (before Linux 6.11, 6.12) must be missing, not wrong.

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MS_BIND, MS_MOVE, MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { CLONE_NEWNS, SIGKILL } from '../abi/process.ts'
import type { SeenNamespace } from '../facts/mounts/namespaces.ts'
import type { Row, StartedTable } from '../kernel/child-table.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { chdir, chroot, mount } from '../kernel/oracles/calls.ts'
import { waitReadable } from '../kernel/wait-readable.ts'
import { namespaceIdOf, readByMountInfo, readMounts } from './read-mounts.ts'
import { readNamespaces } from './read-namespaces.ts'

const k = createKoffiKernel()
const SYS_PAUSE = 34
const at = mkdtempSync('/tmp/fulcrum-namespaces-')
t.teardown(() => rmSync(at, { recursive: true }))
k.mount('base', at, 'tmpfs', 0, null)
k.mount('none', at, null, MS_PRIVATE, null)
t.teardown(() => k.umount2(at, 2))
for (const name of ['root', 'plain', 'plain/inner']) mkdirSync(join(at, name))
const hasIds = namespaceIdOf(k, '/proc/self/ns/mnt') !== undefined
const hasIteration = readNamespaces(k).list.length > 0 && hasIds && k.exists('/sys/kernel') && supportsIteration()

function supportsIteration(): boolean {
  const [major = 0, minor = 0] = k.readText('/proc/sys/kernel/osrelease').split('.').map(Number)
  return major > 6 || (major === 6 && minor >= 12)
}

/** A process in a namespace of its own that has made these calls and waits. */
function start(calls: readonly Row[]): StartedTable {
  const rows: Row[] = [mount('none', '/', null, MS_REC | MS_PRIVATE, null), ...calls, { nr: SYS_PAUSE, args: [] }]
  const child = k.startChild(rows, { flags: CLONE_NEWNS })
  while (child.result(rows.length - 2) === null && !waitReadable(k, child.pidfd, 10));
  return child
}

function end(child: StartedTable): void {
  k.pidfdSendSignal(child.pidfd, SIGKILL)
  waitReadable(k, child.pidfd, 5000)
  k.reap(child.pid)
  k.close(child.pidfd)
  child.release()
}

const find = (id: string): SeenNamespace | undefined => readNamespaces(k).list.find((ns) => ns.id === id)

t.test('a shadow tree in another namespace', async (t) => {
  const root = join(at, 'root')
  const child = start([mount('/', root, null, MS_BIND | MS_REC, null), chdir(root), mount('.', '/', null, MS_MOVE, null), chroot('.')])
  try {
    const byText = readByMountInfo(k, String(child.pid))
    const { tree } = readMounts(k, String(child.pid))
    t.ok(byText.nodes.length > 3)
    t.equal(tree.rootId, byText.rootId)
    const shown = tree.nodes.filter((m) => byText.byId.has(m.id)).map(({ uniqueId: _u, parentUniqueId: _p, depth: _d, ...rest }) => rest)
    const text = byText.nodes.map(({ uniqueId: _u, parentUniqueId: _p, depth: _d, ...rest }) => rest)
    t.strictSame(shown.sort((a, b) => a.id - b.id), text.sort((a, b) => a.id - b.id), 'what mountinfo lists is the same')
    const beneath = tree.nodes.filter((m) => !byText.byId.has(m.id))
    const seen = find(k.readlink(`/proc/${child.pid}/ns/mnt`))
    t.match(seen, { pid: child.pid, processes: 1, own: false, keptBy: [] })
    if (!hasIds) {
      t.strictSame([beneath.length, seen?.uniqueId], [0, null])
      return
    }
    t.equal(tree.from, 'statmount')
    t.ok(tree.nodes.every((m) => m.uniqueId !== null))
    t.ok(beneath.length >= byText.nodes.length, `${beneath.length} mounts beneath ${byText.nodes.length}`)
    t.ok(beneath.every((m) => m.hidden && m.mountPoint === null))
    t.equal(tree.nodes[0]?.parentId, tree.nodes[0]?.id, 'down to the absolute root')
    t.strictSame(seen?.tree.nodes.map((m) => m.id), tree.nodes.map((m) => m.id), 'and in the list of all namespaces')
    t.equal(seen?.uniqueId, namespaceIdOf(k, `/proc/${child.pid}/ns/mnt`))
  } finally {
    end(child)
  }
})

t.test('a process in a chroot to a plain directory', async (t) => {
  const inner = join(at, 'plain/inner')
  const child = start([mount('inner', inner, 'tmpfs', 0, null), chroot(join(at, 'plain'))])
  try {
    const { tree } = readMounts(k, String(child.pid))
    const byText = readByMountInfo(k, String(child.pid))
    t.strictSame(byText.nodes.map((m) => m.mountPoint), ['/inner'])
    t.strictSame(tree.nodes.filter((m) => m.mountPoint !== null).map((m) => [m.mountPoint, m.source]), [['/inner', 'inner']])
    if (hasIds) t.ok(tree.nodes.length > 3, 'and the others, without a path')
  } finally {
    end(child)
  }
})

/**
 * A waiting process whose namespace has a higher id than ours: only such a one can be bound, against loops. Ids are
 * given by CPU in batches (seen on 6.18), so that a later namespace may have a lower one.
 */
function startAbove(calls: readonly Row[]): StartedTable {
  const ours = namespaceIdOf(k, '/proc/self/ns/mnt') ?? 0n
  for (let tries = 0; ; tries += 1) {
    const child = start(calls)
    if (tries === 200 || (namespaceIdOf(k, `/proc/${child.pid}/ns/mnt`) ?? 1n) > ours) return child
    end(child)
  }
}

t.test('namespaces that no process is in', async (t) => {
  const child = startAbove([mount('only here', at, 'tmpfs', 0, null)])
  const id = k.readlink(`/proc/${child.pid}/ns/mnt`)
  const path = `/proc/${child.pid}/ns/mnt`
  const fd = openSync(path, 'r')
  end(child)
  const kept = find(id)
  if (!hasIteration) {
    t.equal(kept, undefined)
    closeSync(fd)
    return
  }
  t.match(kept, { id, pid: null, processes: 0, own: false, keptBy: [{ pid: process.pid, fd }] })
  t.ok(kept?.tree.nodes.some((m) => m.mountPoint === at && m.source === 'only here'))
  t.equal(kept?.tree.lookup(join(at, 'x'))?.source, 'only here')
  // A bind mount of it instead.
  const file = join(at, 'namespace')
  writeFileSync(file, '')
  k.mount(`/proc/self/fd/${fd}`, file, null, MS_BIND, null)
  closeSync(fd)
  t.match(find(id), { pid: null, keptBy: [{ namespace: k.readlink('/proc/self/ns/mnt'), mountPoint: file }] })
  k.umount2(file, 0)
  // The kernel takes it down a moment later.
  for (let i = 0; i < 200 && find(id) !== undefined; i += 1) k.sleepMs(10)
  t.equal(find(id), undefined, 'and gone with it')
})
