// Contract of mount(2), umount2(2), open_tree(2), move_mount(2), chroot(2) and of path lookup over mounts.
//
// What a plan relies on, success and errno alike; each line was true on Linux 6.18 when it was written.

import {
  AT_FDCWD, MNT_DETACH, MNT_FORCE, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, MS_SHARED,
  MS_SLAVE, MS_UNBINDABLE, OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, UMOUNT_NOFOLLOW,
} from '../../abi/mount.ts'
import { O_CREAT, O_DIRECTORY, O_PATH, O_WRONLY } from '../../abi/process.ts'
import type { BoundedCall, Kernel } from '../kernel.ts'
import { bind, move, propagation, rbind, tmpfs, visible, type ContractCase } from './case.ts'

const base = ['/ bed on unlisted', '/proc proc on bed']
const yesNo = (...values: boolean[]): string[] => values.map((v) => (v ? 'yes' : 'no'))

const bounded = (k: Kernel, call: BoundedCall): 'done' | 'hung' => k.bounded(call, { timeoutMs: 60_000 })

/** A mount A at /a with a mount X at /a/x, and a directory /a/d. */
const nested = (k: Kernel): void => {
  tmpfs(k, 'A', '/a')
  k.mkdir('/a/x', 0o755)
  k.mkdir('/a/d', 0o755)
  tmpfs(k, 'X', '/a/x')
}

