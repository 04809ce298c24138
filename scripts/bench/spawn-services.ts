// Services as bare call tables, for what one mount event of the host costs while they live: each has a mount namespace whose
// root is a copy of the host's tree and receives its mount events (slave), built in one of the three ways.
// The calls are those of the experiments behind docs/kernel-facts.md; the service itself does nothing but wait for a signal.
// mount_namespaces(7), pivot_root(2), open_tree(2)

import {
  AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MS_BIND, MS_MOVE, MS_REC, MS_SLAVE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE, OPEN_TREE_NAMESPACE,
} from '../../src/abi/mount.ts'
import { CLONE_NEWNS, CLONE_VM } from '../../src/abi/process.ts'
import { RAW_CALLS } from '../../src/abi/raw-syscalls.ts'
import type { Kernel } from '../../src/index.ts'
import type { Row } from '../../src/kernel/child-table.ts'

export const SERVICE_ENGINES = ['move', 'pivot', 'namespace'] as const
export type ServiceEngine = (typeof SERVICE_ENGINES)[number]

export function isServiceEngine(text: string): text is ServiceEngine {
  return SERVICE_ENGINES.some((name) => name === text)
}

const PAUSE = 34
/** A directory that is there in both places and that nobody needs. */
const NEW_ROOT = '/fill'

const COPY: readonly Row[] = [
  { nr: RAW_CALLS.mount, args: ['none', '/', null, MS_REC | MS_SLAVE, null] },
  { nr: RAW_CALLS.mount, args: ['/', NEW_ROOT, null, MS_BIND | MS_REC, null] },
  { nr: RAW_CALLS.chdir, args: [NEW_ROOT] },
]

/** struct mount_attr, <linux/mount.h>: attr_set, attr_clr, propagation, userns_fd. */
function slaveAttributes(): Uint8Array {
  const bytes = Buffer.alloc(32)
  bytes.writeBigUInt64LE(BigInt(MS_SLAVE), 16)
  return bytes
}

function rowsOf(engine: ServiceEngine): readonly Row[] {
  switch (engine) {
    case 'move':
      return [...COPY, { nr: RAW_CALLS.mount, args: ['.', '/', null, MS_MOVE, null] }, { nr: RAW_CALLS.chroot, args: ['.'] }, { nr: PAUSE, args: [] }]
    case 'pivot':
      return [...COPY, { nr: RAW_CALLS.pivot_root, args: ['.', '.'] }, { nr: RAW_CALLS.umount2, args: ['.', MNT_DETACH] }, { nr: PAUSE, args: [] }]
    case 'namespace':
      return [
        { nr: RAW_CALLS.open_tree, args: [AT_FDCWD, '/', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE] },
        { nr: RAW_CALLS.mount_setattr, args: [{ resultOf: 0 }, '', AT_EMPTY_PATH | AT_RECURSIVE, slaveAttributes(), 32] },
        { nr: RAW_CALLS.open_tree, args: [{ resultOf: 0 }, '', OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE] },
        { nr: RAW_CALLS.setns, args: [{ resultOf: 2 }, CLONE_NEWNS] },
        { nr: RAW_CALLS.close, args: [{ resultOf: 0 }] },
        { nr: RAW_CALLS.close, args: [{ resultOf: 2 }] },
        { nr: PAUSE, args: [] },
      ]
  }
}

/** Starts one service and waits until it stands in its root. Returns its pid; it belongs to the caller. */
export function startService(kernel: Kernel, engine: ServiceEngine): number {
  const rows = rowsOf(engine)
  const table = kernel.startChild(rows, { flags: CLONE_VM | (engine === 'namespace' ? 0 : CLONE_NEWNS) })
  const last = rows.length - 2
  while (table.result(last) === null) {
    if (kernel.poll([table.pidfd], 1).some(({ revents }) => revents !== 0)) break
  }
  const failed = rows.findIndex((_, row) => (table.result(row) ?? 0) < 0)
  if (failed >= 0) throw new Error(`Cannot start a service by '${engine}': row ${failed} is ${table.result(failed) ?? 0}`)
  kernel.close(table.pidfd)
  return table.pid
}
