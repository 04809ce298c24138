// The mounts of a container as calls of its child, after the switch to its root: every path is followed inside of it.
//
// Pure. What is here is the same with one child and with two; container.ts says who makes which.  docs/containers.md

import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT } from '../../abi/mount.ts'
import { S_IFCHR, S_IFREG } from '../../abi/process.ts'
import { MASKED, READ_ONLY } from '../../facts/run/kernel-files.ts'
import type { KernelFile } from '../../facts/run/kernel-files.ts'
import type { Bind, ContainerRequest, RunFacts } from '../../facts/run/run-types.ts'
import { isBelow } from '../../facts/paths.ts'
import { calls, handle, makeCall } from './calls.ts'
import { onHost } from './id-map.ts'
import type { ChildCall, Handle } from './run-plan.ts'

const SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC
/** Of a tmpfs for everybody. */
const STICKY = '1777'
/** Devices that touch no hardware. */
const DEV_NODES = [['null', 1, 3], ['zero', 1, 5], ['full', 1, 7], ['random', 1, 8], ['urandom', 1, 9], ['tty', 5, 0]] as const
const DEV_LINKS = [['fd', '/proc/self/fd'], ['stdin', '/proc/self/fd/0'], ['stdout', '/proc/self/fd/1'], ['stderr', '/proc/self/fd/2'], ['ptmx', 'pts/ptmx']] as const
const DEV_DIRECTORIES = ['pts', 'shm', 'mqueue'] as const
// What is the same in every container is made once: most of the cost of a plan is making calls.
const NODES = DEV_NODES.map(([name, major, minor]) => ({ path: `/dev/${name}`, made: calls.mknod(AT_FDCWD, `/dev/${name}`, S_IFCHR | 0o666, (major << 8) | minor) }))
const DIRECTORIES_AND_LINKS: readonly ChildCall[] = [
  ...DEV_DIRECTORIES.map((name) => calls.mkdir(AT_FDCWD, `/dev/${name}`, 0o755)),
  ...DEV_LINKS.map(([name, to]) => calls.symlink(to, AT_FDCWD, `/dev/${name}`)),
]
const CONSOLE = calls.mknod(AT_FDCWD, '/dev/console', S_IFREG | 0o600, 0)
const TERMINAL: readonly ChildCall[] = [calls.moveMount(handle('devpts'), '', AT_FDCWD, '/dev/pts', MOVE_MOUNT_F_EMPTY_PATH), calls.mount('/dev/pts/0', '/dev/console', null, MS_BIND)]
const SHM_AND_MQUEUE: readonly ChildCall[] = [
  calls.mount('shm', '/dev/shm', 'tmpfs', SAFE, `mode=${STICKY}`),
  calls.mount('mqueue', '/dev/mqueue', 'mqueue', SAFE, null, { goOn: true }),
]
const PROC = calls.mount('proc', '/proc', 'proc', SAFE)
const SYSFS = calls.mount('sysfs', '/sys', 'sysfs', SAFE | MS_RDONLY)
// Not every kernel has cgroups.
const CGROUP2 = calls.mount('cgroup2', '/sys/fs/cgroup', 'cgroup2', SAFE | MS_RDONLY, null, { goOn: true })
const readOnlyBind = (path: string): readonly ChildCall[] => [calls.mount(path, path, null, MS_BIND | MS_REC), calls.mount(null, path, null, MS_REMOUNT | MS_BIND | MS_RDONLY | SAFE)]
const nullFile = (path: string): readonly ChildCall[] => [calls.mount('/dev/null', path, null, MS_BIND)]
const READ_ONLY_BINDS: ReadonlyMap<string, readonly ChildCall[]> = new Map(READ_ONLY.map((path) => [path, readOnlyBind(path)]))
const NULL_FILES: ReadonlyMap<string, readonly ChildCall[]> = new Map(MASKED.map((path) => [path, nullFile(path)]))
/** Group of terminals on nearly every distribution. */
const TTY_GROUP = 5
/** The directories that are in memory, with their mode; of these /run and /tmp can be bound instead. */
const MEMORY: Readonly<Record<string, string>> = { '/run': '755', '/tmp': STICKY, '/var': '755' }

/** Owner of what this side makes for the container's root: the host's ids, or 0 without a user namespace. */
export const rootOwner = (request: ContainerRequest): { readonly uid: number; readonly gid: number } =>
  request.idMap === null ? { uid: 0, gid: 0 } : { uid: onHost(request.idMap.uids, 0) ?? 0, gid: onHost(request.idMap.gids, 0) ?? 0 }

const isBound = (request: ContainerRequest, path: string): boolean => request.binds.some(({ target }) => target === path)

