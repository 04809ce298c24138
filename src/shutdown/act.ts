// Does one step of a round. Decides nothing but how a device of each kind is let go of.
//
// Whatever touches a device is a bounded call. One that does not come back in its time is 'hung', unless its device
// still writes: then it is only slow, and the next round waits for it again.
// umount2(2), swapoff(2), loop(4), Documentation/admin-guide/device-mapper, Documentation/admin-guide/iostats.rst.

import { MNT_DETACH, MNT_FORCE, MS_RDONLY, MS_REMOUNT, UMOUNT_NOFOLLOW } from '../abi/mount.ts'
import {
  DM_CONTROL, DM_DEV_REMOVE, DM_DEV_SUSPEND, DM_NOFLUSH_FLAG, DM_SKIP_LOCKFS_FLAG, DM_SUSPEND_FLAG, DM_TARGET_MSG, dmRequest,
  LOOP_CLR_FD, MD_STOP_ARRAY, NBD_CLEAR_SOCK, NBD_DISCONNECT,
} from '../abi/block.ts'
import { O_RDONLY, O_RDWR } from '../abi/process.ts'
import { splitDev } from '../facts/mountinfo.ts'
import { attempt, errorLine, isErrno } from '../kernel/errors.ts'
import type { BoundedCall, Fd, Kernel } from '../kernel/kernel.ts'
import { killProcesses } from '../processes/kill.ts'
import type { RoundStep } from './plan-round.ts'
import { processKey } from './stack-graph.ts'
import { canBeForced } from './stack-facts.ts'
import type { StackDevice, StackProcess } from './stack-facts.ts'

/** 'slow': not done in its time, but its device works. */
export interface Outcome {
  readonly result: 'done' | 'failed' | 'hung' | 'slow'
  /** Why it is not done. */
  readonly problem: string | null
}

export interface ActOptions {
  /** The limit of one step now, milliseconds. */
  readonly stepMs: () => number
  readonly tick: () => void
  readonly tickMs: number
  /** How long SIGTERM may take before SIGKILL; 0 goes to SIGKILL at once. */
  readonly graceMs: number
  /** Nothing else has helped: force is used where the kernel has some. */
  readonly desperate: boolean
  /** Called for each process that SIGKILL did not end. */
  readonly onSurvivor: (key: string) => void
}

const KILL_MS = 2000
/** Servers get more time than others: they may have data to write. */
const SERVER_TERM_MS = 3000
const MAX_WIPE_MS = 2000
const done: Outcome = { result: 'done', problem: null }

/** Fields 5 and 7 of a device's stat: writes completed, sectors written. Null where there is no such device. */
function writesOf(kernel: Pick<Kernel, 'readText'>, dev: bigint | undefined): string | null {
  if (dev === undefined) return null
  const { major, minor } = splitDev(dev)
  const text = attempt(() => kernel.readText(`/sys/dev/block/${major}:${minor}/stat`))
  return text === null ? null : text.trim().split(/\s+/).slice(4, 7).join(' ')
}

/** Makes calls one after the other; the limit is that of each. */
function make(kernel: Kernel, options: ActOptions, calls: readonly BoundedCall[], dev: bigint | undefined): Outcome {
  for (const call of calls) {
    let seen: string | null = null
    const tick = (): void => {
      seen ??= writesOf(kernel, dev)
      options.tick()
    }
    const stepMs = options.stepMs()
    if (kernel.bounded(call, { timeoutMs: stepMs, tick, tickMs: options.tickMs }) === 'done') continue
    const isSlow = seen !== null && writesOf(kernel, dev) !== seen
    return { result: isSlow ? 'slow' : 'hung', problem: `${isSlow ? 'not done' : 'no answer'} in ${Math.round(stepMs / 100) / 10} s` }
  }
  return done
}

const dm = (request: number, argument: Uint8Array): BoundedCall => ({ call: 'ioctl', path: DM_CONTROL, open: O_RDWR, request, argument })
const ioctl = (device: StackDevice, request: number, open = O_RDONLY): BoundedCall => ({ call: 'ioctl', path: device.node, open, request, argument: 0 })

/** Errors that say that it is gone already. */
const goneCodes = ['ENXIO', 'ENODEV', 'ENOENT']

function release(kernel: Kernel, options: ActOptions, device: StackDevice): Outcome {
  const { way } = device
  const [dev] = device.devs
  const run = (...calls: readonly BoundedCall[]): Outcome => {
    try {
      return make(kernel, options, calls, dev)
    } catch (error) {
      if (isErrno(error, ...goneCodes)) return done
      throw error
    }
  }
  switch (way.kind) {
    case 'loop': return run(ioctl(device, LOOP_CLR_FD))
    case 'md': return run(ioctl(device, MD_STOP_ARRAY))
    case 'nbd': {
      const first = run(ioctl(device, NBD_DISCONNECT, O_RDWR))
      return first.result === 'done' ? run(ioctl(device, NBD_CLEAR_SOCK, O_RDWR)) : first
    }
    case 'iscsi': return run({ call: 'write', path: `/sys/block/${device.name}/device/delete`, data: '1' })
    case 'dm':
      // With no path left its queue would hold the removal for ever. One without that feature refuses the message.
      if (way.uuid.startsWith('mpath-')) attempt(() => make(kernel, options, [dm(DM_TARGET_MSG, dmRequest(way.name, 0, 'fail_if_no_path'))], dev))
      return run(dm(DM_DEV_REMOVE, dmRequest(way.name)))
  }
}

