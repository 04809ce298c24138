// ModelKernel: the Kernel interface on a machine that exists in memory only.
//
// For tests of plans, boot and commands with no privilege, no kernel and every failure on demand. The same
// contract table runs against it and against the running kernel (src/kernel/contract), so it cannot drift.

import type { ErrnoName } from '../../abi/errno.ts'
import type { SyscallArg } from '../syscall-arg.ts'
import type { BoundedCall, BoundedOptions, Kernel } from '../kernel.ts'
import { makeCall } from '../make-call.ts'
import { Door, type Call } from './door.ts'
import { fileCalls } from './file-calls.ts'
import { mountCalls } from './mount-calls.ts'
import { processCalls } from './process-calls.ts'
import { mountInfoText } from './proc-fs.ts'
import { pathOf } from './mount-tree.ts'
import type { ModelProcess } from './model-process.ts'
import { ModelWorld, type WorldOptions } from './world.ts'

/** One process's door to a modelled world. */
export interface ModelKernel extends Kernel {
  readonly world: ModelWorld
  readonly proc: ModelProcess
  /** Every call that was made, failed ones too. */
  readonly calls: readonly Call[]
  /** The next call of that name (and, with `match`, of such arguments) fails and does nothing. */
  failNext(syscall: string, errno: ErrnoName, match?: (args: readonly SyscallArg[]) => boolean): void
  /** Everything about mounts and this process's place that an undo has to restore. */
  snapshot(): string
}

/** The door of a process of an existing world, PID 1 by default. */
export function modelKernelFor(world: ModelWorld, pid = 1): ModelKernel {
  const proc = world.processes.get(pid)
  if (proc === undefined) throw new Error(`Cannot find process ${pid} in the modelled world`)
  const door = new Door(world, proc)
  const calls = { ...fileCalls(door), ...mountCalls(door), ...processCalls(door) }
  const bounded = (call: BoundedCall, { timeoutMs, tick, tickMs = 1000 }: BoundedOptions): 'done' | 'hung' => {
    if (!world.hangs.some((hangs) => hangs(call))) {
      makeCall(calls, call)
      return 'done'
    }
    for (let waited = 0; waited < timeoutMs; waited += tickMs) {
      tick?.()
      calls.sleepMs(Math.min(tickMs, timeoutMs - waited))
    }
    return 'hung'
  }
  return {
    world,
    proc,
    calls: door.calls,
    failNext: (syscall, errno, match) => door.failNext(syscall, errno, match),
    snapshot: () =>
      [
        `root ${proc.root.mnt.id} ${pathOf(proc.root, { mnt: proc.root.mnt, node: proc.root.mnt.root }).path}`,
        `cwd ${proc.cwd.mnt.id} ${pathOf(proc.cwd, proc.root).path}`,
        `fds ${[...proc.fds.keys()].join(' ')}`,
        mountInfoText(world, proc),
      ].join('\n'),
    ...calls,
    bounded,
  }
}

/** A fresh world as the kernel leaves it to /init, and PID 1's door to it. */
export function createModelKernel(options: WorldOptions): ModelKernel {
  return modelKernelFor(new ModelWorld(options))
}
