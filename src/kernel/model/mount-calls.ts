// The model's mount and root calls: mount, umount2, pivot_root, chroot, open_tree, move_mount, unshare.
//
// The order of checks is that of fs/namespace.c, since it decides which errno wins; the contract table
// (src/kernel/contract) holds both kernels to the same answers. Not modelled: user namespaces and locked
// mounts, events that propagate to peers, MOVE_MOUNT_BENEATH.  Man pages: mount(2), umount2(2), pivot_root(2).

import {
  AT_FDCWD, MNT_DETACH, MNT_FORCE, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, MS_MOVE, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT,
  MS_SHARED, MS_SILENT, MS_SLAVE, MS_UNBINDABLE, mountFlagsToString, OPEN_TREE_CLONE, UMOUNT_NOFOLLOW, umountFlagsToString,
} from '../../abi/mount.ts'
import { CLONE_FS, CLONE_NEWNS, O_CLOEXEC, O_PATH, S_IFBLK, S_IFMT } from '../../abi/process.ts'
import type { SyscallArg } from '../syscall-arg.ts'
import type { MountCalls } from '../kernel.ts'
import { superBlockOn } from './devices.ts'
import type { Door } from './door.ts'
import { Errno } from './errno.ts'
import { resolve } from './lookup.ts'
import { hasParent, isMountRoot, MOUNT_FLAGS, type Loc, type ModelMount } from './mount-tree.ts'
import { pivotRoot } from './pivot-root.ts'
import { isDir, type SuperBlock } from './vfs.ts'

const AT_RECURSIVE = 0x8000
const raw = (text: string): SyscallArg => ({ raw: text })
const hex = (n: number): SyscallArg => raw(`0x${n.toString(16)}`)
const at = (fd: number): SyscallArg => (fd === AT_FDCWD ? raw('AT_FDCWD') : fd)
const PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE

