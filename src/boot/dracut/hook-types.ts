// Hooks written for dracut, as the phases of the boot see them. hook-shell.ts makes one for each try.
//
// Types only, so that the state of a boot can hold it.

import type { CommandLine } from '../../facts/cmdline.ts'

/** The points, in dracut's words. */
export type HookPoint = 'cmdline' | 'pre-udev' | 'pre-trigger' | 'netroot' | 'pre-mount' | 'pre-pivot' | 'cleanup' | 'emergency'

/** Hooks of one try of a boot. Every call may throw BootFailure: a hook has said die or emergency_shell. */
export interface HookShell {
  /** Runs the hooks of a point, if there are any; `argument` is their $1: for 'netroot' the interface. */
  run(point: HookPoint, argument?: string): void
  /** Runs a program of the image that gets the root from a server, as dracut's netroot does: PROGRAM INTERFACE $netroot $NEWROOT. */
  runHandler(program: string, device: string): void
  /** What a person has set at the console is a part of the command line that hooks see from now on. */
  setLine(line: CommandLine): void
  /** Runs the hooks of 'mount' once, until one has mounted a root. False when there are none. */
  mount(): boolean
  /** Whether the initqueue has anything to do or to wait for. */
  hasQueue(): boolean
  /** Whether a job was queued since the last pass. */
  hasWork(): boolean
  /** One pass of the initqueue; true when all hooks of 'finished' answer 0. `isLate`: two thirds of the time are over. */
  pass(isLate: boolean): boolean
  /** The hook that kept the last pass from being the last, or null. */
  unfinished(): string | null
  /** What the hooks have set. */
  variables(): ReadonlyMap<string, string>
  /** Sets variables for the hooks that come. */
  set(variables: Readonly<Record<string, string>>): void
  /** Whether a hook has asked for the way back (need_shutdown). */
  needsShutdown(): boolean
}
