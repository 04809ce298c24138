// What /shutdown does: the way out of a machine whose root has been left.
//
// systemd-shutdown pivots back to /run/initramfs, puts the old root at /oldroot and execs /shutdown as
// PID 1 with the verb as first argument; further ones are its own logging options. Everything that can
// be unmounted is, then reboot(2). PID 1 must not exit, whatever happens.
// Man pages: systemd-shutdown(8), bootup(7), reboot(2).

import type { Kernel } from '../kernel/kernel.ts'
import { errorLine } from '../kernel/errors.ts'
import { isShutdownVerb, rebootMachine } from './reboot-machine.ts'
import type { ShutdownVerb } from './reboot-machine.ts'
import { releaseMounts } from './release-mounts.ts'

/** Where systemd-shutdown leaves the root that was. */
export const OLD_ROOT_DIRECTORY = '/oldroot'

const sleepMs = 60_000

/** The verb among the arguments; an unknown or missing one means 'halt', which loses nothing. */
export function shutdownVerb(args: readonly string[]): ShutdownVerb {
  const verb = args.find((arg) => !arg.startsWith('-'))
  return verb !== undefined && isShutdownVerb(verb) ? verb : 'halt'
}

/** Unmounts the old root and stops the machine. To be called as PID 1 only. Never returns. */
export function runShutdown(kernel: Kernel, args: readonly string[], print: (line: string) => void): never {
  const verb = shutdownVerb(args)
  try {
    kernel.sync()
    for (const failure of releaseMounts(kernel, OLD_ROOT_DIRECTORY, 'unmount')) print(`Cannot let go of a file system: ${failure}, ignoring`)
    rebootMachine(kernel, verb)
  } catch (error) {
    print(`Cannot ${verb}: ${errorLine(error)}; the machine can be switched off now`)
  }
  for (;;) kernel.sleepMs(sleepMs)
}
