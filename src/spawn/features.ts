// What this kernel can, found out by trying.
//
// Everything is tried on trees that are attached nowhere, or in a child that ends at once: nothing that anybody can see
// happens.  docs/kernel-facts.md

import { AT_EMPTY_PATH, AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH, OPEN_TREE_CLOEXEC, OPEN_TREE_NAMESPACE } from '../abi/mount.ts'
import { CLONE_VFORK, CLONE_VM } from '../abi/process.ts'
import { readKernelFiles } from '../facts/run/kernel-files.ts'
import type { RunFeatures } from '../facts/run/run-types.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

/** No descriptor of this number is ever open: EBADF from a kernel that knows the argument. */
const NO_DESCRIPTOR = 0x7fffffff

function triesToEnter(kernel: Kernel): boolean {
  try {
    kernel.startChild([], { flags: CLONE_VM | CLONE_VFORK, cgroup: toFd(NO_DESCRIPTOR) })
    return false
  } catch (error) {
    return isErrno(error, 'EBADF')
  }
}

/** Tries each. Never throws: what cannot be tried is not there. */
export function readFeatures(kernel: Kernel): RunFeatures {
  const opened: Fd[] = []
  const kept = (fd: Fd): Fd => {
    opened.push(fd)
    return fd
  }
  const can = (body: () => unknown): boolean => attempt(() => [body()]) !== null
  const mounted = (fstype: string, options: readonly (readonly [string, string])[]): Fd => {
    const context = kept(kernel.fsopen(fstype))
    for (const [key, value] of options) kernel.fsconfig(context, key, value)
    return kept(kernel.fsmount(context, 0))
  }
  try {
    const outer = attempt(() => mounted('tmpfs', [['size', '16k']]))
    return {
      openTreeNamespace: outer !== null && can(() => kept(kernel.openTree(outer, '', OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH))),
      mountIntoDetached: outer !== null && can(() => kernel.moveMount(mounted('tmpfs', [['size', '16k']]), '', outer, '.', MOVE_MOUNT_F_EMPTY_PATH)),
      procPidns: can(() => {
        const context = kept(kernel.fsopen('proc'))
        kernel.fsconfig(context, 'pidns', '/proc/self/ns/pid')
      }),
      cloneIntoCgroup: triesToEnter(kernel),
      idmappedMounts: can(() => kernel.mountSetattr(AT_FDCWD, '/', 0, {})),
      kernelFiles: readKernelFiles(kernel),
    }
  } finally {
    for (const fd of opened.reverse()) attempt(() => kernel.close(fd))
  }
}
