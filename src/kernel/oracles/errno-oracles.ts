// Oracles of the errno tables of LTP: pivot_root, move_mount, open_tree, fsopen, fsconfig, fsmount.
//
// LTP's testcases/kernel/syscalls; its file systems on a device are a tmpfs here, because each of these errors comes
// before the file system is asked.

import {
  AT_FDCWD, FSCONFIG_CMD_CREATE, FSCONFIG_SET_FD, FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSMOUNT_CLOEXEC, FSMOUNT_NAMESPACE, MOVE_MOUNT_F_EMPTY_PATH, OPEN_TREE_CLONE,
} from '../../abi/mount.ts'
import { O_CREAT, O_RDWR } from '../../abi/process.ts'
import type { ResultOf, RowArgument } from '../child-table.ts'
import {
  FSCONFIG_CMD_RECONFIGURE, FSCONFIG_SET_BINARY, FSCONFIG_SET_PATH, FSCONFIG_SET_PATH_EMPTY, chdir, chroot, creat, fsconfig, fsmount, fsopen, mkdir, mount, moveMount,
  open, openTree, pivotRoot,
} from './calls.ts'
import { history, type Answer, type History, type Oracle, type Script } from './script.ts'

/** A private tmpfs that is the working directory, with a directory in it. */
function bed(s: Script, at: string): void {
  s.makePrivate()
  s.ok(mount('bed', at, 'tmpfs', 0, null), chdir(at), mkdir('mntpoint'))
}

interface Pivot {
  readonly name: string
  readonly test: string
  readonly expected: Answer
  readonly newRootIsMount?: boolean
  readonly putOld?: 'directory' | 'file' | 'elsewhere'
  readonly capable?: boolean
}

const pivots: readonly Pivot[] = [
  { name: 'to a mount, in a chroot to a mount', test: 'NORMAL', expected: 0 },
  { name: 'new_root on the current root', test: 'NEW_ROOT_ON_CURRENT_ROOT', expected: 'EBUSY', newRootIsMount: false },
  { name: 'put_old not below new_root', test: 'PUT_OLD_NOT_UNDERNEATH_NEW_ROOT', expected: 'EINVAL', putOld: 'elsewhere' },
  { name: 'put_old is no directory', test: 'PUT_OLD_NOT_DIR', expected: 'ENOTDIR', putOld: 'file' },
  { name: 'without CAP_SYS_ADMIN', test: 'NO_CAP_SYS_ADMIN', expected: 'EPERM', capable: false },
]

const pivotOracles = pivots.map(({ name, test, expected, newRootIsMount = true, putOld = 'directory', capable = true }): Oracle => ({
  name: `pivot_root: ${name}`,
  source: `LTP pivot_root01 ${test}`,
  build(s, at) {
    s.makePrivate()
    s.ok(mount('none', at, 'tmpfs', 0, null), chroot(at), mkdir('/new_root'))
    if (newRootIsMount) s.ok(mount('none', '/new_root', 'tmpfs', 0, null))
    const path = putOld === 'elsewhere' ? '/put_old_fs/put_old' : '/new_root/put_old'
    if (putOld === 'elsewhere') s.ok(mkdir('/put_old_fs'), mount('none', '/put_old_fs', 'tmpfs', 0, null))
    s.ok(putOld === 'file' ? creat(path) : mkdir(path))
    if (!capable) s.dropAllCapabilities()
    s.expect(pivotRoot('/new_root', path), expected)
  },
}))

/** A case of one call, in the bed. */
const one = (source: string, name: string, expected: Answer | History, act: (s: Script) => ReturnType<typeof mkdir>): Oracle => ({
  name,
  source: `LTP ${source}`,
  build(s, at) {
    bed(s, at)
    s.expect(act(s), expected)
  },
})

