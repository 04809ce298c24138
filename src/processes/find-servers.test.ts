// Who serves what is mounted at /oldroot, on a modelled machine that has come back into the initramfs.

import t from 'tap'
import { S_IFBLK, S_IFREG } from '../abi/process.ts'
import { makeDev, parseMountInfo } from '../facts/mountinfo.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import type { ModelProcess } from '../kernel/model/model-process.ts'
import type { Loc } from '../kernel/model/mount-tree.ts'
import { addEntry, dir, executable, file, populate, symlink } from '../kernel/model/vfs.ts'
import { carefulDoors, mayHang } from './careful-doors.ts'
import { findServers, findServersOf } from './find-servers.ts'

interface Machine {
  readonly k: ModelKernel
  /** A process by what it executes: a path of the initramfs or of the root. */
  readonly start: (exe: string, argv?: readonly string[], more?: { readonly ppid?: number; readonly uid?: number }) => ModelProcess
  readonly asked: (directory?: string) => Map<number, string>
}

/** "/" is the initramfs; /oldroot is on nbd0, /oldroot/home on nbd1, each served by the process of that pid. */
function machine(rootServer: number, homeServer: number): Machine {
  const k = createBootedModel({ root: { '/bin/sh': executable('x'), '/bin/nbd-client': executable('x'), '/home': dir() } })
  k.mkdir('/oldroot', 0o755)
  k.mount('/sysroot', '/oldroot', null, 8192, null)
  k.world.addDisk('nbd1', { major: 43, minor: 32, fstype: 'ext4', files: { '/file': file('x') } })
  k.mount('/dev/nbd1', '/oldroot/home', 'ext4', 0, null)
  const nbd = (name: string, numbers: string, pid: number): void => {
    const at = `/devices/virtual/block/${name}`
    populate(k.world.sys, { [`${at}/dev`]: file(`${numbers}\n`), [`${at}/pid`]: file(`${pid}\n`), [`/dev/block/${numbers}`]: symlink(`../..${at}`) })
  }
  nbd('nbd0', '254:0', rootServer)
  nbd('nbd1', '43:32', homeServer)
  const { ns, root, cwd } = k.proc
  const locate = (path: string): Loc => {
    const mnt = k.world.mounts.all.find((m) => (path.startsWith('/oldroot/') ? m.sb.fstype === 'ext4' && m.sb.source === '/dev/vda' : m === root.mnt))
    const node = mnt === undefined ? undefined : k.world.nodeAt(mnt.sb, path.replace(/^\/oldroot/, ''))
    if (mnt === undefined || node === undefined) throw new Error(`no '${path}'`)
    return { mnt, node }
  }
  return {
    k,
    start: (path, argv = [path], more = {}) => k.world.addProcess({ comm: path.slice(path.lastIndexOf('/') + 1), argv, exe: locate(path), ns, root, cwd, ...more }),
    asked: (directory = '/oldroot') => findServers(k, parseMountInfo(k.readText('/proc/self/mountinfo')), directory),
  }
}

/** A descriptor on a block device of the devtmpfs. */
function holds(k: ModelKernel, process: ModelProcess, name: string): void {
  const node = k.world.nodeAt(k.world.devtmpfs, name)
  if (node === undefined) throw new Error(`no ${name}`)
  process.fds.set(5, { file: { kind: 'node', loc: { mnt: k.proc.root.mnt, node }, flags: 0, offset: 0 }, cloexec: false })
}

t.test('servers of the root and of what is mounted in it; nobody else', async (t) => {
  const { k, start, asked } = machine(500, 501)
  const client = start('/bin/fulcrum')
  const home = start('/oldroot/bin/nbd-client')
  const shell = start('/oldroot/bin/sh')
  for (const [name, pid] of [['nbd0', client.pid], ['nbd1', home.pid]] as const) k.writeFile(`/sys/devices/virtual/block/${name}/pid`, `${pid}\n`)
  t.strictSame([...asked()], [[client.pid, "it serves nbd0, which '/oldroot' is on"], [home.pid, "it serves nbd1, which '/oldroot/home' is on"]])
  t.notOk(asked().has(shell.pid))
  k.umount2('/oldroot/home', 0)
  t.strictSame([...asked().keys()], [client.pid], 'it shrinks with what is mounted')
  const child = start('/bin/fulcrum', ['ssh'], { ppid: client.pid })
  t.match(asked().get(child.pid), /its parent \d+ is needed by '\/oldroot'/)
})

t.test('what runs from a file system does not serve it, whatever it holds open', async (t) => {
  const { k, start, asked } = machine(1, 1)
  const smartd = start('/oldroot/bin/sh')
  const monitor = start('/bin/fulcrum')
  for (const process of [smartd, monitor]) holds(k, process, 'vda')
  t.strictSame([...asked()], [[monitor.pid, "it holds nbd0 open, which '/oldroot' is on"]])
  holds(k, smartd, 'nbd1')
  t.strictSame([...asked()].map(([pid]) => pid).sort(), [smartd.pid, monitor.pid].sort(), 'another one it may')
  t.strictSame([...findServersOf(k, parseMountInfo(k.readText('/proc/self/mountinfo')), [])], [])
})

t.test("systemd's marks count, of what is on none of it", async (t) => {
  const { start, asked } = machine(1, 1)
  const vpn = start('/bin/fulcrum', ['@vpn'])
  start('/bin/fulcrum', ['@user'], { uid: 1000 })
  start('/oldroot/bin/sh', ['@buggy'])
  start('/bin/fulcrum', ['plain'])
  t.strictSame([...asked()], [[vpn.pid, 'it is marked to survive']])
})

t.test('never PID 1, never this process, no zombie', async (t) => {
  const { k, start, asked } = machine(1, 1)
  holds(k, k.proc, 'vda')
  const ended = start('/bin/fulcrum', ['@x'])
  ended.state = 'Z'
  t.strictSame([...asked()], [])
})

t.test('files on what may be dead are not asked', async (t) => {
  for (const type of ['fuse', 'fuse.sshfs', 'fuseblk', 'nfs', 'nfs4', 'cifs', 'smb3', '9p', 'ceph']) t.ok(mayHang(type), type)
  for (const type of ['ext4', 'fusectl', 'btrfs', 'overlay', 'tmpfs', 'nsfs']) t.notOk(mayHang(type), type)
  const { k, start } = machine(1, 1)
  const shell = start('/oldroot/bin/sh')
  const path = `/proc/${shell.pid}/exe`
  const mounts = parseMountInfo(k.readText('/proc/self/mountinfo'))
  const [dev] = mounts.filter((m) => m.mountPoint === '/oldroot').map((m) => m.dev)
  t.match(carefulDoors(k, mounts).stat(path), { dev, mode: S_IFREG | 0o755 }, 'asked')
  const network = mounts.map((m) => (m.mountPoint === '/oldroot' ? { ...m, fstype: 'nfs4', dev: makeDev(0, 99) } : m))
  const careful = carefulDoors(k, network)
  k.failNext('stat', 'EIO', (args) => args[0] === path)
  t.match(careful.stat(path), { dev: makeDev(0, 99), ino: 0n, mode: 0 })
  t.throws(() => careful.open(path, 0), { code: 'EIO' })
  t.equal(careful.readlink(path), '/oldroot/bin/sh')
  t.ok(careful.stat(`/proc/${k.proc.pid}/exe`).ino > 0n, 'other files are asked')
  const node = addEntry(k.world.devtmpfs.root, 'nbd7', S_IFBLK | 0o660, { kind: 'special' }, makeDev(43, 7))
  t.equal(careful.stat('/dev/nbd7').rdev, node.rdev)
})