/** Mount points in memory that this container gets. */
export function memoryDirectories(request: ContainerRequest, facts: RunFacts): string[] {
  const wanted = ['/run', '/tmp', ...(request.volatile === 'state' ? ['/var'] : [])]
  return wanted.filter((path) => !isBound(request, path) && (facts.present[path] === 'directory' || canMake(request, facts)))
}

/** Whether what is missing in the root can be made there, before it becomes read-only. */
export function canMake(request: ContainerRequest, facts: RunFacts): boolean {
  return !facts.root.readOnly || request.volatile === 'yes' || request.volatile === 'overlay'
}

/** Directories that mounts need and the root does not have. With an empty root that is all of them. */
export function missingDirectories(request: ContainerRequest, facts: RunFacts): string[] {
  const needed = ['/proc', '/sys', '/dev', ...memoryDirectories(request, facts)]
  return request.volatile === 'yes' ? needed : needed.filter((path) => facts.present[path] !== 'directory')
}

/** As root of the container where that is another user of the host: files that are made are its own. */
function asRoot(request: ContainerRequest, made: readonly ChildCall[]): ChildCall[] {
  const { uid, gid } = rootOwner(request)
  if (made.length === 0 || request.idMap === null) return [...made]
  return [makeCall('setfsgid', [gid]), makeCall('setfsuid', [uid]), ...made, makeCall('setfsuid', [0]), makeCall('setfsgid', [0])]
}

/** mkdir(2) of every directory of the path, as far as they are missing; what cannot be made shows when it is mounted on. */
function makePath(path: string, type: 'directory' | 'file'): ChildCall[] {
  const parts = path.split('/').filter((part) => part !== '')
  return parts.map((_, i) => {
    const at = `/${parts.slice(0, i + 1).join('/')}`
    return i === parts.length - 1 && type === 'file' ? calls.mknod(AT_FDCWD, at, S_IFREG | 0o644, 0, { goOn: true }) : calls.mkdir(AT_FDCWD, at, 0o755, { goOn: true })
  })
}

export const makeMissing = (request: ContainerRequest, facts: RunFacts): ChildCall[] =>
  asRoot(request, missingDirectories(request, facts).map((path) => calls.mkdir(AT_FDCWD, path, 0o755, { goOn: true })))

/** What the container's root has of a distribution with a merged /usr: links of an empty root. */
export const usrLinks = (request: ContainerRequest): ChildCall[] =>
  asRoot(request, [calls.mkdir(AT_FDCWD, '/usr', 0o755), ...['bin', 'sbin', 'lib', 'lib64'].map((name) => calls.symlink(`usr/${name}`, AT_FDCWD, `/${name}`))])

/** tmpfs on /run and /tmp, on /var with --volatile=state. */
export function memoryMounts(request: ContainerRequest, facts: RunFacts): ChildCall[] {
  const { uid, gid } = rootOwner(request)
  return memoryDirectories(request, facts).map((path) => calls.mount('tmpfs', path, 'tmpfs', MS_NOSUID | MS_NODEV, `mode=${MEMORY[path] ?? '755'},uid=${uid},gid=${gid}`))
}

/** /dev: a small tmpfs with the devices that touch no hardware. By the host's capabilities: mknod(2). */
export function deviceMount(request: ContainerRequest): ChildCall[] {
  if (isBound(request, '/dev')) return []
  const { uid, gid } = rootOwner(request)
  return [
    calls.mount('tmpfs', '/dev', 'tmpfs', MS_NOSUID | MS_NOEXEC, `mode=755,size=4m,nr_inodes=16k,uid=${uid},gid=${gid}`),
    ...NODES.flatMap(({ path, made }) => (request.idMap === null ? [made] : [made, makeCall('fchownat', [AT_FDCWD, path, uid, gid, 0])])),
    ...asRoot(request, [...DIRECTORIES_AND_LINKS, ...(request.terminal ? [CONSOLE] : [])]),
  ]
}

/** Whether a bind's target lies in memory, where nothing is yet. */
export const isOnMemory = (target: string, request: ContainerRequest, facts: RunFacts): boolean =>
  ['/dev', ...memoryDirectories(request, facts)].some((path) => target !== path && isBelow(target, path))

const typeOfBind = ({ source }: Bind, facts: RunFacts): 'directory' | 'file' => (facts.sources[source]?.type === 'directory' ? 'directory' : 'file')

/** Places for binds that the root lacks, before it becomes read-only. */
export const bindPlaces = (request: ContainerRequest, facts: RunFacts): ChildCall[] =>
  asRoot(request, request.binds.flatMap((bind) => {
    const missing = request.volatile === 'yes' || (facts.present[bind.target] ?? 'missing') === 'missing'
    return missing && !isOnMemory(bind.target, request, facts) ? makePath(bind.target, typeOfBind(bind, facts)) : []
  }))