const F = MOVE_MOUNT_F_EMPTY_PATH
const mounts: readonly Oracle[] = [
  one('move_mount02 invalid-from-fd', 'move_mount: from no descriptor', 'EBADF', () => moveMount(-1, '', AT_FDCWD, 'mntpoint', F)),
  one('move_mount02 invalid-from-path', 'move_mount: from a path that is not there', 'ENOENT', (s) => moveMount(s.detached(), 'invalid', AT_FDCWD, 'mntpoint', F)),
  one('move_mount02 invalid-to-fd', 'move_mount: to no descriptor', 'EBADF', (s) => moveMount(s.detached(), '', -1, 'mntpoint', F)),
  one('move_mount02 invalid-to-path', 'move_mount: to a path that is not there', 'ENOENT', (s) => moveMount(s.detached(), '', AT_FDCWD, 'invalid', F)),
  one('move_mount02 invalid-flags', 'move_mount: unknown flag', 'EINVAL', (s) => moveMount(s.detached(), '', AT_FDCWD, 'mntpoint', 0x08)),
  one('open_tree02 invalid-fd', 'open_tree: no descriptor', 'EBADF', () => openTree(-1, 'mntpoint', OPEN_TREE_CLONE)),
  one('open_tree02 invalid-path', 'open_tree: a path that is not there', 'ENOENT', () => openTree(AT_FDCWD, 'invalid', OPEN_TREE_CLONE)),
  one('open_tree02 invalid-flags', 'open_tree: unknown flags', 'EINVAL', () => openTree(AT_FDCWD, 'mntpoint', 0xffffffff)),
  one('fsopen02 invalid-fs', 'fsopen: unknown file system', 'ENODEV', () => fsopen('invalid', 0)),
  one('fsopen02 invalid-flags', 'fsopen: unknown flag', 'EINVAL', () => fsopen('tmpfs', 0x10)),
  one('fsmount02 invalid-fd', 'fsmount: no descriptor', 'EBADF', () => fsmount(-1, FSMOUNT_CLOEXEC, 0)),
  // The flag that was free when the table was written is FSMOUNT_NAMESPACE now.
  one('fsmount02 invalid-flags', 'fsmount: flag 2', history('EINVAL', ['7.1', 'ok']), (s) => fsmount(s.created(), FSMOUNT_NAMESPACE, 0)),
  one('fsmount02 invalid-flags, moved on', 'fsmount: unknown flag', 'EINVAL', (s) => fsmount(s.created(), 0x100, 0)),
  one('fsmount02 invalid-attrs', 'fsmount: unknown attribute', 'EINVAL', (s) => fsmount(s.created(), FSMOUNT_CLOEXEC, 0x100)),
]

type Aux = number | 'file'
/** Name in LTP, command, key, value, aux. */
const configs: readonly (readonly [name: string, command: number, key: string | null, value: RowArgument, aux: Aux])[] = [
  ['set-flag-key', FSCONFIG_SET_FLAG, null, null, 0],
  ['set-flag-value', FSCONFIG_SET_FLAG, 'rw', 'foo', 0],
  ['set-flag-aux', FSCONFIG_SET_FLAG, 'rw', null, 1],
  ['set-string-key', FSCONFIG_SET_STRING, null, 'source', 0],
  ['set-string-value', FSCONFIG_SET_STRING, 'source', null, 0],
  ['set-string-aux', FSCONFIG_SET_STRING, 'source', 'source', 1],
  ['set-binary-key', FSCONFIG_SET_BINARY, null, 'foo', 1],
  ['set-binary-value', FSCONFIG_SET_BINARY, 'sync', null, 1],
  ['set-binary-aux', FSCONFIG_SET_BINARY, 'sync', 'foo', 0],
  ['set-path-key', FSCONFIG_SET_PATH, null, '/dev/foo', AT_FDCWD],
  ['set-path-value', FSCONFIG_SET_PATH, 'sync', null, AT_FDCWD],
  ['set-path-aux', FSCONFIG_SET_PATH, 'sync', '/dev/foo', -1],
  ['set-path-empty-key', FSCONFIG_SET_PATH_EMPTY, null, '/dev/foo', AT_FDCWD],
  ['set-path-empty-value', FSCONFIG_SET_PATH_EMPTY, 'sync', null, AT_FDCWD],
  ['set-path-empty-aux', FSCONFIG_SET_PATH_EMPTY, 'sync', '/dev/foo', -1],
  ['set-fd-key', FSCONFIG_SET_FD, null, null, 'file'],
  ['set-fd-value', FSCONFIG_SET_FD, 'sync', 'foo', 'file'],
  ['set-fd-aux', FSCONFIG_SET_FD, 'sync', null, -1],
  ['cmd-create-key', FSCONFIG_CMD_CREATE, 'foo', null, 0],
  ['cmd-create-value', FSCONFIG_CMD_CREATE, null, 'foo', 0],
  ['cmd-create-aux', FSCONFIG_CMD_CREATE, null, null, 1],
  ['cmd-reconfigure-key', FSCONFIG_CMD_RECONFIGURE, 'foo', null, 0],
  ['cmd-reconfigure-value', FSCONFIG_CMD_RECONFIGURE, null, 'foo', 0],
  ['cmd-reconfigure-aux', FSCONFIG_CMD_RECONFIGURE, null, null, 1],
]

const fsconfigOracle: Oracle = {
  name: 'fsconfig: arguments that do not fit the command',
  source: 'LTP fsconfig02, all 26 of its table',
  build(s, at) {
    bed(s, at)
    const context = s.ok(fsopen('tmpfs', 0))
    const file: ResultOf = s.ok(open('testfile', O_RDWR | O_CREAT))
    s.passing(fsconfig(-1, FSCONFIG_SET_FLAG, 'user_xattr', null, 0), 'EINVAL')
    s.passing(fsconfig(context, 100, 'rw', null, 0), 'EOPNOTSUPP')
    for (const [name, command, key, value, aux] of configs) {
      s.passing({ ...fsconfig(context, command, key, value, aux === 'file' ? file : aux), name: `fsconfig ${name}` }, 'EINVAL')
    }
  },
}

export const errnoOracles: readonly Oracle[] = [...pivotOracles, ...mounts, fsconfigOracle]
