// Decides whether a guest did well. Pure: from what was observed to a list of complaints, empty when good.
// Silence is never success: a guest must have sent its whole plan, every point good, its closing record, and
// then have powered itself off. What may be retried is decided here too, and nothing but a death before PID 1 is.
import { parseGuestReport } from './guest-report.ts'
import type { GuestReport } from './guest-report.ts'

/** What was seen of one boot. */
export interface Observation {
  readonly console: string
  readonly tap: string
  /** QEMU's exit status; undefined if a signal ended it. */
  readonly exitStatus?: number
  /** Reason of QEMU's SHUTDOWN event: guest-shutdown is a power-off, guest-reset a reboot. */
  readonly shutdown?: string
  readonly timedOut: boolean
  readonly qemuErrors: string
  /** What went wrong while talking with the guest's console. */
  readonly conversation?: string
}

export interface Expectation {
  /** `tap`: complete and good TAP is demanded. `none`: the guest has no say; console and end are judged. */
  readonly report: 'tap' | 'none'
  readonly end: 'poweroff' | 'reboot' | 'panic'
  /** Each must be found on the console. */
  readonly consoleHas?: readonly RegExp[]
  /** None may be found on the console. */
  readonly consoleLacks?: readonly RegExp[]
}

export const GOOD_BOOT: Expectation = { report: 'tap', end: 'poweroff' }

const PANIC = [
  /Kernel panic - not syncing.*/, /Attempted to kill init.*/, /\bBUG: .*/, /\bOops: .*/, /general protection fault.*/,
  /Unable to handle kernel.*/, /double fault.*/i,
]

/** The first line that says that the kernel itself is in trouble. */
export function findPanic(console: string): string | undefined {
  for (const pattern of PANIC) {
    const match = pattern.exec(console)
    if (match !== null) return match[0].trim()
  }
  return undefined
}

/** True once anything shows that the kernel has handed over to PID 1. */
export function reachedInit(observation: Pick<Observation, 'console' | 'tap'>): boolean {
  return observation.tap !== '' || /Run \/\S+ as init process|^fulcrum: /m.test(observation.console)
}

/**
 * True if the boot died in the kernel before PID 1 ran: software emulation does that now and then, and it says
 * nothing about what is tested. A time-out is no death, and QEMU refusing its arguments is not one either.
 */
export function diedBeforeInit(observation: Observation): boolean {
  if (observation.timedOut || reachedInit(observation)) return false
  return observation.console !== '' || observation.shutdown !== undefined
}

function judgeReport(report: GuestReport): string[] {
  const complaints: string[] = []
  if (report.bailOut !== undefined) complaints.push(`Guest bailed out: ${report.bailOut}`)
  for (const point of report.points) {
    if (!point.ok && point.directive !== 'todo') {
      complaints.push([`Test point ${point.number} failed: ${point.name}`, ...point.notes].join('\n'))
    }
  }
  if (report.plan === undefined) complaints.push('Guest sent no plan')
  else if (report.points.length !== report.plan) {
    complaints.push(`Guest planned ${report.plan} points and sent ${report.points.length}`)
  }
  if (report.plan === 0) complaints.push('Guest planned nothing')
  if (report.doneStatus === undefined) complaints.push(`Guest did not say that it was done`)
  else if (report.doneStatus !== 0) complaints.push(`Scenario script ended with status ${report.doneStatus}`)
  return complaints
}

/** What is wrong with a boot; empty when nothing is. */
export function judge(observation: Observation, expectation: Expectation): string[] {
  const complaints: string[] = []
  if (observation.timedOut) complaints.push('Guest ran out of time')
  if (observation.conversation !== undefined) complaints.push(observation.conversation)
  const panic = findPanic(observation.console)
  if (panic !== undefined && expectation.end !== 'panic') complaints.push(`Kernel in trouble: ${panic}`)
  if (panic === undefined && expectation.end === 'panic') complaints.push('Kernel did not panic')
  if (diedBeforeInit(observation)) complaints.push('Guest died before PID 1')
  if (expectation.report === 'tap') complaints.push(...judgeReport(parseGuestReport(observation.tap)))
  for (const pattern of expectation.consoleHas ?? []) {
    if (!pattern.test(observation.console)) complaints.push(`Console lacks ${pattern}`)
  }
  for (const pattern of expectation.consoleLacks ?? []) {
    if (pattern.test(observation.console)) complaints.push(`Console has ${pattern}`)
  }
  const wanted = { poweroff: 'guest-shutdown', reboot: 'guest-reset', panic: undefined }[expectation.end]
  if (wanted !== undefined && observation.shutdown !== wanted) {
    complaints.push(`Guest did not end by ${expectation.end}: ${observation.shutdown ?? 'no shutdown was seen'}`)
  }
  const status = observation.exitStatus
  if (expectation.end !== 'panic' && !observation.timedOut && status !== 0) {
    complaints.push(`QEMU ended with status ${status ?? 'of a signal'}: ${observation.qemuErrors.trim()}`)
  }
  return complaints
}
