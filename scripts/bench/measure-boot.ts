// Boots one image in QEMU and says when its init started and when the real root's did, in virtual milliseconds.
// The real init is bench-init.c, which prints what is read here. How the machine is kept steady: run-machine.ts

import type { Machine } from '../../qemu-tests/harness/qemu-arguments.ts'
import { numberOf } from './marks.ts'
import { runMachine } from './run-machine.ts'

/** Virtual milliseconds since the kernel's clock started, unless said otherwise. */
export interface BootTimes {
  /** How long the kernel unpacks the image. */
  readonly unpack: number
  /** The kernel starts /init of the image. */
  readonly runInit: number
  /** The first instruction of the real root's init. */
  readonly realInit: number
  /** MemAvailable two seconds later, KiB. */
  readonly availableKiB: number
}

/** Boots `machine` once, whose real init is bench-init. Throws with the end of the console when it does not get there. */
export function measureBoot(machine: Machine): BootTimes {
  const output = runMachine(machine)
  const ms = (pattern: RegExp): number => numberOf(output, pattern) * 1000
  return {
    unpack: ms(/bench: log .*\[ *(\d+\.\d+)\] Freeing initrd/) - ms(/bench: log .*\[ *(\d+\.\d+)\] Trying to unpack/),
    runInit: ms(/bench: log .*\[ *(\d+\.\d+)\] Run \S+ as init process/),
    realInit: ms(/bench: init (\d+\.\d+)/),
    availableKiB: numberOf(output, /bench: MemAvailable: *(\d+) kB/),
  }
}
