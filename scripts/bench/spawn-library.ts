// The library in the bench of spawning: one process that spawns as often as it is asked, beside programs that are started
// each time. Reads "COUNT\n", runs so many at once, writes "NANOSECONDS FAILED\n" when the last one has ended.
// Two ways: `library SET` is what a caller of the library does; `table SET` makes the least calls that give the same
// isolation (OPEN_TREE_NAMESPACE, Linux 7.0), with nothing planned, checked or cleaned up: what the first is measured by.
// usage: node library.cjs library|table two|five|seven

import fs from 'node:fs'
import { AT_FDCWD, OPEN_TREE_CLOEXEC, OPEN_TREE_NAMESPACE } from '../../src/abi/mount.ts'
import { CLONE_NEWNS, CLONE_VM } from '../../src/abi/process.ts'
import { RAW_CALLS } from '../../src/abi/raw-syscalls.ts'
import { createKernel } from '../../src/index.ts'
import type { Fd } from '../../src/index.ts'
import { PAYLOADS, ROOT, SETS, SET_NAMES } from './spawn-cases.ts'
import type { SetName } from './spawn-cases.ts'

/** CLONE_NEW*, <linux/sched.h>; the mount namespace is set, not cloned. */
const CLONE: Readonly<Record<string, number>> = {
  mnt: 0, pid: 0x20000000, ipc: 0x8000000, uts: 0x4000000, cgroup: 0x2000000, net: 0x40000000, user: 0x10000000,
}

const kernel = createKernel()

/** One that runs. */
interface Running {
  readonly pidfd: Fd
  /** Whether it exited with 0; reaps it. */
  readonly end: () => boolean
}

type Start = (root: string) => Running

function startByTable(set: SetName): Start {
  const flags = SETS[set].reduce((all, name) => all | (CLONE[name] ?? 0), CLONE_VM)
  if (set === 'seven') throw new Error(`Cannot make a user namespace in the child alone: its map is written by another`)
  return (root) => {
    const table = kernel.startChild([
      { nr: RAW_CALLS.open_tree, args: [AT_FDCWD, root, OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC] },
      { nr: RAW_CALLS.setns, args: [{ resultOf: 0 }, CLONE_NEWNS] },
      { nr: RAW_CALLS.mount, args: ['proc', '/proc', 'proc', 0, null] },
      { nr: RAW_CALLS.rt_sigprocmask, args: [2, new Uint8Array(8), null, 8] },
      { nr: RAW_CALLS.execve, args: ['/bin/true', PAYLOADS.true, ['PATH=/bin']] },
    ], { flags })
    return {
      pidfd: table.pidfd,
      end: () => {
        const status = kernel.reap(table.pid)
        kernel.close(table.pidfd)
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
