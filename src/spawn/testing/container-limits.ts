// What must be where when a container is made, and why: each row of the table in docs/containers.md as an experiment.
//
// A row is a list of raw calls, of which the last is looked at. "Outer" has the capabilities of the host, "inner" has
// entered a user namespace; the rest of the name says which other namespaces are its own.

import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, FSCONFIG_CMD_CREATE, FSCONFIG_SET_FD, MNT_DETACH, MOUNT_ATTR_IDMAP, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, OPEN_TREE_CLONE, OPEN_TREE_NAMESPACE } from '../../abi/mount.ts'
import { O_CLOEXEC, O_RDONLY } from '../../abi/process.ts'
import type { Fd, Kernel } from '../../kernel/kernel.ts'
import { as, call, got, lastAnswer, makeUserNamespace, writeMaps } from './call-lab.ts'
import type { LabCall } from './call-lab.ts'

const NS = { mnt: 0x20000, cgroup: 0x2000000, uts: 0x4000000, ipc: 0x8000000, user: 0x10000000, pid: 0x20000000, net: 0x40000000 } as const
const ALL_AT_ONCE = NS.user | NS.cgroup | NS.uts | NS.ipc | NS.pid | NS.net
const ALL_BUT_USER = NS.mnt | NS.cgroup | NS.uts | NS.ipc | NS.pid | NS.net
const [CLONE_FS, CLONE_VM, CLONE_PARENT, SIGCHLD] = [0x200, 0x100, 0x8000, 17]
const S_IFCHR = 0o020000
const [LOCK_SH, LOCK_EX, LOCK_UN] = [1, 2, 8]
const MAP = '0 100000 65536\n'

/** What the experiments have ready: made once in the mount namespace of the test. */
export interface Lab {
  /** A tmpfs with the directories a, p, s and ro (a tmpfs mounted read-only on it), and a `file` whose owner no map has. */
  readonly at: string
  readonly user: Fd
  /** The mount namespace of the test. */
  readonly mounts: Fd
  /** A detached copy of the tmpfs, and a detached proc, as this process makes them; closed with the rest. */
  readonly tree: () => Fd
  readonly proc: () => Fd
  readonly opened: Fd[]
}

export function makeLab(kernel: Kernel, at: string): Lab {
  kernel.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
  kernel.mkdir(at, 0o755)
  kernel.mount('lab', at, 'tmpfs', 0, null)
  for (const name of ['a', 'p', 's', 'ro', 'new']) kernel.mkdir(`${at}/${name}`, 0o777)
  kernel.mount('ro', `${at}/ro`, 'tmpfs', MS_RDONLY, null)
  for (const name of ['file', 'gate']) kernel.writeFile(`${at}/${name}`, 'x', 0o666)
  const opened: Fd[] = []
  const kept = (fd: Fd): Fd => {
    opened.push(fd)
    return fd
  }
  return {
    at, opened, user: kept(makeUserNamespace(kernel, MAP)), mounts: kept(kernel.open('/proc/self/ns/mnt', O_RDONLY | O_CLOEXEC)),
    tree: () => kept(kernel.openTree(AT_FDCWD, at, OPEN_TREE_CLONE | AT_RECURSIVE)), proc: () => kept(kernel.fsmount(kept(kernel.fsopen('proc')), 0)),
  }
}

export function endLab(kernel: Kernel, lab: Lab): void {
  lab.opened.forEach((fd) => kernel.close(fd))
  kernel.umount2(lab.at, MNT_DETACH)
  kernel.rmdir(lab.at)
}

export type Series = '6.1' | '6.12' | '6.18' | '7.x'

/** EINVAL before that kernel. */
function since(first: Series): Readonly<Record<Series, string>> {
  const all = ['6.1', '6.12', '6.18', '7.x'] as const
  const answers = all.map((one) => [one, all.indexOf(one) < all.indexOf(first) ? 'EINVAL' : 'ok'])
  return { '6.1': 'ok', '6.12': 'ok', '6.18': 'ok', '7.x': 'ok', ...Object.fromEntries(answers) }
}

export interface Limit {
  readonly name: string
  readonly calls: (lab: Lab) => readonly LabCall[]
  /** What the last call answers, on all kernels or on each. */
  readonly answer: string | Readonly<Record<Series, string>>
  readonly flags?: number
}

