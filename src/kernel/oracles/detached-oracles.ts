// Oracles of detached trees: clones of clones, mounts on trees that are mounted nowhere, and who may do so.
//
// Assertions of the kernel's selftests/mount_setattr (its second half). Since Linux 6.15; EINVAL before.

import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH, MS_REC, MS_SHARED, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '../../abi/mount.ts'
import { CLONE_NEWNS } from '../../abi/process.ts'
import type { ResultOf } from '../child-table.ts'
import { access, close, creat, mkdir, mkdirat, mount, moveMount, openTree, openat, umount, unshare, type Call } from './calls.ts'
import { since, type Oracle, type Script } from './script.ts'

const SUITE = 'selftests/mount_setattr'
const CLONE = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
const NEW = since('6.15', 'EINVAL')
const O_PATH = 0o10000000

/** at, at/A, at/A/AA, at/A/AA/B and at/B are tmpfs; each has a file of its own; at/target1 and at/target2 are directories. */
function bed(s: Script, at: string): void {
  s.makePrivate()
  for (const path of ['', '/A', '/A/AA', '/A/AA/B', '/B']) {
    if (path !== '') s.ok(mkdir(`${at}${path}`))
    s.ok(mount('bed', `${at}${path}`, 'tmpfs', 0, null), creat(`${at}${path}/file`))
  }
  s.ok(mkdir(`${at}/target1`), mkdir(`${at}/target2`))
}

const treeOf = (s: Script, path: string, flags = AT_RECURSIVE): ResultOf => s.ok(openTree(AT_FDCWD, path, CLONE | flags))
const attach = (tree: ResultOf, path: string): Call => moveMount(tree, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)
const attachTo = (tree: ResultOf, target: ResultOf, path = ''): Call => moveMount(tree, '', target, path, MOVE_MOUNT_F_EMPTY_PATH | (path === '' ? MOVE_MOUNT_T_EMPTY_PATH : 0))
/** A file that is there only if the mounts were cloned too. */
const has = (tree: ResultOf, path: string): Call => openat(tree, path, O_PATH, 0)

