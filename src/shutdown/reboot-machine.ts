// The last system call: reboot(2), and what happens to file systems that nobody let go of before.
//
// Man pages: reboot(2), proc_sysrq-trigger(5), Documentation/admin-guide/sysrq.rst.

import { RB_AUTOBOOT, RB_HALT_SYSTEM, RB_KEXEC, RB_POWER_OFF } from '../abi/process.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { attempt, errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { isShutdownVerb, shutdownVerbs } from './arguments.ts'
import type { ShutdownVerb } from './arguments.ts'
import { makeReadOnly } from './make-read-only.ts'
import { drainConsole } from './say.ts'
import { needsReadOnly } from './stack-facts.ts'

export { isShutdownVerb, shutdownVerbs }
export type { ShutdownVerb }

/** 'exit' is for containers: a machine that is left that way is switched off. */
const commands: Readonly<Record<ShutdownVerb, number>> = {
  reboot: RB_AUTOBOOT,
  poweroff: RB_POWER_OFF,
  halt: RB_HALT_SYSTEM,
  kexec: RB_KEXEC,
  exit: RB_POWER_OFF,
}

const SYNC_MS = 10_000
const EMERGENCY_SYNC_MS = 5000
const EMERGENCY_POLLS = 30
const POLL_MS = 100
const FOREVER_MS = 60_000

/** Calls reboot(2). A kexec without a loaded kernel becomes a reboot. Throws SyscallError when the kernel refuses. */
export function callReboot(kernel: Kernel, verb: ShutdownVerb, print: (line: string) => void): void {
  drainConsole(kernel)
  try {
    kernel.reboot(commands[verb])
  } catch (error) {
    if (verb !== 'kexec') throw error
    print(`Cannot kexec: ${errorLine(error)}; rebooting`)
    kernel.reboot(RB_AUTOBOOT)
  }
}

/**
 * Makes file systems on disks read-only, syncs, and calls reboot(2). SAFETY: does not come back on a
 * machine. A kexec without a loaded kernel becomes a reboot. Throws SyscallError when the kernel refuses.
 */
export function rebootMachine(kernel: Kernel, verb: ShutdownVerb): void {
  makeReadOnly(kernel, '/')
  kernel.sync()
  callReboot(kernel, verb, () => undefined)
}

/** File systems on disks that can still be written to, wherever they are mounted. */
export function writableMounts(kernel: Pick<Kernel, 'readText'>): Mount[] {
  return (attempt(() => readOwnMounts(kernel)) ?? []).filter(needsReadOnly)
}

/** The kernel's own way to make everything read-only, open files or not: it works in the background. */
function emergencyRemount(kernel: Kernel, tick: () => void): void {
  drainConsole(kernel)
  attempt(() => kernel.appendFile('/proc/sysrq-trigger', 'u'))
  for (let poll = 0; poll < EMERGENCY_POLLS && writableMounts(kernel).length > 0; poll += 1) {
    tick()
    kernel.sleepMs(POLL_MS)
  }
}

/**
 * Everything that is written is on the disks afterwards, as far as they answer. `hung`: some do not, so that each file
 * system that is left is synced for itself. Returns the mount points that are still writable.
 */
export function settle(kernel: Kernel, hung: boolean, tick: () => void): string[] {
  const bounded = (call: Parameters<Kernel['bounded']>[0]): void => void attempt(() => kernel.bounded(call, { timeoutMs: SYNC_MS, tick }))
  if (!hung) {
    bounded({ call: 'sync' })
    if (writableMounts(kernel).length === 0) return []
  }
  emergencyRemount(kernel, tick)
  return writableMounts(kernel).map((mount) => mount.mountPoint)
}

/** PID 1 stays, whatever happens. A watchdog is not fed any more: it may reset the machine. */
export function waitForever(kernel: Pick<Kernel, 'sleepMs'>): never {
  for (;;) kernel.sleepMs(FOREVER_MS)
}

/**
 * The short way, for when this program itself is in trouble: sync, everything read-only by the kernel's own means,
 * reboot(2). Never throws, never returns on a machine.
 */
export function emergencyEnd(kernel: Kernel, verb: ShutdownVerb, why: string, print: (line: string) => void): never {
  const guarded = (body: () => void): void => {
    try {
      body()
    } catch (error) {
      print(errorLine(error))
    }
  }
  guarded(() => print(`Cannot take the old root down: ${why}; making it read-only`))
  guarded(() => void kernel.bounded({ call: 'sync' }, { timeoutMs: EMERGENCY_SYNC_MS }))
  guarded(() => emergencyRemount(kernel, () => undefined))
  guarded(() => callReboot(kernel, verb, print))
  guarded(() => print('the machine can be switched off now'))
  return waitForever(kernel)
}
