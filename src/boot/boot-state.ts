// BootState: what one boot has learnt so far.
//
// Handed from phase to phase and never global, so that a retry from the rescue console begins with
// exactly what is still true. Types only; boot.ts makes the one instance.

import type { Handles } from '../execute/execute.ts'
import type { Trace } from '../execute/trace.ts'
import type { CommandLine } from '../facts/cmdline.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Returned } from '../return/returned.ts'
import type { Plan } from '../plan/step.ts'
import type { HookShell } from './dracut/hook-types.ts'
import type { StartState } from './hand-over.ts'
import type { ImageConfig } from './image-config.ts'
import type { Log } from './log.ts'
import type { BootParameters, BreakPoint } from './parameters.ts'

/** What the entry hands to the boot. */
export interface BootContext {
  readonly kernel: Kernel
  readonly log: Log
  readonly start: StartState
  /** As PID 1 was started, argv[0] included. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Node's process.arch. */
  readonly arch: string
  /** Set when this is no first boot but a return. */
  readonly returned: Returned | null
}

/** A root that was mounted, as the record of the boot has it. */
export interface MountedRoot {
  readonly source: string
  readonly type: string
  readonly options: string
}

/** The devices' side of the boot, made once modules can be loaded. */
export interface Devices {
  /** Loads what the image lists and rd.driver.pre names, then a driver for every device there is. */
  loadListed(): void
  /** Loads the drivers of all devices, also those that lead to no root: a person needs a keyboard. Never throws. */
  loadForPerson(): void
  /** Waits for the root device, checks it, mounts it on SYSROOT. Throws BootFailure. */
  mountRoot(): MountedRoot
  /** Lays an overlay over the root on SYSROOT, whoever mounted it, if the command line asks for one. Throws BootFailure. */
  overlay(mounted: MountedRoot): MountedRoot
  /** Mounts /usr if the command line or the root's fstab asks for one. Throws BootFailure. */
  mountUsr(): void
  /** Overwrites the passphrases that persons typed. Never throws. */
  forgetSecrets(): void
  /** Reads what this init needs from end to end, if the root or /usr is verified. Throws BootFailure. */
  proveInit(init: string): void
  /** Takes back what was mounted and put together below the root, before the next try. Never throws. */
  takeBack(): void
  /** Lines about every block device. */
  describe(): string[]
  loadModule(name: string): string[]
  loadFilesystem(type: string): void
  findDevice(spec: string): { readonly path: string; readonly type: string | null } | null
}

/** Mutable where a retry can change it; everything else is known from the start. */
export interface BootState extends BootContext {
  readonly trace: Trace
  readonly image: ImageConfig
  readonly kernelRelease: string
  /** The kernel's line; `line` has what the rescue console set behind it. */
  readonly givenLine: CommandLine
  line: CommandLine
  parameters: BootParameters
  /** Whether the bind trick was done. */
  readonly prepared: boolean
  /** What failed before there was a state to fail in; null when nothing did. */
  readonly startProblem: unknown
  wholenessTold: boolean
  devices: Devices | null
  /** Hooks written for dracut, of this try; null when the image has none. */
  hookShell: HookShell | null
  lastPlan: Plan | null
  rescues: number
  /** Break points that were passed: a retry does not stop there again. */
  readonly passed: Set<BreakPoint>
  readonly handles: Handles
}
