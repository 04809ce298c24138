// The template: a mount namespace that holds one empty, read-only tmpfs, kept as a descriptor.
//
// unshare(CLONE_NEWNS) copies every mount of the caller. A child that enters the template first copies one instead of the
// host's ten thousand. Making it copies the host's once; nothing mounted on the host afterwards arrives there.

import { AT_FDCWD, MNT_DETACH, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { CLONE_FILES, CLONE_NEWNS, CLONE_VFORK, CLONE_VM, O_CLOEXEC, O_RDONLY } from '../abi/process.ts'
import { attempt } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { calls, handle } from '../plan/run/calls.ts'
import { compile } from './compile.ts'
import { errorOfCall } from './spawn-error.ts'

/** Makes the template; the caller closes the descriptor. Throws SyscallError. */
export function makeTemplate(kernel: Kernel): Fd {
  const context = kernel.fsopen('tmpfs')
  let tree: Fd | undefined
  try {
    for (const [key, value] of [['size', '4k'], ['nr_inodes', '2'], ['mode', '555']] as const) kernel.fsconfig(context, key, value)
    tree = kernel.fsmount(context, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
    return fill(kernel, tree)
  } finally {
    kernel.close(context)
    if (tree !== undefined) kernel.close(tree)
  }
}

/** The child shares the table of descriptors with us: what it opens is ours. */
function fill(kernel: Kernel, tree: Fd): Fd {
  const planned = [
    calls.open(AT_FDCWD, '/proc/self/ns/mnt', O_RDONLY | O_CLOEXEC),
    calls.mount(null, '/', null, MS_REC | MS_PRIVATE),
    calls.moveMount(handle('tree'), '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH),
    calls.fchdir(handle('tree')),
    calls.pivotRoot('.', '.'),
    calls.umount2('.', MNT_DETACH),
  ]
  const rows = compile({ calls: planned, main: null }, { descriptor: () => tree, hardLimit: () => 0n, permitted: () => 0n })
  const table = kernel.startChild(rows, { flags: CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWNS })
  try {
    const namespace = table.result(0)
    const failed = planned.findIndex((_, row) => (table.result(row) ?? 0) < 0)
    if (namespace !== null && namespace >= 0 && failed < 0 && table.finished()) return toFd(namespace)
    if (namespace !== null && namespace >= 0) kernel.close(toFd(namespace))
    const call = planned[Math.max(0, failed)]
    throw call === undefined ? new Error('unreachable') : errorOfCall(call, -(table.result(Math.max(0, failed)) ?? 0))
  } finally {
    kernel.poll([table.pidfd], -1)
    attempt(() => kernel.reap(table.pid))
    kernel.close(table.pidfd)
    table.release()
  }
}
