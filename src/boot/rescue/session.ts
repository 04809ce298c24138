// What the commands of the rescue console work on.
//
// The boot lends its knowledge as a context, so that the console imports neither devices nor commands and
// can be tested with lines typed at it.

import type { Kernel } from '../../kernel/kernel.ts'
import type { CommandLine } from '../../facts/cmdline.ts'
import type { BootParameters } from '../parameters.ts'
import type { Console } from './console.ts'
import type { Failure } from './failure.ts'

/** A parameter's value that was set at the prompt; true is a bare word (`rw`). */
export type Settings = Readonly<Record<string, string | true>>

/** How the console ends. `settings` holds what was set since it opened (facts/cmdline.ts: withSettings). */
export type RescueOutcome =
  | { readonly action: 'retry'; readonly settings: Settings }
  | { readonly action: 'continue'; readonly settings: Settings }

/** A file system that looks like a root. */
export interface RootCandidate {
  /** One line: device, type, system, label. */
  readonly text: string
  /** What has to be set to boot it. */
  readonly settings: Settings
}

export interface RootCandidates {
  readonly roots: readonly RootCandidate[]
  /** What could not be looked into, and why. */
  readonly remarks: readonly string[]
}

/** What the boot lends to the console: facts that other modules read, and acts that are theirs. */
export interface RescueContext {
  /** The command line as it holds now, earlier settings included. */
  readonly commandLine: CommandLine
  readonly parameters: BootParameters
  /** Lines for `mounts`, `ps`, `blk` and `trace`. May throw. */
  describeMounts(): readonly string[]
  describeProcesses(): readonly string[]
  describeDevices(): readonly string[]
  describeTrace(): readonly string[]
  /** Loads a module with its dependencies; the lines say what was loaded. Throws when it cannot. */
  loadModule(name: string): readonly string[]
  /** Makes a file system type known, loading its module where needed. Never throws. */
  loadFilesystem(type: string): void
  /** Path and probed type of a specifier such as UUID=…, or null when there is no such device. */
  findDevice(spec: string): { readonly path: string; readonly type: string | null } | null
  /** Looks into the file systems there are, changing nothing. Takes seconds. May throw. */
  findRoots(): RootCandidates
  /** Replaces PID 1, with everything of this process cleaned up. Returns only by throwing. */
  exec(path: string, argv: readonly string[]): never
}

/** One opening of the console. `settings` grows by `set`. */
export interface Session {
  readonly kernel: Kernel
  readonly console: Console
  readonly failure: Failure
  readonly context: RescueContext
  readonly settings: Record<string, string | true>
  /** What a number at the prompt boots; of the last `roots`. */
  roots: readonly RootCandidate[]
}

/** One command of the console. Whatever it throws is printed. */
export interface RescueCommand {
  readonly name: string
  /** Arguments for the list, for instance 'DEV DIR [-t TYPE]'. */
  readonly usage: string
  readonly summary: string
  run(session: Session, args: readonly string[]): RescueOutcome | undefined | void
}

/** Thrown by a command that cannot read its arguments; its usage is printed behind it. */
export class UsageError extends Error {}