const attr = (set: number, clear: number, propagation: number, fd: number): Uint8Array => {
  const bytes = Buffer.alloc(32)
  ;[set, clear, propagation, fd].forEach((value, i) => bytes.writeBigUInt64LE(BigInt(value), 8 * i))
  return bytes
}
/** As root of the user namespace: whoever comes from the host has no name there. */
const enter = (lab: Lab): LabCall[] => [call('setns', lab.user, NS.user), call('setresgid', 0, 0, 0), call('setresuid', 0, 0, 0)]
const unshare = (flags: number): LabCall => call('unshare', flags)
const fork = (flags = 0): LabCall => ({ ...call('clone', flags | SIGCHLD, 0, 0, 0, 0), fork: true })
const mount = (fstype: string, at: string, flags = 0, data: string | null = null): LabCall => call('mount', fstype, at, fstype, flags, data)
/** A root without anything but empty directories, on which nothing of the host lies any more. */
const emptyRoot = (lab: Lab): LabCall[] => [
  unshare(NS.mnt), mount('tmpfs', `${lab.at}/new`), call('chdir', `${lab.at}/new`),
  ...['a', 'p', 's', 'ro', 'dev'].map((name) => call('mkdirat', AT_FDCWD, name, 0o755)),
  call('pivot_root', '.', '.'), call('umount2', '.', MNT_DETACH),
]
const inner = (lab: Lab, flags: number): LabCall[] => [...enter(lab), unshare(NS.mnt | flags)]
const innerPid = (lab: Lab, flags = 0): LabCall[] => [...enter(lab), fork(NS.mnt | NS.pid | flags)]
/** The mount of an outer namespace, ready as a descriptor: nobody has attached it. */
const detached = (label: string, fstype: string): LabCall[] => [
  as(`${label}-context`, call('fsopen', fstype, 0)),
  call('fsconfig', got(`${label}-context`), FSCONFIG_CMD_CREATE, 0, 0, 0),
  as(label, call('fsmount', got(`${label}-context`), 0, 0)),
]
const attach = (label: string, at: string): LabCall => call('move_mount', got(label), '', AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH)
const clearReadOnly = (at: string): LabCall => call('mount_setattr', AT_FDCWD, at, 0, attr(0, MOUNT_ATTR_RDONLY, 0, 0), 32)
const clone = (label: string, path: string): LabCall => as(label, call('open_tree', AT_FDCWD, path, OPEN_TREE_CLONE | AT_RECURSIVE))

/** The tree of the lab, a detached copy by the host, as a mount namespace that the user namespace owns. */
const treeNamespace = (lab: Lab): LabCall[] => [
  clone('tree', lab.at), ...enter(lab),
  as('ns', call('open_tree', got('tree'), '', OPEN_TREE_NAMESPACE | AT_EMPTY_PATH | AT_RECURSIVE)), call('setns', got('ns'), NS.mnt),
]
const NOT_MADE = { '6.1': '5. open_tree: EINVAL', '6.12': '5. open_tree: EINVAL', '6.18': '5. open_tree: EINVAL' } as const
const NOT_MADE_AFTER_FORK = { '6.1': '6. open_tree: EINVAL', '6.12': '6. open_tree: EINVAL', '6.18': '6. open_tree: EINVAL' } as const

/** In namespaces of every kind since its clone, with the user namespace's map written meanwhile: a root of the host's making. */
const everythingAtOnce = (lab: Lab): LabCall[] => [
  as('gate', call('openat', AT_FDCWD, `${lab.at}/gate`, O_RDONLY, 0)), call('flock', got('gate'), LOCK_SH), call('setresgid', 0, 0, 0), call('setresuid', 0, 0, 0),
  as('ns', call('open_tree', lab.tree(), '', OPEN_TREE_NAMESPACE | AT_EMPTY_PATH | AT_RECURSIVE)), call('setns', got('ns'), NS.mnt),
  call('move_mount', lab.proc(), '', AT_FDCWD, '/a', MOVE_MOUNT_F_EMPTY_PATH), mount('proc', '/p'), call('umount2', '/a', MNT_DETACH), call('umount2', '/ro', MNT_DETACH),
]

