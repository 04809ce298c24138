// The last system call: reboot(2), with everything on its way to the disks before.
//
// Man page: reboot(2).

import { RB_AUTOBOOT, RB_HALT_SYSTEM, RB_KEXEC, RB_POWER_OFF } from '../abi/process.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { releaseMounts } from './release-mounts.ts'

/** What the machine is to do; systemd's words for it (systemd-shutdown(8)). */
export const shutdownVerbs = ['reboot', 'poweroff', 'halt', 'kexec', 'exit'] as const
export type ShutdownVerb = (typeof shutdownVerbs)[number]

/** 'exit' is for containers: a machine that is left that way is switched off. */
const commands: Readonly<Record<ShutdownVerb, number>> = {
  reboot: RB_AUTOBOOT,
  poweroff: RB_POWER_OFF,
  halt: RB_HALT_SYSTEM,
  kexec: RB_KEXEC,
  exit: RB_POWER_OFF,
}

/** Is this one of the verbs? */
export function isShutdownVerb(text: string): text is ShutdownVerb {
  return shutdownVerbs.some((verb) => verb === text)
}

/**
 * Makes file systems on disks read-only, syncs, and calls reboot(2). SAFETY: does not come back on a
 * machine. A kexec without a loaded kernel becomes a reboot. Throws SyscallError when the kernel refuses.
 */
export function rebootMachine(kernel: Kernel, verb: ShutdownVerb): void {
  releaseMounts(kernel, '/', 'read-only')
  kernel.sync()
  try {
    kernel.reboot(commands[verb])
  } catch (error) {
    if (verb !== 'kexec') throw error
    kernel.reboot(RB_AUTOBOOT)
  }
}