/**
 * Wipes the key of an encrypted device that could not be removed: it answers no more afterwards. Null when it is no
 * such device or it is done, else the problem.
 */
export function wipeKey(kernel: Kernel, options: ActOptions, { way, devs: [dev] }: StackDevice): string | null {
  if (way.kind !== 'dm' || !way.uuid.startsWith('CRYPT-')) return null
  const limited = { ...options, stepMs: () => Math.min(MAX_WIPE_MS, options.stepMs()) }
  const wipe = (): Outcome => make(kernel, limited, [dm(DM_TARGET_MSG, dmRequest(way.name, 0, 'key wipe'))], dev)
  try {
    // It has to be suspended for that; one that is already refuses to be so again.
    const flags = DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG
    const suspended = attempt(() => make(kernel, limited, [dm(DM_DEV_SUSPEND, dmRequest(way.name, flags))], dev))
    return suspended?.result === 'hung' ? suspended.problem : wipe().problem
  } catch (error) {
    return errorLine(error)
  }
}

/** Waits until these have ended by themselves, or the time is over. */
function waitForEnd(kernel: Kernel, processes: readonly StackProcess[], timeoutMs: number, { tick, tickMs }: ActOptions): void {
  const deadline = kernel.monotonicUs() + BigInt(timeoutMs) * 1000n
  const fds = new Set<Fd>(processes.flatMap(({ facts }) => attempt(() => kernel.pidfdOpen(facts.pid)) ?? []))
  const all = [...fds]
  while (fds.size > 0) {
    const leftMs = Number(deadline - kernel.monotonicUs()) / 1000
    if (leftMs <= 0) break
    for (const { fd, revents } of attempt(() => kernel.poll([...fds], Math.ceil(Math.min(leftMs, tickMs)))) ?? []) if (revents !== 0) fds.delete(fd)
    tick()
  }
  for (const fd of all) kernel.close(fd)
  for (const { facts } of processes) kernel.reap(facts.pid)
}

/** Ends processes; what survives is told and never tried again. */
function end(kernel: Kernel, options: ActOptions, processes: readonly StackProcess[], termMs: number): Outcome {
  const kill = { timeoutMs: termMs, killTimeoutMs: KILL_MS, tick: options.tick, tickMs: options.tickMs }
  const reports = killProcesses(kernel, processes.map((it) => it.facts), kill)
  const survivors = reports.filter((it) => it.outcome === 'survived')
  for (const { pid } of survivors) {
    const found = processes.find((it) => it.facts.pid === pid)
    if (found !== undefined) options.onSurvivor(processKey(found))
  }
  // What they hold shows in what follows: an unmount that is not possible. They themselves stop nothing.
  return { result: 'done', problem: survivors.length === 0 ? null : survivors.map((it) => `${it.pid} (${it.name}): ${it.detail ?? 'unknown'}`).join('; ') }
}

function act(kernel: Kernel, { action }: RoundStep, options: ActOptions): Outcome {
  switch (action.do) {
    case 'kill': return end(kernel, options, action.processes, options.graceMs)
    case 'end':
      waitForEnd(kernel, action.processes.filter((it) => it.endsItself), options.stepMs(), options)
      return end(kernel, options, action.processes, SERVER_TERM_MS)
    case 'swapoff': {
      const { swap } = action
      // Its path may be that of an old /dev which is gone.
      const path = swap.isFile || swap.dev !== null ? swap.path : `/dev/${swap.path.slice(swap.path.lastIndexOf('/') + 1)}`
      return make(kernel, options, [{ call: 'swapoff', path }], swap.dev ?? undefined)
    }
    case 'read-only': {
      const { source, mountPoint, devices } = action.mount
      return make(kernel, options, [{ call: 'mount', source, target: mountPoint, fstype: null, flags: MS_REMOUNT | MS_RDONLY, data: null }], devices[0])
    }
    case 'unmount': {
      const { mount, isTree } = action
      const force = isTree ? MNT_DETACH : options.desperate && canBeForced(mount) ? MNT_FORCE : 0
      return make(kernel, options, [{ call: 'umount2', target: mount.mountPoint, flags: UMOUNT_NOFOLLOW | force }], mount.devices[0])
    }
    case 'release': return release(kernel, options, action.device)
  }
}

/** Does the step. Never throws for what the kernel refuses. */
export function actOn(kernel: Kernel, step: RoundStep, options: ActOptions): Outcome {
  try {
    return act(kernel, step, options)
  } catch (error) {
    return { result: 'failed', problem: errorLine(error) }
  }
}
