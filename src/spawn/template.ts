// The template: a mount namespace that holds one empty, read-only tmpfs, kept as a descriptor.
//
// unshare(CLONE_NEWNS) copies every mount of the caller. A child that enters the template first copies one or two instead of
// the host's ten thousand. Making it copies the host's once (never, since Linux 7.0); nothing that is mounted on the
// host arrives there.  mount_namespaces(7), open_tree(2)

import { AT_EMPTY_PATH, AT_FDCWD, MNT_DETACH, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MS_PRIVATE, MS_REC, OPEN_TREE_CLOEXEC, OPEN_TREE_NAMESPACE } from '../abi/mount.ts'
import { CLONE_FILES, CLONE_NEWNS, CLONE_VFORK, CLONE_VM, O_CLOEXEC, O_RDONLY } from '../abi/process.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { newMount } from '../kernel/new-mount.ts'
import { waitReadable } from '../kernel/wait-readable.ts'
import { calls, handle } from '../plan/run/calls.ts'
import type { ChildCall } from '../plan/run/run-plan.ts'
import { Compiler } from './compile.ts'
import { errorOfCall } from './spawn-error.ts'

/** Makes the template; the caller closes the descriptor. Throws SyscallError: EINVAL in a chroot(2) to what is no mount. */
export function makeTemplate(kernel: Kernel): Fd {
  const tree = newMount(kernel, 'tmpfs', [['size', '4k'], ['nr_inodes', '2'], ['mode', '555']], MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
  try {
    return namespaceOf(kernel, tree)
  } finally {
    kernel.close(tree)
  }
}

function namespaceOf(kernel: Kernel, tree: Fd): Fd {
  try {
    return kernel.openTree(tree, '', OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)
  } catch (error) {
    if (!isErrno(error, 'EINVAL')) throw error
  }
  // Where the root is the initramfs, nothing is above it that could be put away.
  const belowInitramfs = mountsOfInitramfs(kernel)
  return byChild(kernel, tree, belowInitramfs === null ? throughPivot : onTopOf(belowInitramfs))
}

const ownNamespace = calls.open(AT_FDCWD, '/proc/self/ns/mnt', O_RDONLY | O_CLOEXEC)
const separate = calls.mount(null, '/', null, MS_REC | MS_PRIVATE)
const attach = calls.moveMount(handle('tree'), '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH)
const throughPivot: readonly ChildCall[] = [ownNamespace, separate, attach, calls.fchdir(handle('tree')), calls.pivotRoot('.', '.'), calls.umount2('.', MNT_DETACH)]

/** What is mounted below the root goes, and the tmpfs covers it: two mounts. A namespace is entered at the topmost one. */
function onTopOf(mountPoints: readonly string[]): readonly ChildCall[] {
  return [ownNamespace, separate, ...mountPoints.map((path) => calls.umount2(path, MNT_DETACH)), attach]
}

/** Mount points directly below the rootfs, the last one first; null where the root is another mount. */
function mountsOfInitramfs(kernel: Kernel): string[] | null {
  const mounts = readOwnMounts(kernel)
  const root = mounts.find(({ mountPoint, fstype }) => mountPoint === '/' && fstype === 'rootfs')
  return root === undefined ? null : mounts.filter(({ id, parentId }) => parentId === root.id && id !== root.id).map(({ mountPoint }) => mountPoint).reverse()
}

/** The child shares the table of descriptors with us: what it opens is ours. */
function byChild(kernel: Kernel, tree: Fd, planned: readonly ChildCall[]): Fd {
  const rows = new Compiler().compile({ calls: planned, main: null }, { descriptor: () => tree, hardLimit: () => 0n, permitted: () => 0n })
  const table = kernel.startChild(rows, { flags: CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWNS })
  const namespace = table.result(0)
  const opened = namespace === null || namespace < 0 ? null : toFd(namespace)
  const failed = planned.findIndex((_, row) => (table.result(row) ?? 0) < 0)
  const call = planned[failed]
  const errno = -(table.result(failed) ?? 0)
  waitReadable(kernel, table.pidfd)
  attempt(() => kernel.reap(table.pid))
  kernel.close(table.pidfd)
  table.release()
  if (call === undefined && opened !== null) return opened
  if (opened !== null) kernel.close(opened)
  throw errorOfCall(call ?? ownNamespace, errno)
}
