// What a conformance scenario is: an old and a new root, how a tool is called there, and what fulcrum has to answer.
// The standard place (qemu-tests/guest/conformance-root.c): "/" is a tmpfs with /init, /marker and a mount on /keep
// that no switch is to touch; /proc, /sys, /dev with /dev/pts, /run with /run/sub; /newroot is another tmpfs with
// the usual directories and a reporter as /sbin/init. The tool is PID 1 of a PID namespace of its own.
import type { Tool } from './implementations.ts'

/** What a row of the table shows about an init that was started. Each is compared with what the tool was handed. */
export const looks = ['argv', 'environment', 'cwd', 'umask', 'descriptors', 'signals', 'session', 'capabilities', 'mounts', 'deletion', 'processes', 'new root'] as const
export type Look = (typeof looks)[number]

/** How it has to end with fulcrum. A refusal as PID 1 waits in the rescue console, as another process it has status 1. */
export interface Expectation {
  readonly end: 'init' | 'refusal' | 'exit'
  /** For 'exit'. */
  readonly status?: number
  /** On standard error (standard output for status 0). */
  readonly says?: RegExp
  /** Looks that differ from a plain hand-over on purpose, and what they say. */
  readonly differs?: Readonly<Partial<Record<Look, string>>>
}

export interface Scenario {
  readonly id: string
  readonly group: string
  readonly title: string
  readonly tools: readonly Tool[]
  /** Arguments behind the tool's name; NEWROOT INIT by default. */
  readonly args?: readonly string[]
  /** Shell commands (busybox) before, as PID 1's child in the old root. */
  readonly setup?: string
  /** Options of the stage, such as '--shared'. */
  readonly stage?: readonly string[]
  /** What the row is about, when init runs. */
  readonly look?: readonly Look[]
  readonly expect: Expectation | Readonly<Partial<Record<Tool, Expectation>>>
}

/** The environment of every scenario that names no other. */
export const ENVIRONMENT: readonly string[] = ['PATH=/bin:/sbin', 'TERM=linux', 'KEY=a value=1']

/** For '--chroot /newroot': what the programs need there. */
export const INTO_CHROOT = 'mkdir /newroot/kit; mount --bind /kit /newroot/kit; cp -a /lib /lib64 /usr /newroot/; mount --bind /proc /newroot/proc'

export function isRunAsPid1(scenario: Scenario): boolean {
  return scenario.stage?.includes('--not-pid1') !== true
}

export function expectationOf(scenario: Scenario, tool: Tool): Expectation {
  const { expect } = scenario
  if ('end' in expect) return expect
  const found = expect[tool]
  if (found === undefined) throw new Error(`Cannot judge '${scenario.id}': it expects nothing of ${tool}`)
  return found
}
