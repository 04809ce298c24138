// The way into the kept initramfs from a root that answers no more: an NFS root whose network is gone.
//
// Every path that begins at such a "/" waits for ever, '/proc' too: the kernel asks the server whether the mount point
// is still the same directory. So nothing here begins there. This program stands in a chroot of the initramfs; /run is
// above it, by '..'; and a child gets the running root as its root directory by setns(2), which looks nothing up.
// docs/network-root.md; setns(2), pivot_root(2), fs/nfs/dir.c (nfs_permission, nfs_lookup_revalidate).

import { CLONE_NEWNS, CLONE_VM, O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDONLY } from '../abi/process.ts'
import { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE } from '../abi/mount.ts'
import { RAW_CALLS } from '../abi/raw-syscalls.ts'
import { parseMountInfo, rootMount } from '../facts/mountinfo.ts'
import { OLD_ROOT_DIRECTORY } from '../facts/return-types.ts'
import { isSilent } from '../facts/silent-mount.ts'
import { attempt, SyscallError } from '../kernel/errors.ts'
import type { Row } from '../kernel/child-table.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { waitReadable } from '../kernel/wait-readable.ts'
import { climb } from './leave-chroot.ts'

const PIVOT_MS = 10_000
/** What is known of the running root is read through the initramfs: these are mounted in it. */
const APIS = [['/proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC], ['/sys', 'sysfs', MS_NOSUID | MS_NODEV | MS_NOEXEC], ['/dev', 'devtmpfs', MS_NOSUID]] as const

/** Takes back what was mounted, last first. */
type Undo = () => void

/** /proc in the chroot, which the kept initramfs does not have: the running root has it. */
function mountApi(kernel: Kernel, [path, fstype, flags]: (typeof APIS)[number], undos: Undo[]): void {
  kernel.mount(fstype, path, fstype, flags, null)
  undos.push(() => kernel.umount2(path, 0))
}

/** Whether the root directory of PID 1 is on a file system that asks a server, and gets no answer. */
function isRootSilent(kernel: Kernel): boolean {
  return isSilent(kernel, rootMount(parseMountInfo(kernel.readText('/proc/1/mountinfo'))), '/proc/1/root')
}

/** The running /run, seen from its mount point below: bound to /run of the initramfs. */
function bindRun(kernel: Kernel, undos: Undo[]): void {
  const above = climb(kernel, () => kernel.open('..', O_PATH | O_DIRECTORY | O_CLOEXEC))
  try {
    kernel.mount(`/proc/self/fd/${above}`, '/run', null, MS_BIND, null)
    undos.push(() => kernel.umount2('/run', 0))
  } finally {
    kernel.close(above)
  }
}

/** pivot_root(2) by a child that has the running root as its root directory, and is nowhere in it. */
function pivot(kernel: Kernel): void {
  const [namespace, initramfs] = [kernel.open('/proc/1/ns/mnt', O_RDONLY | O_CLOEXEC), kernel.open('/', O_PATH | O_DIRECTORY | O_CLOEXEC)]
  const rows: readonly (Row & { readonly name: string })[] = [
    { name: 'setns', nr: RAW_CALLS.setns, args: [namespace, CLONE_NEWNS] },
    { name: 'fchdir', nr: RAW_CALLS.fchdir, args: [initramfs] },
    // pivot_root wants both the mount and its parent private.
    { name: 'mount', nr: RAW_CALLS.mount, args: [null, '.', null, MS_PRIVATE, null] },
    { name: 'mount', nr: RAW_CALLS.mount, args: [null, '..', null, MS_PRIVATE, null], goOn: true },
    { name: 'pivot_root', nr: RAW_CALLS.pivot_root, args: ['.', OLD_ROOT_DIRECTORY.slice(1)] },
  ]
  const table = kernel.startChild(rows, { flags: CLONE_VM })
  try {
    // One that hangs keeps its memory and is left to itself.
    if (!waitReadable(kernel, table.pidfd, PIVOT_MS)) throw new Error(`Cannot enter the initramfs: no answer in ${PIVOT_MS / 1000} s`)
    attempt(() => kernel.reap(table.pid))
    const failed = rows.findIndex((row, at) => row.goOn !== true && (table.result(at) ?? 0) < 0)
    const [row, result] = [rows[failed], table.result(failed)]
    table.release()
    if (row !== undefined) throw new SyscallError(row.name, [], -(result ?? 0))
  } finally {
    for (const fd of [table.pidfd, namespace, initramfs]) kernel.close(fd)
  }
}

/** What can be done from a chroot of the kept initramfs with a root that does not answer. */
export interface SilentRoot {
  /**
   * Makes the initramfs "/", for PID 1 too, and the running root /oldroot, unanswering as it is. Throws SyscallError or
   * Error when that cannot be done; everything is as before then.
   */
  enter(): void
  /** Takes back what looking has changed. */
  forget(): void
}

/** To be called in a chroot of the kept initramfs. Null, and nothing changed: the running root answers, or is on no server. */
export function findSilentRoot(kernel: Kernel): SilentRoot | null {
  const undos: Undo[] = []
  const undo = (): void => {
    for (const one of undos.reverse()) attempt(one)
  }
  const undoneWhenThrown = <T>(action: () => T): T => {
    try {
      return action()
    } catch (error) {
      undo()
      throw error
    }
  }
  const [proc, ...others] = APIS
  const silent = undoneWhenThrown(() => {
    if (!kernel.exists('/proc/self')) mountApi(kernel, proc, undos)
    return isRootSilent(kernel)
  })
  if (!silent) {
    undo()
    return null
  }
  return {
    enter: () => undoneWhenThrown(() => {
      for (const api of others) mountApi(kernel, api, undos)
      bindRun(kernel, undos)
      pivot(kernel)
    }),
    forget: undo,
  }
}
