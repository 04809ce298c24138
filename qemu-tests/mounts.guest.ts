// `fulcrum mounts` on the guest's kernel: see qemu-tests/mounts.qemu.test.ts. The root was switched to by MS_MOVE.
import { mkdirSync, writeFileSync } from 'node:fs'
import { MS_BIND, MS_MOVE, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE } from '../src/abi/mount.ts'
import { CLONE_NEWNS, O_RDONLY, SIGKILL } from '../src/abi/process.ts'
import type { MountNode, MountTree } from '../src/facts/mounts/mount-tree.ts'
import { seenBy } from '../src/facts/mounts/namespaces.ts'
import type { Row, StartedTable } from '../src/kernel/child-table.ts'
import { mountsCommand } from '../src/commands/mounts.ts'
import { toFd } from '../src/kernel/kernel.ts'
import { createKoffiKernel } from '../src/kernel/koffi-kernel.ts'
import { chdir, chroot, mount, open } from '../src/kernel/oracles/calls.ts'
import { waitReadable } from '../src/kernel/wait-readable.ts'
import { readBusy } from '../src/mounts/read-busy.ts'
import { readByMountInfo, readByStatmount, readMounts } from '../src/mounts/read-mounts.ts'
import { readNamespaces } from '../src/mounts/read-namespaces.ts'
import { guestTap } from './harness/guest-tap.ts'

const k = createKoffiKernel()
const tap = guestTap((text) => k.write(toFd(1), text))
const series = process.env['FULCRUM_KERNEL_SERIES'] ?? ''
/** statmount(2), and what the kernel says of other namespaces. */
const isNew = series !== '6.1'
const SYS_PAUSE = 34

const tmpfs = (source: string, at: string): void => {
  mkdirSync(at, { recursive: true })
  k.mount(source, at, 'tmpfs', 0, null)
}
const propagation = (at: string, flags: number): void => k.mount('none', at, null, flags, null)
const plain = (m: MountNode): object => {
  const { uniqueId: _u, parentUniqueId: _p, depth: _d, ...rest } = m
  return rest
}

