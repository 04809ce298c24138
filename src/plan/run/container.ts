// planContainer: which namespaces, in which order, by one child or by two.
//
// Pure. One child does it all, also into a user namespace: it makes the mounts with the host's capabilities, enters, and
// copies them, which locks them. Its pid namespace is then the host's; where that matters, because CAP_SYS_ADMIN is kept
// inside, there are two, and PID 1 is cloned by a process of the user namespace.  docs/containers.md

import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MS_NODEV, MS_PRIVATE, OPEN_TREE_CLONE, OPEN_TREE_NAMESPACE } from '../../abi/mount.ts'
import { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS, CLONE_PARENT } from '../../abi/process.ts'
import { isBelow } from '../../facts/paths.ts'
import type { ContainerRequest, RunFacts } from '../../facts/run/run-types.ts'
import { calls, handle, makeCall, result } from './calls.ts'
import { cgroupSteps } from './cgroup-steps.ts'
import { commandTail, withInit } from './command-tail.ts'
import { checkContainer } from './container-checks.ts'
import { attachBinds, bindPlaces, bindTree, canMake, deviceMount, deviceMounts, devptsOptions, makeMissing, memoryMounts, ownTerminal, procMounts, rootOwner, rootReadOnly, sysMounts, usrLinks } from './container-mounts.ts'
import { idMapText } from './id-map.ts'
import type { ChildCall, Handle, HostStep, RunPlan, RunPlanResult } from './run-plan.ts'

const SAFE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
/** keyctl(2). */
const KEYCTL_JOIN_SESSION_KEYRING = 1
/** netdevice(7). */
const SIOCSIFFLAGS = 0x8914
const [IFF_UP, IFF_RUNNING] = [0x1, 0x40]
const [AF_INET, SOCK_DGRAM_CLOEXEC] = [2, 0o2000002]
const [ROOT, MEMORY, USR, SYS, RESOLV] = [handle('root'), handle('memory'), handle('usr'), handle('sys'), handle('resolv-conf')]

/** Namespaces besides those of mounts, users, processes and cgroups. */
const ownNamespaces = (request: ContainerRequest): number => CLONE_NEWIPC | CLONE_NEWUTS | (request.network === 'none' ? CLONE_NEWNET : 0)

/** Whether the container can make use of a pid namespace that belongs to its user namespace: mount its proc again. */
const isAdministrator = ({ capabilities }: ContainerRequest): boolean => capabilities === null || capabilities.includes('sys_admin')

/** A detached copy of a tree of the host, with its owners as the container sees them where `map` is given. */
function copyOf(from: string, as: Handle, options: { readonly recursive: boolean; readonly set?: number; readonly map: Handle | null }): HostStep[] {
  const { recursive, set = 0, map } = options
  return [
    { op: 'open-tree', from, flags: OPEN_TREE_CLONE | (recursive ? AT_RECURSIVE : 0), as: as.handle },
    { op: 'set-attributes', tree: as, recursive, set, clear: 0, propagation: MS_PRIVATE, userNamespace: map },
  ]
}

/** The host's name servers, for a container in its network that has such a file, which may be a link to one. */
const resolvConf = (request: ContainerRequest, facts: RunFacts): string | null =>
  facts.present['/etc/resolv.conf'] === 'file' && request.volatile !== 'yes' && !request.binds.some(({ target }) => isBelow('/etc/resolv.conf', target)) ? facts.resolvConf : null

