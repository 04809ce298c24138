// The record of a boot: /run/fulcrum/boot.json and the two lines for a person.
//
// Written before exec, when everything is known, to a temporary name and then renamed. Microseconds of
// CLOCK_MONOTONIC throughout. docs/man/fulcrum.7 describes the format.

import { BOOT_RECORD } from '../facts/switch-types.ts'
import type { Keep } from '../facts/switch-types.ts'
import type { Trace } from '../execute/trace.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { describePlan } from '../plan/step.ts'
import type { Plan } from '../plan/step.ts'

export const RECORD_DIRECTORY = '/run/fulcrum'

/** What the boot knows at its end. */
export interface BootSummary {
  readonly version: string
  readonly kernelRelease: string
  readonly commandLine: string
  /** When this program began, and when it hands over. */
  readonly initUs: number
  readonly handOverUs: number
  readonly root: { readonly source: string; readonly type: string; readonly options: string }
  /** Whether the bind trick was done. */
  readonly prepared: boolean
  readonly plan: Plan
  readonly keep: Keep
  /** How often the rescue console was needed. */
  readonly rescues: number
  /** st_dev of the initramfs's root, for telling its processes later; decimal. */
  readonly initramfsDevice: string
  /** The same, and the file systems that are mounted in the initramfs and stay behind. */
  readonly initramfsDevices: readonly string[]
  /** How the kernel started /init, for starting it again after a return. */
  readonly initArgv: readonly string[]
  readonly initEnv: Readonly<Record<string, string>>
  /** How often this machine returned to its initramfs; 0 for the first boot. */
  readonly returns: number
}

/** The whole record as JSON text. */
export function recordText(summary: BootSummary, trace: Trace): string {
  const { plan, ...rest } = summary
  const events = trace.events.map((event) => ({ ...event }))
  return `${JSON.stringify({ format: 1, ...rest, engine: plan.name, plan: describePlan(plan), notes: plan.notes, events }, null, 1)}\n`
}

/** Writes the record; a failure is returned as a line, it never stops a boot. */
export function writeRecord(kernel: Kernel, summary: BootSummary, trace: Trace): string | null {
  try {
    if (!kernel.exists(RECORD_DIRECTORY)) kernel.mkdir(RECORD_DIRECTORY, 0o755)
    kernel.writeFile(`${BOOT_RECORD}.new`, recordText(summary, trace))
    kernel.rename(`${BOOT_RECORD}.new`, BOOT_RECORD)
    return null
  } catch (error) {
    return `Cannot write '${BOOT_RECORD}': ${errorLine(error)}, ignoring`
  }
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(0)} ms`
}

/** Total of the events of one phase, microseconds. */
function phaseUs(trace: Trace, phase: string): number {
  return trace.events.filter((event) => event.phase === phase).reduce((sum, event) => sum + event.tookUs, 0)
}

const KEPT_AS: Readonly<Record<Keep, string>> = { full: 'kept at /run/rootfs', slim: 'kept at /run/rootfs as its compressed copy', none: 'freed' }

/** The summary for the console. */
export function summaryLines(summary: BootSummary, trace: Trace): string[] {
  const { root, plan } = summary
  const parts = ['modules', 'root-device', 'fsck', 'mount', plan.name].map((phase) => `${phase} ${ms(phaseUs(trace, phase))}`)
  return [
    `root ${root.source} (${root.type}${root.options === '' ? '' : `, ${root.options}`}), engine ${plan.name}, initramfs ${KEPT_AS[summary.keep]}`,
    `${ms(summary.handOverUs - summary.initUs)} in the initramfs (${parts.join(', ')}), ${ms(summary.handOverUs)} since the kernel started; starting ${plan.exec?.path ?? 'init'}`,
  ]
}