export const detachedOracles: readonly Oracle[] = [
  {
    name: 'detached: a clone of a part of a detached tree, and both attached',
    source: `${SUITE} open_tree_detached`,
    build(s, at) {
      bed(s, at)
      const base = treeOf(s, at)
      s.ok(has(base, 'A/AA/B/file'), has(base, 'B/file'))
      const part = s.expect(openTree(base, 'A/AA', CLONE | AT_RECURSIVE), NEW)
      s.ok(has(part, 'B/file'), attach(part, `${at}/target1`), access(`${at}/target1/B/file`))
      s.ok(attach(base, `${at}/target2`), access(`${at}/target2/A/AA/B/file`), access(`${at}/target2/B/file`), close(base), close(part))
      s.ok(access(`${at}/target2/A/AA/B/file`))
    },
  },
  {
    name: 'detached: no clone of a tree that comes from another namespace',
    source: `${SUITE} open_tree_detached_fail`,
    build(s, at) {
      bed(s, at)
      const base = treeOf(s, at)
      s.ok(unshare(CLONE_NEWNS))
      s.expect(openTree(base, 'A/AA', CLONE | AT_RECURSIVE), 'EINVAL')
    },
  },
  {
    name: 'detached: no clone by a user namespace that does not own the mounts',
    source: `${SUITE} open_tree_detached_fail2`,
    build(s, at) {
      bed(s, at)
      const base = treeOf(s, at)
      s.enterUserNamespace()
      s.expect(openTree(base, 'A/AA', CLONE | AT_RECURSIVE), 'EPERM')
    },
  },
  {
    name: 'detached: no clone by a user namespace with mounts of its own',
    source: `${SUITE} open_tree_detached_fail3`,
    build(s, at) {
      bed(s, at)
      const base = treeOf(s, at)
      s.enterUserNamespace(CLONE_NEWNS)
      s.makePrivate()
      s.expect(openTree(base, 'A/AA', CLONE | AT_RECURSIVE), 'EINVAL')
    },
  },
  {
    name: 'detached: a directory of a file system that is mounted nowhere',
    source: `${SUITE} open_tree_subfolder`,
    build(s, at) {
      bed(s, at)
      const fd = s.detached()
      s.ok(mkdirat(fd, 'subdir'))
      const tree = s.expect(openTree(fd, 'subdir', CLONE | AT_RECURSIVE), NEW)
      s.ok(close(fd), attach(tree, `${at}/target1`), close(tree), umount(`${at}/target1`, 0))
    },
  },
  {
    name: 'detached: a tree mounted on a detached tree, once, and attached with it',
    source: `${SUITE} mount_detached_mount_on_detached_mount_then_close, mount_detached_mount_on_detached_mount_and_attach`,
    build(s, at) {
      bed(s, at)
      const base = treeOf(s, at, 0)
      const upper = s.expect(openTree(base, '', CLONE | AT_EMPTY_PATH), NEW)
      const id = s.mountId('', upper)
      s.ok(attachTo(upper, base))
      s.passing(attachTo(upper, base), 'EINVAL')
      s.ok(attach(base, `${at}/target1`))
      const seen = s.mountId(`${at}/target1`)
      s.ok(close(base), close(upper))
      s.check('the upper one is on top', () => seen.value() === id.value())
    },
  },
  {
    name: 'detached: a file system mounted into a detached tree',
    source: 'own, kernel.md F',
    build(s, at) {
      bed(s, at)
      const base = treeOf(s, at, 0)
      s.expect(attachTo(s.detached(), base, 'A'), NEW)
      s.ok(attach(base, `${at}/target1`))
      s.passing(access(`${at}/target1/A/file`), 'ENOENT')
    },
  },
  {
    name: 'detached: an attached mount cannot go to a detached tree',
    source: `${SUITE} move_mount_detached_fail`,
    build(s, at) {
      bed(s, at)
      const base = treeOf(s, at, 0)
      s.ok(attach(base, `${at}/target1`))
      s.expect(attachTo(base, treeOf(s, `${at}/A`, 0)), 'EINVAL')
    },
  },
  {
    name: 'detached: attached, unmounted and then closed',
    source: `${SUITE} attach_detached_mount_then_umount_then_close`,
    build(s, at) {
      bed(s, at)
      const tree = treeOf(s, at)
      s.ok(attach(tree, `${at}/target1`), access(`${at}/target1/A/file`), umount(`${at}/target1`, MNT_DETACH), close(tree))
    },
  },
  {
    name: 'detached: a tree on a tree is no root any more, and outlives its descriptor',
    source: `${SUITE} mount_detached1_onto_detached2_then_close_detached1_then_mount_detached2_onto_attached`,
    build(s, at) {
      bed(s, at)
      const [a, b] = [treeOf(s, `${at}/A`), treeOf(s, `${at}/B`, 0)]
      s.expect(attachTo(a, b), NEW)
      s.passing(attach(a, `${at}/target1`), 'EINVAL')
      s.ok(close(a), attach(b, `${at}/target1`), close(b), access(`${at}/target1/AA/B/file`))
    },
  },
  {
    name: 'detached: two descriptors of one tree attach it once',
    source: `${SUITE} two_detached_mounts_referring_to_same_anonymous_mount_namespace`,
    build(s, at) {
      bed(s, at)
      const first = treeOf(s, `${at}/A`)
      const second = s.ok(openTree(first, '', AT_EMPTY_PATH | OPEN_TREE_CLOEXEC))
      s.ok(attach(second, `${at}/target1`))
      // It would lie on itself: a loop.
      s.passing(attach(first, `${at}/target1`), 'ELOOP')
    },
  },
  {
    name: 'detached: only the root of a tree can be attached',
    source: `${SUITE} two_detached_subtrees_of_same_anonymous_mount_namespace`,
    build(s, at) {
      bed(s, at)
      const tree = treeOf(s, `${at}/A`)
      const part = s.ok(openTree(tree, 'AA', OPEN_TREE_CLOEXEC))
      s.passing(attach(part, `${at}/target1`), 'EINVAL')
      s.ok(attach(tree, `${at}/target1`))
    },
  },
  {
    name: 'detached: a tree that is mounted nowhere receives no mounts',
    source: `${SUITE} detached_tree_propagation`,
    build(s, at) {
      bed(s, at)
      s.ok(mount('none', at, null, MS_REC | MS_SHARED, null))
      const tree = treeOf(s, at)
      s.ok(mount('over', `${at}/A`, 'tmpfs', 0, null), has(tree, 'A/file'))
      s.passing(access(`${at}/A/file`), 'ENOENT')
    },
  },
]
