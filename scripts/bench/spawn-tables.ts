// The least system calls that run /bin/true in a root of its own, as bare call tables: nothing planned, checked or cleaned up.
// It exists so that the library has something to be measured by. From Linux 7.0 on the child makes its mount namespace by
// OPEN_TREE_NAMESPACE; before, it copies a small one that is kept ready. Neither looks at the host's mount table.
// open_tree(2), setns(2), pivot_root(2)

import {
  AT_FDCWD, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MS_PRIVATE, MS_REC, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE, OPEN_TREE_NAMESPACE,
} from '../../src/abi/mount.ts'
import { CLONE_NEWNS, CLONE_VM, O_CLOEXEC } from '../../src/abi/process.ts'
import { RAW_CALLS } from '../../src/abi/raw-syscalls.ts'
import type { Fd, Kernel } from '../../src/index.ts'
import type { Row } from '../../src/kernel/child-table.ts'
import { waitReadable } from '../../src/kernel/wait-readable.ts'
import { PAYLOADS, ROOT, SETS } from './spawn-cases.ts'
import type { SetName } from './spawn-cases.ts'

/** CLONE_NEW*, <linux/sched.h>; the mount namespace is set, not cloned. */
const CLONE: Readonly<Record<string, number>> = {
  mnt: 0, pid: 0x20000000, ipc: 0x8000000, uts: 0x4000000, cgroup: 0x2000000, net: 0x40000000, user: 0x10000000,
}

const CLONE_FILES = 0x400

/** One that runs. */
export interface Running {
  readonly pidfd: Fd
  /** Whether it exited with 0; reaps it. */
  readonly end: () => boolean
}

/** Starts /bin/true in that root. */
export interface Start {
  (root: string): Running
  /** Many at once, where that is another way. */
  readonly all?: (roots: readonly string[]) => Running[]
}

/** OPEN_TREE_NAMESPACE: tried once. */
function hasOpenTreeNamespace(kernel: Kernel): boolean {
  try {
    kernel.close(kernel.openTree(AT_FDCWD, ROOT.replace('%i', '0'), OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC))
    return true
  } catch {
    return false
  }
}

/** A mount namespace with one empty tmpfs in it: what is copied instead of the host's. Its descriptor comes back by CLONE_FILES. */
function templateNamespace(kernel: Kernel): number {
  const table = kernel.startChild([
    { nr: RAW_CALLS.openat, args: [AT_FDCWD, '/proc/thread-self/ns/mnt', O_CLOEXEC, 0] },
    { nr: RAW_CALLS.mount, args: ['none', '/', null, MS_REC | MS_PRIVATE, null] },
    { nr: RAW_CALLS.mount, args: ['template', '/proc', 'tmpfs', 0, null] },
    { nr: RAW_CALLS.chdir, args: ['/proc'] },
    { nr: RAW_CALLS.pivot_root, args: ['.', '.'] },
    { nr: RAW_CALLS.umount2, args: ['.', MNT_DETACH] },
  ], { flags: CLONE_VM | CLONE_FILES | CLONE_NEWNS })
  waitReadable(kernel, table.pidfd)
  kernel.reap(table.pid)
  kernel.close(table.pidfd)
  const fd = table.result(0)
  if (!table.finished() || fd === null) throw new Error('Cannot make the template namespace')
  table.release()
  return fd
}

const PROC: Row = { nr: RAW_CALLS.mount, args: ['proc', '/proc', 'proc', 0, null] }
const EXEC: readonly Row[] = [
  { nr: RAW_CALLS.rt_sigprocmask, args: [2, new Uint8Array(8), null, 8] },
  { nr: RAW_CALLS.execve, args: ['/bin/true', PAYLOADS.true, ['PATH=/bin']] },
]

/** Rows for a root, and what is closed afterwards. */
function namespaceRows(root: string, proc: readonly Row[]): { readonly rows: readonly Row[]; readonly tree: Fd | null } {
  return {
    rows: [
      { nr: RAW_CALLS.open_tree, args: [AT_FDCWD, root, OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC] },
      { nr: RAW_CALLS.setns, args: [{ resultOf: 0 }, CLONE_NEWNS] },
      ...proc, ...EXEC,
    ], tree: null,
  }
}

function templateRows(kernel: Kernel, template: number): (root: string, proc: readonly Row[]) => { readonly rows: readonly Row[]; readonly tree: Fd | null } {
  return (root, proc) => {
    const tree = kernel.openTree(AT_FDCWD, root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    return {
      rows: [
        { nr: RAW_CALLS.setns, args: [template, CLONE_NEWNS] },
        { nr: RAW_CALLS.unshare, args: [CLONE_NEWNS] },
        { nr: RAW_CALLS.move_mount, args: [tree, '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH] },
        { nr: RAW_CALLS.fchdir, args: [tree] },
        { nr: RAW_CALLS.pivot_root, args: ['.', '.'] },
        { nr: RAW_CALLS.umount2, args: ['.', MNT_DETACH] },
        ...proc, ...EXEC,
      ], tree,
    }
  }
}

/** CLONE_NEW* of the set, without the mount namespace: that one is set. */
export function cloneFlags(set: SetName): number {
  return SETS[set].reduce((all, name) => all | (CLONE[name] ?? 0), 0)
}

/** The least calls that give these namespaces. */
export function startByTable(kernel: Kernel, set: SetName): Start {
  const flags = cloneFlags(set) | CLONE_VM
  if (set !== 'one' && set !== 'two' && set !== 'five') throw new Error(`Cannot make a user namespace in the child alone: its map is written by another`)
  const rowsFor = hasOpenTreeNamespace(kernel) ? namespaceRows : templateRows(kernel, templateNamespace(kernel))
  return (root) => {
    const { rows, tree } = rowsFor(root, set === 'one' ? [] : [PROC])
    const table = kernel.startChild(rows, { flags })
    return {
      pidfd: table.pidfd,
      end: () => {
        const status = kernel.reap(table.pid)
        kernel.close(table.pidfd)
        if (tree !== null) kernel.close(tree)
        // After an execve its row has no result; what failed before it is said.
        const failed = rows.findIndex((_, row) => (table.result(row) ?? 0) < 0)
        if (failed >= 0) throw new Error(`Cannot spawn: row ${failed} is ${table.result(failed) ?? 0}`)
        table.release()
        return status?.code === 0
      },
    }
  }
}
