// The library in the bench of spawning: one process that spawns as often as it is asked, beside programs that are started
// each time. Reads "COUNT\n", runs so many at once, writes "NANOSECONDS FAILED\n" when the last one has ended.
// Two ways: `library SET` is what a caller of the library does; `table SET` makes the least calls that give the same
// isolation (OPEN_TREE_NAMESPACE, Linux 7.0), with nothing planned, checked or cleaned up: what the first is measured by.
// usage: node library.cjs library|table two|five|seven

import fs from 'node:fs'
import {
  AT_FDCWD, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MS_PRIVATE, MS_REC, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE, OPEN_TREE_NAMESPACE,
} from '../../src/abi/mount.ts'
import { CLONE_NEWNS, CLONE_VM, O_CLOEXEC } from '../../src/abi/process.ts'
import { RAW_CALLS } from '../../src/abi/raw-syscalls.ts'
import { createKernel } from '../../src/index.ts'
import type { Row } from '../../src/kernel/child-table.ts'
import type { Fd } from '../../src/index.ts'
import { PAYLOADS, ROOT, SETS, SET_NAMES } from './spawn-cases.ts'
import type { SetName } from './spawn-cases.ts'

/** CLONE_NEW*, <linux/sched.h>; the mount namespace is set, not cloned. */
const CLONE: Readonly<Record<string, number>> = {
  mnt: 0, pid: 0x20000000, ipc: 0x8000000, uts: 0x4000000, cgroup: 0x2000000, net: 0x40000000, user: 0x10000000,
}

const CLONE_FILES = 0x400

const kernel = createKernel()

/** One that runs. */
interface Running {
  readonly pidfd: Fd
  /** Whether it exited with 0; reaps it. */
  readonly end: () => boolean
}

type Start = (root: string) => Running

/** OPEN_TREE_NAMESPACE: tried once. */
function hasOpenTreeNamespace(): boolean {
  try {
    kernel.close(kernel.openTree(AT_FDCWD, ROOT.replace('%i', '0'), OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC))
    return true
  } catch {
    return false
  }
}

/** A mount namespace with one empty tmpfs in it: what is copied instead of the host's. Its descriptor comes back by CLONE_FILES. */
function templateNamespace(): number {
  const table = kernel.startChild([
    { nr: RAW_CALLS.openat, args: [AT_FDCWD, '/proc/thread-self/ns/mnt', O_CLOEXEC, 0] },
    { nr: RAW_CALLS.mount, args: ['none', '/', null, MS_REC | MS_PRIVATE, null] },
    { nr: RAW_CALLS.mount, args: ['template', '/proc', 'tmpfs', 0, null] },
    { nr: RAW_CALLS.chdir, args: ['/proc'] },
    { nr: RAW_CALLS.pivot_root, args: ['.', '.'] },
    { nr: RAW_CALLS.umount2, args: ['.', MNT_DETACH] },
  ], { flags: CLONE_VM | CLONE_FILES | CLONE_NEWNS })
  kernel.poll([table.pidfd], -1)
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
function namespaceRows(root: string): { readonly rows: readonly Row[]; readonly tree: Fd | null } {
  return {
    rows: [
      { nr: RAW_CALLS.open_tree, args: [AT_FDCWD, root, OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC] },
      { nr: RAW_CALLS.setns, args: [{ resultOf: 0 }, CLONE_NEWNS] },
      PROC, ...EXEC,
    ], tree: null,
  }
}

function templateRows(template: number): (root: string) => { readonly rows: readonly Row[]; readonly tree: Fd | null } {
  return (root) => {
    const tree = kernel.openTree(AT_FDCWD, root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    return {
      rows: [
        { nr: RAW_CALLS.setns, args: [template, CLONE_NEWNS] },
        { nr: RAW_CALLS.unshare, args: [CLONE_NEWNS] },
        { nr: RAW_CALLS.move_mount, args: [tree, '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH] },
        { nr: RAW_CALLS.fchdir, args: [tree] },
        { nr: RAW_CALLS.pivot_root, args: ['.', '.'] },
        { nr: RAW_CALLS.umount2, args: ['.', MNT_DETACH] },
        PROC, ...EXEC,
      ], tree,
    }
  }
}

function startByTable(set: SetName): Start {
  const flags = SETS[set].reduce((all, name) => all | (CLONE[name] ?? 0), CLONE_VM)
  if (set === 'seven') throw new Error(`Cannot make a user namespace in the child alone: its map is written by another`)
  const rowsFor = hasOpenTreeNamespace() ? namespaceRows : templateRows(templateNamespace())
  return (root) => {
    const { rows, tree } = rowsFor(root)
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

/** Nanoseconds from the first start to the last end, and how many failed. */
function measure(start: Start, count: number): string {
  const begin = process.hrtime.bigint()
  const running = Array.from({ length: count }, (_, slot) => start(ROOT.replace('%i', `${slot}`)))
  let failed = 0
  for (const it of running) {
    kernel.poll([it.pidfd], -1)
    if (!it.end()) failed++
  }
  return `${process.hrtime.bigint() - begin} ${failed}\n`
}

function main(way: string | undefined, setName: string | undefined): void {
  const set = SET_NAMES.find((name) => name === setName)
  if (set === undefined || way !== 'table') throw new Error(`Cannot spawn by '${way ?? ''}' with '${setName ?? ''}'`)
  const start = startByTable(set)
  fs.writeSync(1, 'ready\n')
  const line = Buffer.alloc(64)
  for (;;) {
    const length = fs.readSync(0, line)
    if (length === 0) return
    fs.writeSync(1, measure(start, Number(line.toString('latin1', 0, length))))
  }
}

main(process.argv[2], process.argv[3])