export const LIMITS: readonly Limit[] = [
  // What needs the capabilities of the host: before the user namespace is entered.
  { name: 'inner: a device node', calls: (lab) => [...inner(lab, 0), mount('tmpfs', `${lab.at}/a`), call('mknodat', AT_FDCWD, `${lab.at}/a/null`, S_IFCHR | 0o666, 0x103)], answer: 'EPERM' },
  { name: 'inner: an owner that the map does not have', calls: (lab) => [...inner(lab, 0), call('fchownat', AT_FDCWD, `${lab.at}/file`, 70000, 70000, 0)], answer: 'EINVAL' },
  { name: 'inner: devtmpfs', calls: (lab) => [...inner(lab, 0), mount('devtmpfs', `${lab.at}/a`)], answer: 'EPERM' },
  { name: 'inner: an id map on a mount of the host', calls: (lab) => [...inner(lab, 0), clone('tree', `${lab.at}/a`), call('mount_setattr', got('tree'), '', AT_EMPTY_PATH, attr(MOUNT_ATTR_IDMAP, 0, 0, lab.user), 32)], answer: { '6.1': 'EINVAL', '6.12': 'EPERM', '6.18': 'EPERM', '7.x': 'EPERM' } },
  { name: 'outer: an id map on a mount of the host', calls: (lab) => [clone('tree', `${lab.at}/a`), call('mount_setattr', got('tree'), '', AT_EMPTY_PATH, attr(MOUNT_ATTR_IDMAP, 0, 0, lab.user), 32)], answer: since('6.12') },
  { name: 'inner: back into the mount namespace of the host', calls: (lab) => [...inner(lab, 0), call('setns', lab.mounts, NS.mnt)], answer: 'EPERM' },
  { name: 'inner, mount namespace of the host: a mount', calls: (lab) => [...enter(lab), mount('tmpfs', `${lab.at}/a`)], answer: 'EPERM' },
  { name: 'inner, mount namespace of the host: fsopen(2)', calls: (lab) => [...enter(lab), call('fsopen', 'tmpfs', 0)], answer: 'EPERM' },
  // What is locked: only a copy that crosses into the user namespace is.
  { name: 'inner: an inherited mount off', calls: (lab) => [...inner(lab, 0), call('umount2', `${lab.at}/ro`, MNT_DETACH)], answer: 'EINVAL' },
  { name: 'inner: an inherited mount read-write', calls: (lab) => [...inner(lab, 0), clearReadOnly(`${lab.at}/ro`)], answer: 'EPERM' },
  { name: 'inner: the same by a bind of it', calls: (lab) => [...inner(lab, 0), call('mount', `${lab.at}/ro`, `${lab.at}/a`, 0, MS_BIND, 0), call('mount', 0, `${lab.at}/a`, 0, MS_REMOUNT | MS_BIND, 0)], answer: 'EPERM' },
  { name: 'inner: a detached mount of the host, attached', calls: (lab) => [clone('tree', `${lab.at}/ro`), ...inner(lab, 0), attach('tree', `${lab.at}/a`)], answer: 'ok' },
  { name: 'inner: such a mount off again', calls: (lab) => [clone('tree', `${lab.at}/ro`), ...inner(lab, 0), attach('tree', `${lab.at}/a`), call('umount2', `${lab.at}/a`, MNT_DETACH)], answer: 'ok' },
  { name: 'inner: such a mount read-write', calls: (lab) => [clone('tree', `${lab.at}/ro`), ...inner(lab, 0), attach('tree', `${lab.at}/a`), clearReadOnly(`${lab.at}/a`)], answer: 'ok' },
  { name: 'inner: such a tree as a namespace', calls: (lab) => treeNamespace(lab).slice(0, -1), answer: since('7.x') },
  { name: 'inner: into that namespace', calls: treeNamespace, answer: { ...since('7.x'), ...NOT_MADE } },
  { name: 'inner: a mount of that namespace off', calls: (lab) => [...treeNamespace(lab), call('umount2', '/ro', MNT_DETACH)], answer: { ...NOT_MADE, '7.x': 'EINVAL' } },
  { name: 'inner: a mount of that namespace read-write', calls: (lab) => [...treeNamespace(lab), clearReadOnly('/ro')], answer: { ...NOT_MADE, '7.x': 'EPERM' } },
  { name: 'inner + pid: proc in that namespace', calls: (lab) => [...treeNamespace(lab).slice(0, 4), fork(NS.pid), ...treeNamespace(lab).slice(4), mount('proc', '/p')], answer: { ...NOT_MADE_AFTER_FORK, '7.x': 'EPERM' } },
  // What belongs to a namespace: only in the one it shall show.
  { name: 'inner: proc', calls: (lab) => [...inner(lab, 0), mount('proc', `${lab.at}/p`)], answer: 'EPERM' },
  { name: 'inner + pid: proc', calls: (lab) => [...innerPid(lab), mount('proc', `${lab.at}/p`)], answer: 'ok' },
  { name: 'inner + pid, no proc in sight: proc', calls: (lab) => [...emptyRoot(lab), ...innerPid(lab), mount('proc', '/p')], answer: 'EPERM' },
  { name: 'inner + pid, a proc of the host attached first: proc', calls: (lab) => [...detached('pin', 'proc'), ...emptyRoot(lab), ...innerPid(lab), attach('pin', '/a'), mount('proc', '/p')], answer: 'ok' },
  { name: 'inner + pid, such a pin and off again: proc', calls: (lab) => [...detached('pin', 'proc'), ...emptyRoot(lab), ...innerPid(lab), attach('pin', '/a'), mount('proc', '/p'), call('umount2', '/a', MNT_DETACH)], answer: 'ok' },
  { name: 'inner + pid, the pin inherited and then off: proc', calls: (lab) => [...emptyRoot(lab), mount('proc', '/a'), ...innerPid(lab), mount('proc', '/p'), call('umount2', '/a', MNT_DETACH)], answer: 'EINVAL' },
  { name: 'outer + pid, then the user namespace: proc before', calls: (lab) => [...emptyRoot(lab), fork(NS.pid), mount('proc', '/p'), ...enter(lab), unshare(NS.mnt)], answer: 'ok' },
  { name: 'outer + pid, then the user namespace: proc again', calls: (lab) => [...emptyRoot(lab), fork(NS.pid), mount('proc', '/p'), ...enter(lab), unshare(NS.mnt), mount('proc', '/a')], answer: 'EPERM' },
  { name: 'outer + pid, no user namespace: everything', calls: (lab) => [...emptyRoot(lab), fork(ALL_BUT_USER), mount('proc', '/p'), mount('sysfs', '/s'), mount('cgroup2', '/s/fs/cgroup'), mount('mqueue', '/a')], answer: 'ok' },
  { name: 'inner: sysfs', calls: (lab) => [...inner(lab, 0), mount('sysfs', `${lab.at}/s`)], answer: 'EPERM' },
  { name: 'inner + net: sysfs', calls: (lab) => [...inner(lab, NS.net), mount('sysfs', `${lab.at}/s`)], answer: 'ok' },
  { name: 'inner + net, no sysfs in sight: sysfs', calls: (lab) => [...emptyRoot(lab), ...inner(lab, NS.net), mount('sysfs', '/s')], answer: 'EPERM' },
  { name: 'inner + net, a sysfs of the host attached first: sysfs', calls: (lab) => [...detached('pin', 'sysfs'), ...emptyRoot(lab), ...inner(lab, NS.net), attach('pin', '/a'), mount('sysfs', '/s')], answer: 'ok' },
  { name: 'inner: mqueue', calls: (lab) => [...inner(lab, 0), mount('mqueue', `${lab.at}/a`)], answer: 'EPERM' },
  { name: 'inner + ipc: mqueue', calls: (lab) => [...inner(lab, NS.ipc), mount('mqueue', `${lab.at}/a`)], answer: 'ok' },
  { name: 'inner: cgroup2', calls: (lab) => [...inner(lab, 0), mount('cgroup2', `${lab.at}/a`)], answer: 'EPERM' },
  { name: 'inner + cgroup: cgroup2', calls: (lab) => [...inner(lab, NS.cgroup), mount('cgroup2', `${lab.at}/a`)], answer: 'ok' },
  { name: 'inner: the host name', calls: (lab) => [...inner(lab, 0), call('sethostname', 'x', 1)], answer: 'EPERM' },
  { name: 'inner + uts: the host name', calls: (lab) => [...inner(lab, NS.uts), call('sethostname', 'x', 1)], answer: 'ok' },
  { name: 'inner: the loopback device', calls: (lab) => [...inner(lab, 0), as('s', call('socket', 2, 2, 0)), call('ioctl', got('s'), 0x8914, loopback())], answer: 'EPERM' },
  { name: 'inner + net: the loopback device', calls: (lab) => [...inner(lab, NS.net), as('s', call('socket', 2, 2, 0)), call('ioctl', got('s'), 0x8914, loopback())], answer: 'ok' },
  { name: 'inner: devpts', calls: (lab) => [...inner(lab, 0), mount('devpts', `${lab.at}/a`, 0, 'newinstance,ptmxmode=0666,gid=5')], answer: 'ok' },
  { name: 'inner: devpts with a group that the map does not have', calls: (lab) => [...inner(lab, 0), mount('devpts', `${lab.at}/a`, 0, 'newinstance,gid=70000')], answer: 'EINVAL' },
  { name: 'inner: overlay', calls: (lab) => [...inner(lab, 0), mount('tmpfs', `${lab.at}/a`), call('mkdir', `${lab.at}/a/u`, 0o755), call('mkdir', `${lab.at}/a/w`, 0o755), mount('overlay', `${lab.at}/p`, 0, `lowerdir=${lab.at}/s,upperdir=${lab.at}/a/u,workdir=${lab.at}/a/w`)], answer: 'ok' },
  // What decides how many processes there are.
  { name: 'outer after unshare(CLONE_NEWPID): its own proc is that of the old one', calls: (lab) => [unshare(NS.mnt | NS.pid), mount('proc', `${lab.at}/p`), call('open_tree', AT_FDCWD, `${lab.at}/p/1/ns`, O_CLOEXEC)], answer: 'ok' },
  { name: 'outer: proc with pidns= of another pid namespace', calls: pidnsOption, answer: since('6.18') },
  { name: 'everything by one clone: the root as a namespace', calls: (lab) => everythingAtOnce(lab).slice(0, 5), flags: ALL_AT_ONCE, answer: since('7.x') },
  { name: 'everything by one clone: its proc, and the pin off', calls: (lab) => everythingAtOnce(lab).slice(0, 9), flags: ALL_AT_ONCE, answer: { ...NOT_MADE, '7.x': 'ok' } },
  { name: 'everything by one clone: a mount of the root off', calls: everythingAtOnce, flags: ALL_AT_ONCE, answer: { ...NOT_MADE, '7.x': 'EINVAL' } },
  { name: 'shared memory: a new user namespace', calls: () => [unshare(NS.user)], flags: CLONE_VM, answer: 'ok' },
  { name: 'shared memory: an existing user namespace', calls: (lab) => enter(lab), flags: CLONE_VM, answer: 'ok' },
  { name: 'shared root and working directory: a mount namespace', calls: (lab) => [call('setns', lab.mounts, NS.mnt)], flags: CLONE_FS, answer: 'EINVAL' },
  { name: 'CLONE_PARENT', calls: () => [call('clone', CLONE_PARENT | SIGCHLD, 0, 0, 0, 0)], answer: 'ok' },
  { name: 'CLONE_PARENT from PID 1 of a namespace', calls: () => [call('clone', CLONE_PARENT | SIGCHLD, 0, 0, 0, 0)], flags: NS.pid, answer: 'EINVAL' },
]

