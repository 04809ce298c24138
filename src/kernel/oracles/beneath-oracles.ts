// Oracles of move_mount(2) with MOVE_MOUNT_BENEATH: below "/", below locked mounts, and what is refused.
//
// Assertions of the kernel's selftests/filesystems/move_mount; those with the source 'own' back the plans of
// `fulcrum replace`. Since Linux 6.5; below "/" since 7.1.

import {
  AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOVE_MOUNT_BENEATH, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, MS_SHARED, MS_UNBINDABLE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE,
} from '../../abi/mount.ts'
import { CLONE_NEWNS, O_PATH } from '../../abi/process.ts'
import type { ResultOf } from '../child-table.ts'
import { MOVE_MOUNT_SET_GROUP, access, chdir, chroot, close, creat, fchdir, mkdir, mount, moveMount, open, openTree, umount } from './calls.ts'
import { history, since, type MountIdBuffer, type Oracle, type Script } from './script.ts'

const BENEATH = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_BENEATH
const SUITE = 'selftests/filesystems/move_mount'
const BELOW_ROOT = since('7.1', 'EINVAL')
const BELOW = since('6.5', 'EINVAL')

/** A clone of "/", with the working directory on it. */
function cloneOfRoot(s: Script, flags = 0): { readonly tree: ResultOf; readonly id: MountIdBuffer } {
  const tree = s.ok(openTree(AT_FDCWD, '/', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags))
  const id = s.mountId('', tree)
  s.ok(fchdir(tree))
  return { tree, id }
}

const beneath = (source: ResultOf, target: string, more = 0): ReturnType<typeof moveMount> => moveMount(source, '', AT_FDCWD, target, BENEATH | more)

/** The clone goes below "/", and is "/" after that. */
function replaceRoot(s: Script, flags = 0): MountIdBuffer {
  const { tree, id } = cloneOfRoot(s, flags)
  s.expect(beneath(tree, '/'), BELOW_ROOT)
  s.ok(close(tree), chroot('.'))
  const root = s.mountId('/')
  s.check('"/" is the clone', () => root.value() === id.value() && id.value() !== 0n)
  return id
}

/** A stack of two file systems, locked because a user namespace inherited them. */
function lockedStack(s: Script, at: string): ResultOf {
  s.makePrivate()
  s.ok(mount('lower', at, 'tmpfs', 0, null), mount('upper', at, 'tmpfs', 0, null))
  s.enterUserNamespace(CLONE_NEWNS)
  s.makePrivate()
  s.passing(umount(at, MNT_DETACH), 'EINVAL')
  return s.detached()
}

/** `at` is a private tmpfs with the directories and a mount 'old' on the last of them. */
function bed(s: Script, at: string, ...directories: readonly string[]): void {
  s.makePrivate()
  s.ok(mount('bed', at, 'tmpfs', 0, null))
  for (const name of directories) s.ok(mkdir(`${at}/${name}`))
  const last = directories.at(-1)
  if (last !== undefined) s.ok(mount('old', `${at}/${last}`, 'tmpfs', 0, null))
}

const selftests: readonly Oracle[] = [
  {
    name: 'beneath "/": the clone is the root, the old one can be detached',
    source: `${SUITE} beneath_rootfs_success`,
    build(s) {
      s.makePrivate()
      const old = s.mountId('/')
      const id = replaceRoot(s)
      s.ok(umount('.', MNT_DETACH))
      s.check('another mount than before', () => old.value() !== id.value())
    },
  },
  {
    name: 'beneath "/": the old root lies on the clone',
    source: `${SUITE} beneath_rootfs_old_root_stacked`,
    build(s) {
      s.makePrivate()
      const old = s.statmountRequest('/')
      const id = replaceRoot(s)
      const now = s.statmountBy(old)
      s.ok(umount('.', MNT_DETACH))
      s.check('its parent is the clone', () => now.parentId() === id.value())
    },
  },
  {
    name: 'beneath "/": in a chroot to a plain directory it is refused',
    source: `${SUITE} beneath_rootfs_in_chroot_fail`,
    build(s, at) {
      s.makePrivate()
      s.ok(mount('bed', at, 'tmpfs', 0, null), mkdir(`${at}/plain`), chdir(`${at}/plain`), chroot('.'))
      s.expect(beneath(cloneOfRoot(s).tree, '/'), 'EINVAL')
    },
  },
  {
    name: 'beneath "/": in a chroot to a mount it works',
    source: `${SUITE} beneath_rootfs_in_chroot_success`,
    build(s, at) {
      s.makePrivate()
      s.ok(mount('bed', at, 'tmpfs', 0, null), chdir(at), chroot('.'))
      const old = s.statmountRequest('/')
      const id = replaceRoot(s)
      const now = s.statmountBy(old)
      s.ok(umount('.', MNT_DETACH))
      s.check('the parent of the old root is the clone', () => now.parentId() === id.value())
    },
  },
  {
    name: 'beneath "/" in a user namespace: the old root is no longer locked, the new one is',
    source: `${SUITE} beneath_rootfs_locked_transfer, beneath_rootfs_locked_containment`,
    build(s) {
      s.enterUserNamespace(CLONE_NEWNS)
      s.makePrivate()
      s.passing(umount('/', MNT_DETACH), 'EINVAL')
      const id = replaceRoot(s, AT_RECURSIVE)
      s.ok(umount('.', MNT_DETACH))
      const root = s.mountId('/')
      s.passing(umount('/', MNT_DETACH), 'EINVAL')
      s.check('"/" is still the clone', () => root.value() === id.value())
    },
  },
  {
    name: 'beneath a locked mount: the lock goes over to the new one',
    source: `${SUITE} beneath_non_rootfs_locked_transfer, beneath_non_rootfs_locked_containment`,
    build(s, at) {
      const fd = lockedStack(s, at)
      const id = s.mountId('', fd)
      // Before 7.1 a locked target was refused; before 6.5 the flag.
      s.expect(beneath(fd, at), since('7.1', 'EINVAL'))
      s.ok(close(fd), umount(at, MNT_DETACH))
      const visible = s.mountId(at)
      s.passing(umount(at, MNT_DETACH), 'EINVAL')
      s.check('the new mount is seen', () => visible.value() === id.value())
    },
  },
]