/** The handle of the i-th bind's detached tree. */
export const bindTree = (index: number): Handle => handle(`bind-${index}`)

/** In their order: the place of one may be in memory, also by a link, or in another bind. */
export const attachBinds = (request: ContainerRequest, facts: RunFacts): ChildCall[] =>
  request.binds.flatMap((bind, i) => [
    ...asRoot(request, makePath(bind.target, typeOfBind(bind, facts))), calls.moveMount(bindTree(i), '', AT_FDCWD, bind.target, MOVE_MOUNT_F_EMPTY_PATH),
  ])

/** The root, and what the host has mounted below it, read-only. */
export const rootReadOnly: ChildCall = calls.mountSetattr(AT_FDCWD, '/', AT_RECURSIVE, { set: MOUNT_ATTR_RDONLY })

/**
 * A new proc or sysfs where none is in sight is refused to a user namespace (EPERM): a whole one, given as `pin`, is in sight at
 * `aside` meanwhile. It is not inherited, so that it can be taken off.
 */
function pinned(pin: Handle | null, aside: string, mount: ChildCall): ChildCall[] {
  return pin === null ? [mount] : [calls.moveMount(pin, '', AT_FDCWD, aside, MOVE_MOUNT_F_EMPTY_PATH), mount, calls.umount2(aside, MNT_DETACH)]
}

/** Which of the files that a container does not get are below this mount point of its own. */
const hiddenBelow = (point: '/proc' | '/sys', request: ContainerRequest, facts: RunFacts): KernelFile[] =>
  isBound(request, point) ? [] : facts.features.kernelFiles.filter(({ path }) => isBelow(path, point) && !isBound(request, path))

/** proc of the container's pid namespace, and what of it the container does not get. */
export function procMounts(request: ContainerRequest, facts: RunFacts, pin: Handle | null): ChildCall[] {
  if (isBound(request, '/proc')) return []
  return [...pinned(pin, '/sys', PROC), ...hidden(hiddenBelow('/proc', request, facts))]
}

/** sysfs of the container's network namespace (that of the host is attached as a tree) and its view of cgroup2. */
export function sysMounts(request: ContainerRequest, facts: RunFacts, pin: Handle | null): ChildCall[] {
  if (isBound(request, '/sys')) return []
  return [
    ...(request.network === 'none' ? pinned(pin, '/proc', SYSFS) : []),
    CGROUP2,
    ...hidden(hiddenBelow('/sys', request, facts)),
  ]
}

/** All masked directories are the same empty one. */
function hidden(files: readonly KernelFile[]): ChildCall[] {
  const empty = files.find(({ type, treatment }) => type === 'directory' && treatment === 'masked')?.path
  return files.flatMap(({ path, type, treatment }) => {
    if (treatment === 'read-only') return READ_ONLY_BINDS.get(path) ?? readOnlyBind(path)
    if (type === 'file') return NULL_FILES.get(path) ?? nullFile(path)
    return [path === empty ? calls.mount('tmpfs', path, 'tmpfs', SAFE | MS_RDONLY, 'size=4k,nr_inodes=2,mode=555') : calls.mount(empty ?? path, path, null, MS_BIND)]
  })
}

/** devpts, shm and mqueue on /dev. */
export function deviceMounts(request: ContainerRequest): ChildCall[] {
  if (isBound(request, '/dev')) return []
  const hasGroup = request.idMap === null || onHost(request.idMap.gids, TTY_GROUP) !== null
  const pts = calls.mount('devpts', '/dev/pts', 'devpts', MS_NOSUID | MS_NOEXEC, `newinstance,ptmxmode=0666,mode=0620${hasGroup ? `,gid=${TTY_GROUP}` : ''}`)
  return [...(request.terminal ? TERMINAL : [pts]), ...SHM_AND_MQUEUE]
}

/** Options of the devpts that a terminal is opened in before there is a container. */
export function devptsOptions(request: ContainerRequest): (readonly [string, string])[] {
  const group = request.idMap === null ? TTY_GROUP : onHost(request.idMap.gids, TTY_GROUP)
  return [['ptmxmode', '0666'], ['mode', '0620'], ...(group === null ? [] : [['gid', String(group)] as const])]
}

/** The terminal belongs to the user of the command. */
export function ownTerminal(request: ContainerRequest): ChildCall[] {
  const { idMap, user } = request
  const uid = idMap === null ? user.uid : onHost(idMap.uids, user.uid)
  return request.terminal && uid !== null ? [makeCall('fchownat', [handle('terminal-peer'), '', uid, -1, AT_EMPTY_PATH])] : []
}