/** The trees that the child attaches: nobody on the host sees them meanwhile. */
function trees(request: ContainerRequest, facts: RunFacts, user: Handle | null): HostStep[] {
  const { root, volatile, binds, network } = request
  const { uid, gid } = rootOwner(request)
  const map = facts.root.alreadyMapped ? null : user
  const owner = [['mode', '755'], ['uid', String(uid)], ['gid', String(gid)]] as const
  const memory: HostStep = { op: 'new-mount', fstype: 'tmpfs', options: owner, attributes: MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, as: MEMORY.handle }
  return [
    ...(volatile === 'yes' || volatile === 'overlay' ? [memory] : []),
    ...(volatile === 'yes' ? copyOf(`${root === '/' ? '' : root}/usr`, USR, { recursive: true, set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, map }) : copyOf(root, ROOT, { recursive: !facts.root.isHostRoot, set: MOUNT_ATTR_NODEV, map })),
    ...binds.flatMap(({ source, readOnly, recursive, idMapped }, i) =>
      copyOf(facts.sources[source]?.path ?? source, bindTree(i), { recursive, set: readOnly ? MOUNT_ATTR_RDONLY : 0, map: idMapped === true ? user : null })),
    ...(resolvConf(request, facts) === null ? [] : copyOf(resolvConf(request, facts) ?? '', RESOLV, { recursive: false, set: MOUNT_ATTR_RDONLY, map: null })),
    ...(network === 'host' ? copyOf('/sys', SYS, { recursive: false, set: SAFE | MOUNT_ATTR_RDONLY, map: null }) : []),
  ]
}

