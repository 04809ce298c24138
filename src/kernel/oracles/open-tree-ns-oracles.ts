// Oracles of open_tree(2) with OPEN_TREE_NAMESPACE: a mount namespace of a tree, without a copy of all mounts.
//
// Assertions of the kernel's selftests/filesystems/open_tree_ns. Since Linux 7.0: EINVAL before.

import { AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MS_REC, MS_SLAVE, MS_UNBINDABLE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE, OPEN_TREE_NAMESPACE } from '../../abi/mount.ts'
import { CLONE_NEWNS, O_RDONLY } from '../../abi/process.ts'
import type { ResultOf } from '../child-table.ts'
import { NS_GET_MNTNS_ID, access, close, creat, ioctl, mount, open, openTree, setns, umount } from './calls.ts'
import { history, since, type Oracle, type Script } from './script.ts'

const SUITE = 'selftests/filesystems/open_tree_ns'
const NEW = since('7.0', 'EINVAL')
const FLAGS = OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC

const namespaceOf = (path: string, flags = 0): ReturnType<typeof openTree> => openTree(AT_FDCWD, path, FLAGS | flags)

/** The id of the mount namespace of a descriptor on it. */
function namespaceId(s: Script, fd: ResultOf): () => bigint {
  const id = Buffer.alloc(8)
  s.ok(ioctl(fd, NS_GET_MNTNS_ID, id))
  return () => id.readBigUInt64LE(0)
}

/** It is another namespace than ours, and mounts are listed in it. */
function isNewNamespace(s: Script, fd: ResultOf): void {
  const theirs = namespaceId(s, fd)
  const self = s.ok(open('/proc/self/ns/mnt', O_RDONLY))
  const ours = namespaceId(s, self)
  s.ok(close(self))
  const list = s.listNamespace(fd)
  s.check('another namespace', () => theirs() !== 0n && theirs() !== ours())
  s.check('its mounts are listed', () => list().length >= 1)
}

const variants = [
  ['basic_root', '/', 0], ['recursive_root', '/', AT_RECURSIVE], ['subdir_tmp', '/tmp', 0], ['subdir_proc', '/proc', 0],
  ['recursive_tmp', '/tmp', AT_RECURSIVE], ['recursive_run', '/run', AT_RECURSIVE],
] as const

export const openTreeNsOracles: readonly Oracle[] = [
  ...variants.map(([variant, path, flags]): Oracle => ({
    name: `open_tree namespace of ${path}${flags === 0 ? '' : ', recursive'}: new, with mounts, and can be entered`,
    source: `${SUITE} create_namespace, setns_into_namespace (${variant})`,
    build(s) {
      const fd = s.expect(namespaceOf(path, flags), NEW)
      isNewNamespace(s, fd)
      s.child(() => s.ok(setns(fd, CLONE_NEWNS)))
    },
  })),
  {
    name: 'open_tree with AT_RECURSIVE alone',
    source: `${SUITE} create_namespace (invalid_recursive_alone)`,
    build: (s) => void s.expect(openTree(AT_FDCWD, '/', AT_RECURSIVE | OPEN_TREE_CLOEXEC), 'EINVAL'),
  },
  {
    name: 'open_tree namespace: the tree lies on something, it is not the lowest mount',
    source: `${SUITE} verify_mount_properties`,
    build(s) {
      const fd = s.expect(namespaceOf('/'), NEW)
      s.ok(setns(fd, CLONE_NEWNS))
      const root = s.statmount('/')
      s.check('its parent is another mount', () => root.id() !== 0n && root.id() !== root.parentId())
    },
  },
  {
    name: 'open_tree namespace without capability',
    source: `${SUITE} requires_cap_sys_admin`,
    build(s) {
      s.enterUserNamespace()
      s.dropAllCapabilities()
      s.expect(namespaceOf('/'), history('EINVAL', ['7.0', 'EPERM']))
    },
  },
  {
    name: 'open_tree namespace in a user namespace, of "/" without what is mounted on it',
    source: `${SUITE} create_in_userns, setns_in_userns`,
    build(s) {
      s.enterUserNamespace()
      // What lies below the mounts of another owner is not to be revealed.
      s.expect(namespaceOf('/'), history('EINVAL', ['7.0', 'ok'], ['7.2', 'EINVAL']))
    },
  },
  {
    name: 'open_tree namespace in a user namespace, recursive',
    source: `${SUITE} recursive_in_userns, setns_in_userns`,
    build(s) {
      s.enterUserNamespace()
      const fd = s.expect(namespaceOf('/', AT_RECURSIVE), NEW)
      const list = s.listNamespace(fd)
      s.child(() => s.ok(setns(fd, CLONE_NEWNS)))
      s.check('mounts are listed', () => list().length >= 1)
    },
  },
  {
    name: 'open_tree namespace in a user namespace: nothing in it can be unmounted',
    source: `${SUITE} umount_fails_einval`,
    build(s) {
      s.enterUserNamespace()
      const fd = s.expect(namespaceOf('/', AT_RECURSIVE), NEW)
      s.ok(setns(fd, CLONE_NEWNS))
      for (const path of ['/proc', '/sys', '/dev', '/']) s.passing(umount(path, MNT_DETACH), 'EINVAL')
    },
  },
  {
    name: 'open_tree namespace by the owner of the mounts: everything can be unmounted',
    source: `${SUITE} umount_succeeds`,
    build(s) {
      s.ok(mount('none', '/', null, MS_SLAVE | MS_REC, null))
      const fd = s.expect(namespaceOf('/', AT_RECURSIVE), NEW)
      s.ok(setns(fd, CLONE_NEWNS))
      for (const path of ['/proc', '/sys', '/dev', '/']) s.ok(umount(path, MNT_DETACH))
    },
  },
  {
    name: 'open_tree namespace of an unbindable mount',
    source: `${SUITE} fails_on_unbindable`,
    build(s, at) {
      s.makePrivate()
      s.ok(mount('bed', at, 'tmpfs', 0, null), mount('none', at, null, MS_UNBINDABLE, null))
      s.expect(namespaceOf(at), 'EINVAL')
    },
  },
  {
    name: 'open_tree namespace, recursive: an unbindable mount is left out',
    source: `${SUITE} recursive_skips_on_unbindable`,
    build(s, at) {
      s.makePrivate()
      s.ok(mount('bed', at, 'tmpfs', 0, null), creat(`${at}/marker`), mount('none', at, null, MS_UNBINDABLE, null), access(`${at}/marker`))
      const fd = s.expect(namespaceOf('/', AT_RECURSIVE), NEW)
      s.ok(setns(fd, CLONE_NEWNS), access(at))
      s.passing(access(`${at}/marker`), 'ENOENT')
    },
  },
  { name: 'open_tree namespace of a file', source: 'own, kernel.md F', build: (s) => void s.expect(namespaceOf('/proc/version'), history('EINVAL', ['7.0', 'ENOTDIR'])) },
  { name: 'open_tree namespace together with OPEN_TREE_CLONE', source: 'own, kernel.md F', build: (s) => void s.expect(namespaceOf('/', OPEN_TREE_CLONE), 'EINVAL') },
]