const cases: readonly Omit<ContractCase, 'bed'>[] = [
  // --- new mounts ---
  { name: 'mount: a second one covers the first', act: (k) => { tmpfs(k, 'A', '/a'); tmpfs(k, 'B', '/a') }, expect: [...base, '/a A on bed', '/a B on A'].sort() },
  { name: 'mount: target is missing', act: (k) => tmpfs(k, 'A', '/none'), expect: 'ENOENT' },
  { name: 'mount: target is a file', act: (k) => tmpfs(k, 'A', '/file'), expect: 'ENOTDIR' },
  { name: 'mount: unknown file system', act: (k) => k.mount('x', '/a', 'nosuchfs', 0, null), expect: 'ENODEV' },
  { name: 'mount: no file system type', act: (k) => k.mount('x', '/a', null, 0, null), expect: 'EINVAL' },
  { name: 'mount: the same file system onto its own root', arrange: (k) => k.mount('dev', '/a', 'devtmpfs', 0, null), act: (k) => k.mount('dev', '/a', 'devtmpfs', 0, null), expect: 'EBUSY' },
  { name: 'mount: each proc is a file system of its own', act: (k) => k.mount('proc', '/proc', 'proc', 0, null), expect: [...base, '/proc proc on proc'] },
  {
    name: 'mount: on a shared mount the new one is shared too',
    arrange: (k) => { tmpfs(k, 'A', '/a'); k.mkdir('/a/x', 0o755); propagation(k, '/a', MS_SHARED) },
    act: (k) => tmpfs(k, 'X', '/a/x'),
    expect: ['/ bed on unlisted', '/a A on bed shared', '/a/x X on A shared', '/proc proc on bed'],
  },
  // --- bounded calls: what the direct ones answer ---
  { name: 'bounded: a mount is there, on the root of the caller', act: (k) => void bounded(k, { call: 'mount', source: 'A', target: '/a', fstype: 'tmpfs', flags: 0, data: null }), expect: [...base, '/a A on bed'].sort() },
  { name: 'bounded: a path from the working directory', arrange: (k) => { tmpfs(k, 'A', '/plain/sub'); k.chdir('/plain') }, act: (k) => void bounded(k, { call: 'umount2', target: 'sub', flags: 0 }), expect: base },
  { name: 'bounded: umount of what is in use', arrange: (k) => { tmpfs(k, 'A', '/a'); k.open('/a', O_DIRECTORY) }, act: (k) => void bounded(k, { call: 'umount2', target: '/a', flags: 0 }), expect: 'EBUSY' },
  { name: 'bounded: an unknown file system', act: (k) => void bounded(k, { call: 'mount', source: 'x', target: '/a', fstype: 'nosuchfs', flags: 0, data: null }), expect: 'ENODEV' },
  { name: 'bounded: syncfs of a file', act: (k) => void bounded(k, { call: 'syncfs', path: '/file' }), expect: 'ENOTDIR' },
  { name: 'bounded: statfs', act: (k) => void bounded(k, { call: 'statfs', path: '/file' }), expect: base },
  { name: 'bounded: statfs of nothing', act: (k) => void bounded(k, { call: 'statfs', path: '/nothing' }), expect: 'ENOENT' },
  { name: 'bounded: a write into an existing file only', act: (k) => void bounded(k, { call: 'write', path: '/none', data: 'x' }), expect: 'ENOENT' },
  // --- binds ---
  { name: 'bind: a directory, and it shows the same files', act: (k) => { bind(k, '/plain', '/b'); return [...yesNo(k.exists('/b/sub')), ...visible(k)] }, expect: ['yes', '/ bed on unlisted', '/b bed[/plain] on bed', '/proc proc on bed'] },
  { name: 'bind: not recursive', arrange: nested, act: (k) => { bind(k, '/a', '/b'); return yesNo(k.exists('/b/x'), visible(k).includes('/b/x X on A')) }, expect: ['yes', 'no'] },
  { name: 'bind: recursive', arrange: nested, act: (k) => rbind(k, '/a', '/b'), expect: ['/ bed on unlisted', '/a A on bed', '/a/x X on A', '/b A on bed', '/b/x X on A', '/proc proc on bed'] },
  { name: 'bind: recursive from a directory takes only what is below it', arrange: nested, act: (k) => rbind(k, '/a/d', '/b'), expect: ['/ bed on unlisted', '/a A on bed', '/a/x X on A', '/b A[/d] on bed', '/proc proc on bed'] },
  { name: 'bind: a directory over a file', act: (k) => bind(k, '/a', '/file'), expect: 'ENOTDIR' },
  { name: 'bind: a file over a directory', act: (k) => bind(k, '/file', '/a'), expect: 'ENOTDIR' },
  { name: 'bind: a file over a file', act: (k) => { bind(k, '/file', '/file2'); return [k.readText('/file2')] }, expect: ['/file'] },
  { name: 'bind: source is missing', act: (k) => bind(k, '/none', '/a'), expect: 'ENOENT' },
  { name: 'bind: source is unbindable', arrange: (k) => { tmpfs(k, 'A', '/a'); propagation(k, '/a', MS_UNBINDABLE) }, act: (k) => bind(k, '/a', '/b'), expect: 'EINVAL' },
  {
    name: 'bind: recursive leaves out what is unbindable',
    arrange: (k) => { nested(k); propagation(k, '/a/x', MS_UNBINDABLE) },
    act: (k) => rbind(k, '/a', '/b'),
    expect: ['/ bed on unlisted', '/a A on bed', '/a/x X on A unbindable', '/b A on bed', '/proc proc on bed'],
  },
  {
    name: 'bind: of a shared mount is its peer',
    arrange: (k) => { tmpfs(k, 'A', '/a'); propagation(k, '/a', MS_SHARED) },
    act: (k) => bind(k, '/a', '/b'),
    expect: ['/ bed on unlisted', '/a A on bed shared', '/b A on bed shared', '/proc proc on bed'],
  },
  // --- propagation ---
  { name: 'propagation: two types at once', act: (k) => propagation(k, '/', MS_SHARED | MS_PRIVATE), expect: 'EINVAL' },
  { name: 'propagation: of a plain directory', act: (k) => propagation(k, '/plain', MS_PRIVATE), expect: 'EINVAL' },
  { name: 'propagation: recursive', arrange: nested, act: (k) => propagation(k, '/a', MS_SHARED | MS_REC), expect: ['/ bed on unlisted', '/a A on bed shared', '/a/x X on A shared', '/proc proc on bed'] },
  { name: 'propagation: not recursive', arrange: nested, act: (k) => propagation(k, '/a', MS_SHARED), expect: ['/ bed on unlisted', '/a A on bed shared', '/a/x X on A', '/proc proc on bed'] },
  { name: 'propagation: slave without peers is private', arrange: (k) => { tmpfs(k, 'A', '/a'); propagation(k, '/a', MS_SHARED) }, act: (k) => propagation(k, '/a', MS_SLAVE), expect: ['/ bed on unlisted', '/a A on bed', '/proc proc on bed'] },
  {
    name: 'propagation: a slave can be shared as well',
    arrange: (k) => { tmpfs(k, 'A', '/a'); propagation(k, '/a', MS_SHARED); bind(k, '/a', '/b'); propagation(k, '/b', MS_SLAVE) },
    act: (k) => propagation(k, '/b', MS_SHARED),
    expect: ['/ bed on unlisted', '/a A on bed shared', '/b A on bed shared slave', '/proc proc on bed'],
  },
  {
    name: 'propagation: private forgets the master',
    arrange: (k) => { tmpfs(k, 'A', '/a'); propagation(k, '/a', MS_SHARED); bind(k, '/a', '/b'); propagation(k, '/b', MS_SLAVE) },
    act: (k) => propagation(k, '/b', MS_PRIVATE),
    expect: ['/ bed on unlisted', '/a A on bed shared', '/b A on bed', '/proc proc on bed'],
  },
  // --- moves ---
  { name: 'move: of a plain directory', act: (k) => move(k, '/plain', '/a'), expect: 'EINVAL' },
  { name: 'move: parent is shared', arrange: (k) => { tmpfs(k, 'A', '/a'); propagation(k, '/', MS_SHARED) }, act: (k) => move(k, '/a', '/b'), expect: 'EINVAL' },
  { name: 'move: into itself', arrange: nested, act: (k) => move(k, '/a', '/a/d'), expect: 'ELOOP' },
  { name: 'move: below its own submount', arrange: (k) => { nested(k); k.mkdir('/a/x/y', 0o755) }, act: (k) => move(k, '/a', '/a/x/y'), expect: 'ELOOP' },
  { name: 'move: onto a file', arrange: (k) => tmpfs(k, 'A', '/a'), act: (k) => move(k, '/a', '/file'), expect: 'EINVAL' },
  { name: 'move: source is missing', act: (k) => move(k, '/none', '/a'), expect: 'ENOENT' },
  { name: 'move: target is missing', arrange: (k) => tmpfs(k, 'A', '/a'), act: (k) => move(k, '/a', '/none'), expect: 'ENOENT' },
  { name: 'move: onto a mount point lands on top', arrange: (k) => { tmpfs(k, 'A', '/a'); tmpfs(k, 'B', '/b') }, act: (k) => move(k, '/a', '/b'), expect: ['/ bed on unlisted', '/b A on B', '/b B on bed', '/proc proc on bed'] },
  { name: 'move: takes the top of a stack only', arrange: (k) => { tmpfs(k, 'A', '/a'); tmpfs(k, 'B', '/a') }, act: (k) => move(k, '/a', '/b'), expect: ['/ bed on unlisted', '/a A on bed', '/b B on bed', '/proc proc on bed'] },
  {
    name: 'move: an unbindable one to a shared parent',
    arrange: (k) => { tmpfs(k, 'A', '/a'); propagation(k, '/a', MS_UNBINDABLE); tmpfs(k, 'B', '/b'); k.mkdir('/b/x', 0o755); propagation(k, '/b', MS_SHARED) },
    act: (k) => move(k, '/a', '/b/x'),
    expect: 'EINVAL',
  },
  { name: 'move: the root mount into itself', act: (k) => move(k, '/', '/a'), expect: 'ELOOP' },
  // --- remount ---
  { name: 'remount: of a plain directory', act: (k) => k.mount('none', '/plain', null, MS_REMOUNT | MS_RDONLY, null), expect: 'EINVAL' },
  { name: 'remount: read-only refuses writing', arrange: (k) => { tmpfs(k, 'A', '/a'); k.mount('none', '/a', null, MS_REMOUNT | MS_RDONLY, null) }, act: (k) => k.mkdir('/a/x', 0o755), expect: 'EROFS' },
  {
    name: 'remount: with MS_BIND only this mount is read-only',
    arrange: (k) => { tmpfs(k, 'A', '/a'); bind(k, '/a', '/b'); k.mount('none', '/b', null, MS_REMOUNT | MS_BIND | MS_RDONLY, null) },
    act: (k) => { k.mkdir('/a/x', 0o755); k.mkdir('/b/y', 0o755) },
    expect: 'EROFS',
  },
  // --- umount ---
  { name: 'umount: takes the top of a stack', arrange: (k) => { tmpfs(k, 'A', '/a'); tmpfs(k, 'B', '/a') }, act: (k) => k.umount2('/a', 0), expect: ['/ bed on unlisted', '/a A on bed', '/proc proc on bed'] },
  { name: 'umount: not a mount point', act: (k) => k.umount2('/plain', 0), expect: 'EINVAL' },
  { name: 'umount: missing', act: (k) => k.umount2('/none', 0), expect: 'ENOENT' },
  { name: 'umount: unknown flag', arrange: (k) => tmpfs(k, 'A', '/a'), act: (k) => k.umount2('/a', 0x100), expect: 'EINVAL' },
  { name: 'umount: a mount is on it', arrange: nested, act: (k) => k.umount2('/a', 0), expect: 'EBUSY' },
  { name: 'umount: lazily with a mount on it', arrange: nested, act: (k) => k.umount2('/a', MNT_DETACH), expect: base },
  { name: 'umount: a descriptor is open', arrange: (k) => { tmpfs(k, 'A', '/a'); k.open('/a', O_DIRECTORY) }, act: (k) => k.umount2('/a', 0), expect: 'EBUSY' },
  { name: 'umount: an O_PATH descriptor counts too', arrange: (k) => { tmpfs(k, 'A', '/a'); k.open('/a', O_PATH) }, act: (k) => k.umount2('/a', 0), expect: 'EBUSY' },
  { name: 'umount: a working directory', arrange: (k) => { tmpfs(k, 'A', '/a'); k.chdir('/a') }, act: (k) => k.umount2('/a', 0), expect: 'EBUSY' },
  { name: 'umount: by force it stays busy', arrange: (k) => { tmpfs(k, 'A', '/a'); k.chdir('/a') }, act: (k) => k.umount2('/a', MNT_FORCE), expect: 'EBUSY' },
  { name: 'umount: through a symbolic link', arrange: (k) => { tmpfs(k, 'A', '/a'); k.symlink('/a', '/link') }, act: (k) => k.umount2('/link', 0), expect: base },
  { name: 'umount: UMOUNT_NOFOLLOW does not', arrange: (k) => { tmpfs(k, 'A', '/a'); k.symlink('/a', '/link') }, act: (k) => k.umount2('/link', UMOUNT_NOFOLLOW), expect: 'EINVAL' },
  { name: 'umount: lazily with the working directory inside, which stays usable', arrange: (k) => { nested(k); k.chdir('/a') }, act: (k) => { k.umount2('/a', MNT_DETACH); k.mkdir('later', 0o755); return [...yesNo(k.exists('later'), k.exists('/a/later')), ...visible(k)] }, expect: ['yes', 'no', ...base] },
  // --- open_tree and move_mount ---
  {
    name: 'open_tree clone and move_mount attach a copy',
    arrange: nested,
    act: (k) => {
      const tree = k.openTree(AT_FDCWD, '/a', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
      k.moveMount(tree, '', AT_FDCWD, '/b', MOVE_MOUNT_F_EMPTY_PATH)
    },
    expect: ['/ bed on unlisted', '/a A on bed', '/a/x X on A', '/b A on bed', '/proc proc on bed'],
  },
  {
    name: 'move_mount moves an attached mount by path',
    arrange: nested,
    act: (k) => k.moveMount(AT_FDCWD, '/a', AT_FDCWD, '/b', 0),
    expect: ['/ bed on unlisted', '/b A on bed', '/b/x X on A', '/proc proc on bed'],
  },
  { name: 'open_tree: missing', act: (k) => { k.openTree(AT_FDCWD, '/none', OPEN_TREE_CLONE) }, expect: 'ENOENT' },
  {
    name: 'open_tree clone over "/" with fchdir and chroot: the bind trick in new spelling',
    arrange: (k) => { k.mkdir('/c/proc', 0o755) },
    act: (k) => {
      const tree = k.openTree(AT_FDCWD, '/', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
      k.moveMount(tree, '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH)
      k.fchdir(tree)
      k.chroot('.')
      k.mount('proc', '/proc', 'proc', 0, null)
    },
    expect: base,
  },
  // --- lookup ---
  { name: 'lookup: ".." out of a mount', arrange: nested, act: (k) => { k.chdir('/a/x'); return yesNo(k.exists('../d'), k.exists('../../plain')) }, expect: ['yes', 'yes'] },
  { name: 'lookup: ".." stops at the root', act: (k) => yesNo(k.exists('/../../../plain')), expect: ['yes'] },
  { name: 'lookup: a working directory does not see what covers it', arrange: (k) => { k.chdir('/plain'); tmpfs(k, 'P', '/plain') }, act: (k) => yesNo(k.exists('sub'), k.exists('/plain/sub'), k.exists('../plain/sub')), expect: ['yes', 'no', 'no'] },
  { name: 'lookup: chroot hides the rest, "." outside of it does not', arrange: (k) => k.chdir('/b'), act: (k) => { k.chroot('/plain'); return yesNo(k.exists('/sub'), k.exists('/plain'), k.exists('../plain')) }, expect: ['yes', 'no', 'yes'] },
  { name: 'lookup: a loop of symbolic links', arrange: (k) => { k.symlink('l2', '/l1'); k.symlink('l1', '/l2') }, act: (k) => { k.stat('/l1') }, expect: 'ELOOP' },
  { name: 'lookup: through a file', act: (k) => { k.stat('/file/x') }, expect: 'ENOTDIR' },
  { name: 'lookup: a directory wanted', act: (k) => { k.stat('/file/') }, expect: 'ENOTDIR' },
  { name: 'lookup: /proc/self/root and a descriptor are places, not paths', arrange: (k) => { tmpfs(k, 'A', '/a'); k.mkdir('/a/in', 0o755) }, act: (k) => {
    const fd = k.open('/a', O_DIRECTORY)
    k.umount2('/a', MNT_DETACH)
    return [...yesNo(k.exists(`/proc/self/fd/${fd}/in`), k.exists('/a/in'), k.exists('/proc/self/root/plain'))]
  }, expect: ['yes', 'no', 'yes'] },
  // --- directories and files under mounts ---
  { name: 'rmdir: of a mount point', arrange: (k) => tmpfs(k, 'A', '/b'), act: (k) => k.rmdir('/b'), expect: 'EBUSY' },
  { name: 'rmdir: not empty', act: (k) => k.rmdir('/plain'), expect: 'ENOTEMPTY' },
  { name: 'rmdir: of a file', act: (k) => k.rmdir('/file'), expect: 'ENOTDIR' },
  { name: 'mkdir: exists', act: (k) => k.mkdir('/a', 0o755), expect: 'EEXIST' },
  { name: 'mkdir: in a missing directory', act: (k) => k.mkdir('/none/x', 0o755), expect: 'ENOENT' },
  { name: 'mkdir: in a directory that was removed', arrange: (k) => { k.chdir('/b'); k.rmdir('/b') }, act: (k) => k.mkdir('x', 0o755), expect: 'ENOENT' },
  { name: 'mkdir: in /proc', act: (k) => k.mkdir('/proc/x', 0o755), expect: 'ENOENT' },
  { name: 'rename: across mounts', arrange: (k) => tmpfs(k, 'A', '/b'), act: (k) => k.rename('/file', '/b/file'), expect: 'EXDEV' },
  { name: 'rename: over a file', act: (k) => { k.rename('/file', '/file2'); return [k.readText('/file2'), ...yesNo(k.exists('/file'))] }, expect: ['/file', 'no'] },
  { name: 'unlink: of a bound file', arrange: (k) => bind(k, '/file', '/file2'), act: (k) => k.unlink('/file2'), expect: 'EBUSY' },
  { name: 'symlink: exists', act: (k) => k.symlink('x', '/file'), expect: 'EEXIST' },
  { name: 'open: a directory for writing', act: (k) => { k.open('/a', O_WRONLY) }, expect: 'EISDIR' },
  { name: 'open: O_DIRECTORY on a file', act: (k) => { k.open('/file', O_DIRECTORY) }, expect: 'ENOTDIR' },
  { name: 'open: missing', act: (k) => { k.open('/none', 0) }, expect: 'ENOENT' },
  { name: 'open: O_CREAT through a missing directory', act: (k) => { k.open('/none/x', O_CREAT | O_WRONLY) }, expect: 'ENOENT' },
  { name: 'readlink: of a file', act: (k) => { k.readlink('/file') }, expect: 'EINVAL' },
  { name: 'realpath: links and dots', arrange: (k) => { k.symlink('../plain/./sub', '/a/l') }, act: (k) => [k.realpath('/b/../a/l')], expect: ['/plain/sub'] },
  { name: 'readdir: sorted names are the bed', act: (k) => [...k.readdir('/')].sort(), expect: ['a', 'b', 'c', 'file', 'file2', 'new', 'plain', 'proc'] },
  { name: 'chroot: to a file', act: (k) => k.chroot('/file'), expect: 'ENOTDIR' },
  { name: 'chroot: missing', act: (k) => k.chroot('/none'), expect: 'ENOENT' },
  { name: 'fchdir: to a file', act: (k) => k.fchdir(k.open('/file', 0)), expect: 'ENOTDIR' },
  // --- execve ---
  { name: 'execve: missing', act: (k) => k.execve('/none', ['none'], {}), expect: 'ENOENT' },
  { name: 'execve: a directory', act: (k) => k.execve('/a', ['a'], {}), expect: 'EACCES' },
  { name: 'execve: not executable', act: (k) => k.execve('/file', ['file'], {}), expect: 'EACCES' },
  { name: 'execve: neither ELF nor script', arrange: (k) => k.chmod('/file', 0o755), act: (k) => k.execve('/file', ['file'], {}), expect: 'ENOEXEC' },
  { name: 'execve: a script without its interpreter', arrange: (k) => { k.writeFile('/script', '#!/none\n', 0o755) }, act: (k) => k.execve('/script', ['script'], {}), expect: 'ENOENT' },
]

export const mountCases: readonly ContractCase[] = cases.map((c) => ({ ...c, bed: 'mount' as const }))