export function mountCalls(door: Door): MountCalls {
  const { world, proc } = door
  const table = world.mounts
  const inNs = (mnt: ModelMount): boolean => mnt.ns === proc.ns

  /** lock_mount(): the top of what is mounted at a target, which must be alive. */
  const lockMount = (target: Loc): Loc => {
    const top = table.followDown(target)
    if (top.node.unlinked) throw new Errno('ENOENT')
    return top
  }
  /** attach_recursive_mnt() without the propagation: what lands on a shared mount becomes shared. */
  const attach = (mnt: ModelMount, target: Loc): void => {
    table.attach(mnt, target)
    if (target.mnt.shared !== 0) for (const m of table.subtree(mnt)) if (m.shared === 0) m.shared = table.newGroup()
  }
  /** graft_tree() for new mounts and binds. */
  const graft = (mnt: ModelMount, target: Loc): void => {
    if (isDir(target.node) !== isDir(mnt.root)) {
      table.detach(mnt)
      throw new Errno('ENOTDIR')
    }
    attach(mnt, target)
  }

  const changeType = (target: Loc, flags: number): void => {
    const type = flags & ~(MS_REC | MS_SILENT)
    if ((type & ~PROPAGATION) !== 0 || (type & (type - 1)) !== 0) throw new Errno('EINVAL')
    if (!isMountRoot(target)) throw new Errno('EINVAL')
    for (const mnt of flags & MS_REC ? table.subtree(target.mnt) : [target.mnt]) {
      if (type === MS_SHARED) mnt.shared = mnt.shared === 0 ? table.newGroup() : mnt.shared
      else {
        const group = mnt.shared
        // Only a member of a group with other members becomes its slave; alone it keeps the master it had.
        const hasPeers = group !== 0 && table.all.some((m) => m !== mnt && m.shared === group)
        mnt.shared = 0
        if (type !== MS_SLAVE) mnt.master = 0
        else if (hasPeers) mnt.master = group
      }
      mnt.unbindable = type === MS_UNBINDABLE
    }
  }

  const bind = (source: string, target: Loc, flags: number): void => {
    const from = door.lookup(source)
    const to = lockMount(target)
    if (!inNs(to.mnt) || from.mnt.unbindable || !inNs(from.mnt)) throw new Errno('EINVAL')
    graft(table.copyTree(from.mnt, from.node, (flags & MS_REC) !== 0), to)
  }

  const move = (from: Loc, target: Loc): void => {
    const to = lockMount(target)
    const attached = hasParent(from.mnt)
    if (!inNs(to.mnt) || (attached ? !inNs(from.mnt) : from.mnt.ns !== null)) throw new Errno('EINVAL')
    if (!isMountRoot(from)) throw new Errno('EINVAL')
    if (isDir(to.node) !== isDir(from.node)) throw new Errno('EINVAL')
    if (attached && from.mnt.parent.shared !== 0) throw new Errno('EINVAL')
    if (to.mnt.shared !== 0 && table.subtree(from.mnt).some((m) => m.unbindable)) throw new Errno('EINVAL')
    for (let p = to.mnt; ; p = p.parent) {
      if (p === from.mnt) throw new Errno('ELOOP')
      if (!hasParent(p)) break
    }
    attach(from.mnt, to)
  }

  const remount = (target: Loc, flags: number): void => {
    if (!isMountRoot(target) || !inNs(target.mnt)) throw new Errno('EINVAL')
    // MS_BIND restricts the change to this mount; without it both it and the file system change.
    target.mnt.flags = flags & MOUNT_FLAGS
    if ((flags & MS_BIND) === 0) target.mnt.sb.readOnly = (flags & MS_RDONLY) !== 0
  }

  const superBlock = (source: string, fstype: string, flags: number): SuperBlock => {
    const virtual = world.virtualFs(fstype, source)
    if (virtual !== null) return virtual
    if (!world.diskFsTypes.has(fstype)) throw new Errno('ENODEV')
    const { node } = door.lookup(source)
    if ((node.mode & S_IFMT) !== S_IFBLK) throw new Errno('ENOTBLK')
    return superBlockOn(world.disks.get(node.rdev), fstype, (flags & MS_RDONLY) !== 0)
  }

  const newMount = (source: string, target: Loc, fstype: string | null, flags: number): void => {
    if (fstype === null) throw new Errno('EINVAL')
    const sb = superBlock(source, fstype, flags)
    const to = lockMount(target)
    if (!inNs(to.mnt)) throw new Errno('EINVAL')
    if (to.mnt.sb === sb && isMountRoot(to)) throw new Errno('EBUSY')
    if ((flags & MS_RDONLY) !== 0 && world.disks.has(sb.dev)) sb.readOnly = true
    graft(table.create(sb, sb.root, (flags & MOUNT_FLAGS) | world.defaultMountFlags), to)
  }

  const mount = (source: string, target: string, fstype: string | null, flags: number): void => {
    const to = door.lookup(target)
    door.needRoot()
    if (flags & MS_REMOUNT) remount(to, flags)
    else if (flags & MS_BIND) bind(source, to, flags)
    else if (flags & PROPAGATION) changeType(to, flags)
    else if (flags & MS_MOVE) move(door.lookup(source), to)
    else newMount(source, to, fstype, flags)
  }

  const isBusy = (mnt: ModelMount): boolean =>
    table.childrenOf(mnt).length > 0 ||
    [...world.processes.values()].some((p) =>
      [p.root, p.cwd, ...(p.exe === null ? [] : [p.exe]), ...[...p.fds.values()].map((f) => f.file.loc)].some((l) => l.mnt === mnt))

  const umount = (target: string, flags: number): void => {
    if (flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)) throw new Errno('EINVAL')
    // LOOKUP_MOUNTPOINT: unlike elsewhere "." and "/" cross to what covers them, so umount2(".") works after pivot_root(".", ".").
    const found = table.followDown(door.lookup(target, (flags & UMOUNT_NOFOLLOW) === 0))
    door.needRoot()
    if (!isMountRoot(found) || !inNs(found.mnt)) throw new Errno('EINVAL')
    if (found.mnt === proc.root.mnt && (flags & MNT_DETACH) === 0) {
      // The root itself cannot go: the kernel makes it read-only instead.
      found.mnt.sb.readOnly = true
      return
    }
    if (!hasParent(found.mnt)) throw new Errno('EINVAL')
    if ((flags & MNT_DETACH) === 0 && isBusy(found.mnt)) throw new Errno('EBUSY')
    table.detach(found.mnt)
  }

  const directory = (path: string): Loc => {
    const found = door.lookup(path)
    if (!isDir(found.node)) throw new Errno('ENOTDIR')
    return found
  }

  const atPath = (fd: number, path: string, empty: boolean): Loc => {
    if (path === '') {
      if (!empty) throw new Errno('ENOENT')
      return fd === AT_FDCWD ? proc.cwd : door.file(fd).loc
    }
    return resolve(world, proc, path, true, fd === AT_FDCWD ? proc.cwd : door.file(fd).loc)
  }

  return {
    mount: (source, target, fstype, flags, data) =>
      door.call('mount', [source, target, fstype, raw(mountFlagsToString(flags)), data], () => mount(source, target, fstype, flags)),
    umount2: (target, flags) => door.call('umount2', [target, raw(umountFlagsToString(flags))], () => umount(target, flags)),
    swapoff: (path) =>
      door.call('swapoff', [path], () => {
        door.needRoot()
        if (!world.swaps.delete(path)) throw new Errno('EINVAL')
      }),
    pivotRoot: (newRoot, putOld) =>
      door.call('pivot_root', [newRoot, putOld], () => {
        door.needRoot()
        pivotRoot(world, proc, directory(newRoot), table.followDown(directory(putOld)))
      }),
    chroot: (path) =>
      door.call('chroot', [path], () => {
        const to = directory(path)
        door.needRoot()
        proc.root = to
      }),
    chdir: (path) => door.call('chdir', [path], () => { proc.cwd = directory(path) }),
    fchdir: (fd) =>
      door.call('fchdir', [fd], () => {
        const { loc } = door.file(fd)
        if (!isDir(loc.node)) throw new Errno('ENOTDIR')
        proc.cwd = loc
      }),
    openTree: (dirfd, path, flags) =>
      door.call('open_tree', [at(dirfd), path, hex(flags)], () => {
        const from = atPath(dirfd, path, (flags & 0x1000) !== 0)
        if ((flags & OPEN_TREE_CLONE) === 0) return door.install({ kind: 'path', loc: from, flags: O_PATH, offset: 0 }, (flags & O_CLOEXEC) !== 0)
        door.needRoot()
        if (!inNs(from.mnt) || from.mnt.unbindable) throw new Errno('EINVAL')
        const copy = table.copyTree(from.mnt, from.node, (flags & AT_RECURSIVE) !== 0)
        return door.install({ kind: 'tree', loc: { mnt: copy, node: copy.root }, flags: O_PATH, offset: 0 }, (flags & O_CLOEXEC) !== 0)
      }),
    moveMount: (fromFd, fromPath, toFd, toPath, flags) =>
      door.call('move_mount', [at(fromFd), fromPath, at(toFd), toPath, hex(flags)], () => {
        door.needRoot()
        const known = MOVE_MOUNT_F_EMPTY_PATH | 0x40 | 0x1 | 0x10
        if (flags & ~known) throw new Error(`Cannot model move_mount flags 0x${flags.toString(16)}`)
        move(atPath(fromFd, fromPath, (flags & MOVE_MOUNT_F_EMPTY_PATH) !== 0), atPath(toFd, toPath, (flags & 0x40) !== 0))
      }),
    unshare: (flags) =>
      door.call('unshare', [hex(flags)], () => {
        if (flags & ~(CLONE_FS | CLONE_NEWNS)) throw new Error(`Cannot model unshare flags 0x${flags.toString(16)}`)
        if (flags & CLONE_NEWNS) {
          door.needRoot()
          copyNamespace(door)
        }
      }),
    uniqueMountId: (path) => door.call('statx', [path], () => uniqueId(door.lookup(path).mnt)),
    statmount: (mount) =>
      door.call('statmount', ['id' in mount ? mount.id : mount.fd], () => {
        door.needRoot()
        const found = 'id' in mount ? table.all.find((m) => uniqueId(m) === mount.id) : door.file(mount.fd).loc.mnt
        if (found === undefined || ('id' in mount && !inNs(found))) throw new Errno('ENOENT')
        return { id: uniqueId(found), parentId: uniqueId(found.parent), dev: found.sb.dev, fstype: found.sb.fstype }
      }),
    // As a kernel before 5.2: what is modelled does without these.
    mountSetattr: (_dirfd, path) => door.call('mount_setattr', [path], () => { throw new Errno('ENOSYS') }),
    fsopen: (fstype) => door.call('fsopen', [fstype], () => { throw new Errno('ENOSYS') }),
    fsconfig: (_fd, key) => door.call('fsconfig', [key], () => { throw new Errno('ENOSYS') }),
    fsmount: (fd) => door.call('fsmount', [fd], () => { throw new Errno('ENOSYS') }),
    // As a kernel before 6.8: what is modelled reads mountinfo.
    statmountDetails: (id) => door.call('statmount', [id], () => { throw new Errno('ENOSYS') }),
    listmount: () => door.call('listmount', [], () => { throw new Errno('ENOSYS') }),
    setns: (fd, nstype) => door.call('setns', [fd, nstype], () => { throw new Errno('EINVAL') }),
  }
}

/** Unique ids begin above all that mountinfo prints. */
function uniqueId(mnt: ModelMount): bigint {
  return 0x80000000n + BigInt(mnt.id)
}

/** copy_mnt_ns(): every mount again, peers of shared ones, with the process's root and directory on the copies. */
function copyNamespace(door: Door): void {
  const { world, proc } = door
  const table = world.mounts
  const old = table.all.filter((m) => m.ns === proc.ns)
  const ns = world.newNamespace()
  const copies = new Map<ModelMount, ModelMount>()
  for (const mnt of old) copies.set(mnt, table.clone(mnt, mnt.root))
  for (const [mnt, copy] of copies) {
    const parent = copies.get(mnt.parent)
    if (parent !== undefined && hasParent(mnt)) {
      copy.parent = parent
      copy.mountpoint = mnt.mountpoint
    }
    copy.ns = ns
  }
  const moved = (loc: Loc): Loc => ({ mnt: copies.get(loc.mnt) ?? loc.mnt, node: loc.node })
  proc.ns = ns
  proc.root = moved(proc.root)
  proc.cwd = moved(proc.cwd)
}
