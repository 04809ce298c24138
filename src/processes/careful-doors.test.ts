// Processes whose files lie on NFS, FUSE and their like are looked at without asking those file systems.

import t from 'tap'
import { S_IFREG } from '../abi/process.ts'
import { makeDev, parseMountInfo } from '../facts/mountinfo.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import { executable } from '../kernel/model/vfs.ts'
import { mayHang } from '../facts/server-filesystems.ts'
import { carefulDoors } from './careful-doors.ts'
import { readHolders } from './read-dependencies.ts'
import { readProcesses } from './read-processes.ts'

/** A process whose program, working directory and descriptor 5 are on the mount /sysroot. */
function machine(): { readonly k: ReturnType<typeof createBootedModel>; readonly pid: number } {
  const k = createBootedModel({ root: { '/bin/sh': executable('x') } })
  const mnt = k.world.mounts.all.find((m) => m.sb.fstype === 'ext4')
  const node = mnt === undefined ? undefined : k.world.nodeAt(mnt.sb, '/bin/sh')
  if (mnt === undefined || node === undefined) throw new Error('no root')
  const exe = { mnt, node }
  const { pid, fds } = k.world.addProcess({ comm: 'sh', argv: ['sh'], ns: k.proc.ns, root: k.proc.root, cwd: { mnt, node: mnt.root }, exe })
  fds.set(5, { file: { kind: 'node', loc: exe, flags: 0, offset: 0 }, cloexec: false })
  return { k, pid }
}

t.test('which file systems ask somebody', async (t) => {
  for (const type of ['fuse', 'fuse.sshfs', 'fuseblk', 'nfs', 'nfs4', 'cifs', 'smb3', '9p', 'ceph']) t.ok(mayHang(type), type)
  for (const type of ['ext4', 'fusectl', 'btrfs', 'overlay', 'tmpfs', 'nsfs', 'nfsd']) t.notOk(mayHang(type), type)
})

t.test('a disk is asked, a network is not', async (t) => {
  const { k, pid } = machine()
  const path = `/proc/${pid}/exe`
  const mounts = parseMountInfo(k.readText('/proc/self/mountinfo'))
  const dev = mounts.find((m) => m.mountPoint === '/sysroot')?.dev
  t.match(carefulDoors(k, mounts).stat(path), { dev, mode: S_IFREG | 0o755 })
  const network = mounts.map((m) => (m.mountPoint === '/sysroot' ? { ...m, fstype: 'nfs4', dev: makeDev(0, 99) } : m))
  const careful = carefulDoors(k, network)
  const asked = (): number => k.calls.filter((call) => call.syscall === 'stat' && String(call.args[0]).startsWith(`/proc/${pid}/`)).length
  const before = asked()
  t.match(careful.stat(path), { dev: makeDev(0, 99), ino: 0n, mode: 0 })
  t.throws(() => careful.open(path, 0), { code: 'EIO' })
  t.equal(careful.readlink(path), '/sysroot/bin/sh')
  t.equal(asked(), before)
  t.ok(careful.stat(`/proc/${k.proc.pid}/exe`).ino > 0n, 'other processes are asked')
})

t.test('everything that reads processes stays away from it', async (t) => {
  const { k, pid } = machine()
  const mounts = parseMountInfo(k.readText('/proc/self/mountinfo')).map((m) => (m.mountPoint === '/sysroot' ? { ...m, fstype: 'fuse.x' } : m))
  const careful = carefulDoors(k, mounts)
  const context = { initramfs: new Set<bigint>(), root: new Set<bigint>(), memfd: null, switched: { kind: 'unknown' as const }, mayBeReused: false }
  // All that lead to that mount; its root directory is elsewhere.
  for (const name of ['exe', 'cwd', 'fd/5']) k.failNext('stat', 'EINTR', (args) => args[0] === `/proc/${pid}/${name}`)
  k.failNext('open', 'EINTR', (args) => args[0] === `/proc/${pid}/exe`)
  const dev = mounts.find((m) => m.mountPoint === '/sysroot')?.dev
  const facts = readProcesses(careful, context).find((it) => it.pid === pid)
  t.match(facts, { exe: { dev, errno: null } })
  t.equal(careful.stat(`/proc/${pid}/cwd`).dev, dev)
  t.match(readHolders(careful, facts === undefined ? [] : [facts]), [{ descriptors: [{ fd: 5, dev, mode: 0 }] }])
})