const own: readonly Oracle[] = [
  {
    name: 'beneath: the new mount appears when the old one is detached',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 't')
      const fd = s.detached()
      const id = s.mountId('', fd)
      const old = s.mountId(`${at}/t`)
      s.expect(beneath(fd, `${at}/t`), BELOW)
      const still = s.mountId(`${at}/t`)
      s.ok(umount(`${at}/t`, MNT_DETACH))
      const now = s.mountId(`${at}/t`)
      s.check('the old one was on top', () => still.value() === old.value())
      s.check('the new one is there', () => now.value() === id.value())
    },
  },
  {
    name: 'beneath: a detached source and a target with a shared parent',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 't')
      s.ok(mount('none', at, null, MS_SHARED, null))
      s.expect(beneath(s.detached(), `${at}/t`), BELOW)
    },
  },
  { name: 'beneath: the target is no mount', source: 'own, kernel.md E', build(s, at) { bed(s, at); s.ok(mkdir(`${at}/plain`)); s.expect(beneath(s.detached(), `${at}/plain`), 'EINVAL') } },
  {
    name: 'beneath: the source has a mount on its own root',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 's', 't')
      s.ok(mount('source', `${at}/s`, 'tmpfs', 0, null))
      const source = s.ok(open(`${at}/s`, O_PATH))
      s.ok(mount('cover', `${at}/s`, 'tmpfs', 0, null))
      s.expect(beneath(source, `${at}/t`), 'EINVAL')
    },
  },
  {
    name: 'beneath: an attached source whose parent is shared',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 'p', 't')
      s.ok(mount('parent', `${at}/p`, 'tmpfs', 0, null), mount('none', `${at}/p`, null, MS_SHARED, null), mkdir(`${at}/p/s`))
      s.ok(mount('source', `${at}/p/s`, 'tmpfs', 0, null))
      s.expect(beneath(s.ok(open(`${at}/p/s`, O_PATH)), `${at}/t`), 'EINVAL')
    },
  },
  {
    name: 'beneath: an attached source from a private place',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 's', 't')
      s.ok(mount('source', `${at}/s`, 'tmpfs', 0, null), creat(`${at}/s/new`))
      s.expect(beneath(s.ok(open(`${at}/s`, O_PATH)), `${at}/t`), BELOW)
      s.ok(umount(`${at}/t`, 0), access(`${at}/t/new`))
    },
  },
  {
    name: 'beneath: the source lies on the target',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 't')
      s.ok(mkdir(`${at}/t/s`), mount('source', `${at}/t/s`, 'tmpfs', 0, null))
      s.expect(beneath(s.ok(open(`${at}/t/s`, O_PATH)), `${at}/t`), 'EINVAL')
    },
  },
  {
    name: 'beneath: the target lies on the source',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 's')
      s.ok(mkdir(`${at}/s/t`), mount('target', `${at}/s/t`, 'tmpfs', 0, null))
      s.expect(beneath(s.ok(open(`${at}/s`, O_PATH)), `${at}/s/t`), history('EINVAL', ['6.5', 'ELOOP']))
    },
  },
  {
    name: 'beneath: a directory below a file',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at)
      s.ok(creat(`${at}/a`), creat(`${at}/t`), mount(`${at}/a`, `${at}/t`, null, MS_BIND, null))
      s.expect(beneath(s.detached(), `${at}/t`), 'EINVAL')
    },
  },
  {
    name: 'beneath: a file below a file',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at)
      s.ok(creat(`${at}/a`), creat(`${at}/t`), mount(`${at}/a`, `${at}/t`, null, MS_BIND, null))
      s.expect(beneath(s.ok(openTree(AT_FDCWD, `${at}/a`, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)), `${at}/t`), BELOW)
    },
  },
  {
    name: 'beneath: an unbindable source and a target with a shared parent',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 's', 'p')
      s.ok(mount('source', `${at}/s`, 'tmpfs', 0, null), mount('none', `${at}/s`, null, MS_UNBINDABLE, null))
      s.ok(mount('none', `${at}/p`, null, MS_SHARED, null), mkdir(`${at}/p/t`), mount('target', `${at}/p/t`, 'tmpfs', 0, null))
      s.expect(beneath(s.ok(open(`${at}/s`, O_PATH)), `${at}/p/t`), 'EINVAL')
    },
  },
  { name: 'beneath: together with MOVE_MOUNT_SET_GROUP', source: 'own, kernel.md E', build(s, at) { bed(s, at, 't'); s.expect(beneath(s.detached(), `${at}/t`, MOVE_MOUNT_SET_GROUP), 'EINVAL') } },
  {
    name: 'beneath: the target is a directory of its shared parent bound onto itself',
    source: 'own, kernel.md E',
    build(s, at) {
      bed(s, at, 'p')
      s.ok(mount('none', `${at}/p`, null, MS_SHARED, null), mkdir(`${at}/p/t`), mount(`${at}/p/t`, `${at}/p/t`, null, MS_BIND, null))
      s.expect(beneath(s.detached(), `${at}/p/t`), 'EINVAL')
    },
  },
]

export const beneathOracles: readonly Oracle[] = [...selftests, ...own]