/** Into a mount namespace of its own, whose root the tree is. The template is copied instead of the host's mounts. */
function enterRoot(request: ContainerRequest, namespace: boolean): ChildCall[] {
  if (namespace) return [calls.setns(handle('namespace'), CLONE_NEWNS)]
  const { volatile } = request
  const first = volatile === 'yes' || volatile === 'overlay' ? MEMORY : ROOT
  const { uid, gid } = rootOwner(request)
  const owned = (name: string): ChildCall[] => [calls.mkdir(AT_FDCWD, name, 0o755), ...(request.idMap === null ? [] : [makeCall('fchownat', [AT_FDCWD, name, uid, gid, 0])])]
  return [
    calls.setns(handle('template'), CLONE_NEWNS), calls.unshare(CLONE_NEWNS),
    calls.moveMount(first, '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH), calls.fchdir(first),
    ...(volatile === 'overlay' ? [
      ...['lower', 'work', 'root'].map((name) => calls.mkdir(AT_FDCWD, name, 0o755)), ...owned('upper'),
      calls.moveMount(ROOT, '', AT_FDCWD, 'lower', MOVE_MOUNT_F_EMPTY_PATH),
      calls.mount('overlay', 'root', 'overlay', MS_NODEV, 'lowerdir=lower,upperdir=upper,workdir=work'), calls.chdir('root'),
    ] : []),
    calls.pivotRoot('.', '.'), calls.umount2('.', MNT_DETACH),
    // The tree in memory lay on the old root and was on top; now that itself.
    ...(volatile === 'overlay' ? [calls.umount2('.', MNT_DETACH)] : []),
    calls.chdir('/'),
  ]
}

/** Everything that needs the host's capabilities, or shall be locked in the container. */
function outerMounts(request: ContainerRequest, facts: RunFacts): ChildCall[] {
  const { volatile } = request
  const readOnly = request.readOnly || volatile === 'state'
  return [
    ...(volatile === 'yes' ? [...usrLinks(request), calls.moveMount(USR, '', AT_FDCWD, '/usr', MOVE_MOUNT_F_EMPTY_PATH)] : []),
    ...makeMissing(request, facts),
    ...(canMake(request, facts) ? bindPlaces(request, facts) : []),
    ...(readOnly ? [rootReadOnly] : []),
    ...memoryMounts(request, facts),
    ...deviceMount(request),
    ...(request.network === 'host' && !request.binds.some(({ target }) => target === '/sys') ? [calls.moveMount(SYS, '', AT_FDCWD, '/sys', MOVE_MOUNT_F_EMPTY_PATH)] : []),
    ...(resolvConf(request, facts) === null ? [] : [calls.moveMount(RESOLV, '', AT_FDCWD, '/etc/resolv.conf', MOVE_MOUNT_F_EMPTY_PATH)]),
    ...attachBinds(request, facts),
    ...ownTerminal(request),
  ]
}

/** struct ifreq of the loopback device. */
function loopbackUp(): Uint8Array {
  const bytes = new Uint8Array(40)
  bytes.set(new TextEncoder().encode('lo'))
  new DataView(bytes.buffer).setUint16(16, IFF_UP | IFF_RUNNING, true)
  return bytes
}

/** What the namespaces are for; by PID 1, after it has all of them. */
function innerSetUp(request: ContainerRequest, facts: RunFacts, pin: Handle | null): ChildCall[] {
  const hasKeys = facts.features.kernelFiles.some(({ path }) => path === '/proc/keys')
  return [
    // The session keyring of whoever called us is not the container's.
    ...(hasKeys ? [makeCall('keyctl', [KEYCTL_JOIN_SESSION_KEYRING, null], {}, ['KEYCTL_JOIN_SESSION_KEYRING'])] : []),
    ...sysMounts(request, facts, pin),
    ...deviceMounts(request),
    ...(request.hostname === null ? [] : [calls.sethostname(request.hostname)]),
    ...(request.network === 'none' ? [
      makeCall('socket', [AF_INET, SOCK_DGRAM_CLOEXEC, 0], { label: 'socket' }, ['AF_INET', 'SOCK_DGRAM|SOCK_CLOEXEC']),
      makeCall('ioctl', [result('socket'), SIOCSIFFLAGS, loopbackUp()], {}, [undefined, 'SIOCSIFFLAGS', '{lo, IFF_UP|IFF_RUNNING}']),
    ] : []),
  ]
}

/** PID 1 becomes the command, or the init with the command as its child. */
function programs(request: ContainerRequest, program: string): ChildCall[] {
  const options = request.terminal ? { terminal: handle('terminal-peer') } : { session: true }
  return request.init ? withInit(request, program, handle('init'), options) : commandTail(request, program, options)
}

/** Plans a container. Refuses what the kernel or the root cannot. */
export function planContainer(request: ContainerRequest, facts: RunFacts): RunPlanResult {
  const refusal = checkContainer(request, facts)
  if (refusal !== null || 'problem' in facts.program) return { plan: null, refusal: refusal ?? { reason: 'command-not-found', detail: 'Cannot run: there is no program', remedy: 'name one' } }
  const { idMap } = request
  const user = idMap === null ? null : handle('user')
  const isFlat = request.volatile === 'no' || request.volatile === 'state'
  const namespace = request.engine !== 'pivot' && isFlat && facts.features.openTreeNamespace
  const { steps, into } = cgroupSteps(request, facts)
  const host: HostStep[] = [
    ...(idMap === null ? [] : [{ op: 'user-namespace', uidMap: idMapText(idMap.uids), gidMap: idMapText(idMap.gids), as: 'user' } as const]),
    ...trees(request, facts, user),
    ...(namespace
      ? [{ op: 'open-tree', from: ROOT, flags: OPEN_TREE_NAMESPACE | AT_EMPTY_PATH | AT_RECURSIVE, as: 'namespace' } as const]
      : [{ op: 'template-namespace', as: 'template' } as const]),
    ...(request.terminal ? [
      { op: 'new-mount', fstype: 'devpts', options: devptsOptions(request), attributes: MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, as: 'devpts' } as const,
      { op: 'terminal', devpts: handle('devpts'), master: 'terminal', peer: 'terminal-peer' } as const,
    ] : []),
    ...(user === null ? [] : pinSteps(request)),
    ...(request.init ? [{ op: 'init-program', as: 'init' } as const] : []),
    ...steps,
  ]
  const enter = [makeCall('umask', [0]), ...enterRoot(request, namespace)]
  const engine = namespace ? 'OPEN_TREE_NAMESPACE' : 'pivot_root out of a small namespace'
  const { program } = facts
  const made = user === null ? oneChild(request, facts, enter, program.path)
    : isAdministrator(request) ? twoChildren(request, facts, enter, program.path) : oneChildAndUsers(request, facts, enter, program.path)
  const plan: RunPlan = { ...made, reason: `${made.reason}; ${engine}`, host, intoCgroup: into, notes: notesOf(request, facts, namespace) }
  return { plan, refusal: null }
}

/** A whole proc and sysfs, attached nowhere. */
function pinSteps(request: ContainerRequest): HostStep[] {
  const pin = (fstype: string): HostStep => ({ op: 'new-mount', fstype, options: [], attributes: SAFE, as: `pin-${fstype}` })
  return [...(isAdministrator(request) ? [pin('proc')] : []), ...(request.network === 'none' ? [pin('sysfs')] : [])]
}

type Made = Pick<RunPlan, 'name' | 'reason' | 'clone' | 'calls' | 'main'>

function oneChild(request: ContainerRequest, facts: RunFacts, enter: readonly ChildCall[], program: string): Made {
  return {
    name: 'container-one-child', reason: 'no user namespace: one child with the capabilities of the host does everything',
    clone: CLONE_NEWPID | ownNamespaces(request), main: null,
    calls: [
      // The cgroup namespace begins where its first process is: a clone would still take the cgroup of this process.
      calls.unshare(CLONE_NEWCGROUP),
      ...enter, ...outerMounts(request, facts), ...procMounts(request, facts, null), ...innerSetUp(request, facts, null), ...programs(request, program),
    ],
  }
}

/** Into the user namespace; whoever comes from the host has no name there. */
const becomeRoot: readonly ChildCall[] = [calls.setns(handle('user'), CLONE_NEWUSER), makeCall('setgroups', [0, null]), makeCall('setresgid', [0, 0, 0]), makeCall('setresuid', [0, 0, 0])]
const PIN_SYSFS = handle('pin-sysfs')

function oneChildAndUsers(request: ContainerRequest, facts: RunFacts, enter: readonly ChildCall[], program: string): Made {
  return {
    name: 'container-one-child-users', reason: 'a user namespace without CAP_SYS_ADMIN: one child makes the mounts, enters it, and locks them by copying them',
    clone: CLONE_NEWPID, main: null,
    calls: [
      ...enter, ...outerMounts(request, facts), ...procMounts(request, facts, null),
      ...becomeRoot, calls.unshare(CLONE_NEWNS | CLONE_NEWCGROUP | ownNamespaces(request)),
      ...innerSetUp(request, facts, PIN_SYSFS), ...programs(request, program),
    ],
  }
}

function twoChildren(request: ContainerRequest, facts: RunFacts, enter: readonly ChildCall[], program: string): Made {
  return {
    name: 'container-two-children', reason: 'a user namespace with CAP_SYS_ADMIN: PID 1 is cloned inside of it, so that its pid namespace belongs to it',
    clone: 0, main: 'inner',
    calls: [
      ...enter, ...outerMounts(request, facts), ...becomeRoot,
      calls.clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWCGROUP | ownNamespaces(request) | CLONE_PARENT, { label: 'inner', ifZero: 'first' }),
      calls.exit(0),
      makeCall('umask', [0], { label: 'first' }), ...procMounts(request, facts, handle('pin-proc')), ...innerSetUp(request, facts, PIN_SYSFS), ...programs(request, program),
    ],
  }
}

function notesOf(request: ContainerRequest, facts: RunFacts, namespace: boolean): string[] {
  const skipped = ['/run', '/tmp'].filter((path) => facts.present[path] !== 'directory' && !canMake(request, facts))
  return [
    ...skipped.map((path) => `there is no ${path}: the root does not have it and is read-only`),
    ...(request.engine === 'namespace' && !namespace ? [`OPEN_TREE_NAMESPACE is not used with --volatile=${request.volatile}`] : []),
    ...(facts.root.isHostRoot ? ['of what the host has mounted below "/" nothing is in it: bind what it needs'] : []),
    ...(facts.root.alreadyMapped ? ['the files of the root belong to the container already: no id map on its mount'] : []),
  ]
}