function loopback(): Uint8Array {
  const request = Buffer.alloc(40)
  request.write('lo')
  request.writeUInt16LE(0x1 | 0x40, 16)
  return request
}
function pidnsOption(): LabCall[] {
  return [
    as('pidns', call('openat', AT_FDCWD, '/proc/self/ns/pid', O_RDONLY, 0)), as('context', call('fsopen', 'proc', 0)),
    call('fsconfig', got('context'), FSCONFIG_SET_FD, 'pidns', 0, got('pidns')),
  ]
}

/** What the last call of the experiment answers; a user namespace that is made by the clone gets its map meanwhile. */
export function answerOf(kernel: Kernel, lab: Lab, { calls, flags = 0 }: Limit): string {
  if ((flags & NS.user) === 0) return lastAnswer(kernel, calls(lab), flags)
  const gate = kernel.open(`${lab.at}/gate`, O_RDONLY | O_CLOEXEC)
  try {
    kernel.flock(gate, LOCK_EX)
    return lastAnswer(kernel, calls(lab), flags, (pid) => {
      writeMaps(kernel, pid, MAP)
      kernel.flock(gate, LOCK_UN)
    })
  } finally {
    kernel.close(gate)
  }
}

export const wantedAnswer = ({ answer }: Limit, series: Series): string => (typeof answer === 'string' ? answer : answer[series])