/** A process in a mount namespace of its own that has made the calls and waits. */
function start(calls: readonly Row[]): StartedTable {
  const rows: Row[] = [...calls, { nr: SYS_PAUSE, args: [] }]
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

/** Runs the packed program, which takes its time to start in a guest. */
const fulcrum = (...args: string[]): { code: number | null; stdout: string; stderr: string } => k.run('/bin/fulcrum', args, { env: { PATH: '/bin' } })

/** The same command in this process. */
function command(...args: string[]): string {
  let out = ''
  void mountsCommand.run(args, { stdout: (text) => { out += text }, stderr: (text) => { out += text }, isTerminal: false, env: {}, kernel: () => k })
  return out
}
const parsed = (text: string): { [name: string]: unknown } => Object(JSON.parse(text))

function theShadow(tree: MountTree): void {
  tap.same('how it is read', tree.from, isNew ? 'statmount' : 'mountinfo')
  const beneath = tree.nodes.filter((m) => m.mountPoint === null)
  // What the switch by MS_MOVE has covered: the rootfs, on 7.0 and newer on a nullfs.
  const wanted = series === '6.1' ? [] : series === '6.12' ? ['rootfs'] : ['nullfs', 'rootfs']
  tap.same('beneath "/"', beneath.map((m) => m.fstype), wanted)
  tap.same('all of it hidden', beneath.every((m) => m.hidden), true)
  const root = tree.byId.get(tree.rootId ?? -1)
  tap.same('the root', [root?.fstype, root?.mountPoint, root?.hidden], ['ext4', '/', false])
  if (isNew) tap.same('the root lies on the old one', root?.parentId, beneath.at(-1)?.id)
}

function theArrangement(): void {
  tmpfs('shared', '/m/a')
  propagation('/m/a', MS_PRIVATE)
  propagation('/m/a', MS_SHARED)
  for (const at of ['/m/b', '/m/c', '/m/d']) mkdirSync(at)
  k.mount('/m/a', '/m/b', null, MS_BIND, null)
  k.mount('/m/a', '/m/c', null, MS_BIND, null)
  propagation('/m/c', MS_SLAVE)
  for (const i of [0, 1, 2]) tmpfs(`stack${i}`, '/m/stack')
  tmpfs('odd', '/m/o d\td\\ #\n\u00e9')
  tmpfs('event', '/m/a/event')
  tmpfs('inner', '/m/d/in')
  tmpfs('cover', '/m/d')
}

function bothWays(): MountTree {
  const byText = readByMountInfo(k, 'self')
  const byCall = readByStatmount(k)
  tap.same('statmount is there', byCall !== undefined, isNew)
  const tree = byCall ?? byText
  const same = tree.nodes.filter((m) => byText.byId.has(m.id))
  tap.same('both list the same', same.length, byText.nodes.length)
  for (const m of same) {
    const other = byText.byId.get(m.id)
    tap.same(`both ways: ${String(m.mountPoint)} (${m.fstype})`, plain(m), other === undefined ? null : plain(other))
  }
  const at = (path: string): MountNode | undefined => tree.lookup(path)
  const group = at('/m/a/x')?.propagation.shared
  tap.same('a peer', [at('/m/b/x')?.propagation, group !== undefined], [{ shared: group }, true])
  tap.same('a slave', at('/m/c/x')?.propagation, { master: group })
  tap.same('the group', tree.groups.find((g) => g.id === group)?.peers.length, 2)
  tap.same('an event reaches peer and slave', ['/m/b/event/x', '/m/c/event/x'].map((path) => at(path)?.source), ['event', 'event'])
  tap.same('a stack', tree.nodes.filter((m) => m.source.startsWith('stack')).map((m) => m.hidden), [true, true, false])
  const [inner, cover] = ['inner', 'cover'].map((source) => tree.nodes.find((m) => m.source === source))
  tap.same('hidden by what lies above it', [inner?.hidden, inner?.hiddenBy], [true, cover?.id])
  tap.same('an odd name', at('/m/o d\td\\ #\n\u00e9/x')?.source, 'odd')
  return tree
}

function otherNamespaces(tree: MountTree): void {
  mkdirSync('/m/root')
  const slave = start([mount('none', '/', null, MS_SLAVE | MS_REC, null)])
  const moved = start([
    mount('none', '/', null, MS_PRIVATE | MS_REC, null), mount('/', '/m/root', null, MS_BIND | MS_REC, null),
    chdir('/m/root'), mount('.', '/', null, MS_MOVE, null), chroot('.'),
  ])
  const kept = start([mount('none', '/', null, MS_PRIVATE | MS_REC, null), mount('only there', '/m/stack', 'tmpfs', 0, null), open('/dev/null', O_RDONLY)])
  const name = (child: StartedTable): string => k.readlink(`/proc/${child.pid}/ns/mnt`)
  const [slaveName, movedName, keptName] = [slave, moved, kept].map(name)
  const descriptor = k.open(`/proc/${kept.pid}/ns/mnt`, O_RDONLY)
  end(kept)
  const all = readNamespaces(k)
  const shared = tree.lookup('/m/a/x')
  const who = shared === undefined ? undefined : seenBy(all)(shared)
  tap.same('the slave namespace is linked, the private one not', [who?.linked.includes(slaveName ?? ''), who?.linked.includes(movedName ?? '')], [true, false])
  tap.same('both have the file system', [slaveName, movedName].every((one) => who?.sameFs.includes(one ?? '')), true)
  const shadow = all.list.find((ns) => ns.id === movedName)
  const lines = k.readText(`/proc/${moved.pid}/mountinfo`).trimEnd().split('\n').length
  const beneath = (shadow?.tree.nodes.length ?? 0) - lines
  tap.same('its shadow tree is seen', beneath >= lines, isNew)
  tap.same('unique ids of namespaces', all.list.every((ns) => (ns.uniqueId !== null) === isNew), true)
  const lonely = all.list.find((ns) => ns.id === keptName)
  tap.same('one that a descriptor keeps', lonely?.keptBy, isNew ? [{ pid: process.pid, command: 'node', fd: Number(descriptor) }] : undefined)
  // Before Linux 6.13 statmount tells no source.
  if (isNew) tap.same('and what is in it', lonely?.tree.lookup('/m/stack/x')?.source, series === '6.12' ? 'none' : 'only there')
  const printed = command('--all-namespaces')
  tap.same('the command lists them', [[slaveName, movedName].every((one) => printed.includes(one ?? '?')), printed.includes('kept by descriptor')], [true, isNew])
  k.close(descriptor)
  end(slave)
  end(moved)
}

function whatIsBusy(): void {
  writeFileSync('/swap file', Buffer.alloc(8 << 20))
  k.chmod('/swap file', 0o600)
  tap.same('swapon', k.run('/bin/busybox', ['sh', '-c', 'busybox mkswap "/swap file" > /dev/null && busybox swapon "/swap file"'], { env: { PATH: '/bin' } }).code, 0)
  writeFileSync('/m/d/image', Buffer.alloc(1 << 20))
  const device = k.run('/bin/busybox', ['losetup', '-f'], { env: {} }).stdout.trim()
  tap.same('losetup', k.run('/bin/busybox', ['losetup', device, '/m/d/image'], { env: {} }).code, 0)
  const { tree } = readMounts(k, 'self')
  const root = readBusy(k, tree, '/')
  tap.same('a swap file on "/"', root.swapFiles, ['/swap file'])
  tap.same('this process on "/"', root.processes.some((use) => use.pid === process.pid && use.what === 'cwd'), true)
  const cover = readBusy(k, tree, '/m/d')
  tap.same('a loop device on another', [cover.swapFiles, cover.loops, cover.processes], [[], [{ device, file: '/m/d/image' }], []])
  tap.like('the command says so', command('--busy', '/'), /^ {2}swap {2}\/swap file$/m)
  k.swapoff('/swap file')
  tap.same('gone with swapoff', readBusy(k, tree, '/').swapFiles, [])
}

function theProgram(tree: MountTree): void {
  const before = fulcrum('mounts', '--json')
  const { format, from, mounts } = parsed(before.stdout)
  tap.same('fulcrum mounts --json', [before.code, before.stderr, format, from], [0, '', 'fulcrum-mounts', tree.from])
  tap.same('the same mounts', Array.isArray(mounts) ? mounts.map((m: unknown) => Reflect.get(Object(m), 'id')) : mounts, tree.nodes.map((m) => m.id))
  tap.same('a picture', command('--svg').startsWith('<svg'), true)
  writeFileSync('/before', before.stdout)
  k.umount2('/m/stack', 0)
  tmpfs('added', '/m/new')
  writeFileSync('/after', command('--json'))
  const diff = fulcrum('mounts', 'diff', '/before', '/after')
  tap.same('a difference', [diff.code, diff.stdout.split('\n').filter((line) => /^[-+]/.test(line)).map((line) => line.split(/ +/).slice(0, 4).join(' '))], [1, ['- /m/stack tmpfs stack2', '+ /m/new tmpfs added']])
}

const parts: Readonly<Record<string, () => void>> = {
  shadow: () => theShadow(readMounts(k, 'self').tree),
  arrangement: theArrangement,
  ways: () => void bothWays(),
  namespaces: () => otherNamespaces(readMounts(k, 'self').tree),
  busy: whatIsBusy,
  program: () => theProgram(readMounts(k, 'self').tree),
}
for (const [name, part] of Object.entries(parts)) tap.attempt(name, part)
tap.end()
