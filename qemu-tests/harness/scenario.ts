// One boot as a test: boots, re-emits what the guest checked as points of our own, says where the artifacts are.
// Scenarios are data (what is booted) and text (what is checked in the guest); this is the only glue between.
import type { Test } from 'tap'
import type { DiskImage } from './disk-images.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { Fingerprint } from './fingerprint.ts'
import { runGuest } from './run-guest.ts'
import type { GuestResult, GuestSpec } from './run-guest.ts'

/**
 * The part of every test's kernel command line: console, a panic that ends QEMU at once, and nothing against attackers by
 * speculation, which costs an emulated system a tenth of its time and more. The kernel waits ten ticks for the timer's
 * interrupts when it starts and panics without them, which a QEMU that gets no processor for so long cannot deliver.
 */
export const BASE_APPEND = 'console=ttyS0 panic=-1 mitigations=off no_timer_check'

/** The values of `root=` by which a disk can be found. */
export function specifier(disk: DiskImage, kind: 'UUID' | 'LABEL' | 'PARTUUID' | 'PARTLABEL'): string {
  const value = { UUID: disk.uuid, LABEL: disk.label, PARTUUID: disk.partuuid, PARTLABEL: disk.partlabel }[kind]
  if (value === undefined) throw new Error(`Cannot specify '${disk.path}' by ${kind}: it has none`)
  return /\s/.test(value) ? `root="${kind}=${value}"` : `root=${kind}=${value}`
}

/** Boots and reports into `t`. Returns the result for further checks. */
export async function bootScenario(t: Test, spec: GuestSpec): Promise<GuestResult> {
  const result = await runGuest(spec)
  for (const point of result.report.points) {
    if (point.ok) t.pass(point.name)
  }
  for (const complaint of result.complaints) t.fail(complaint)
  if (result.complaints.length === 0) t.pass('ended as expected')
  else {
    t.comment(`artifacts and repro.sh in '${result.artifacts ?? ''}'`)
    for (const line of result.observation.console.split(/\r?\n/).slice(-40)) t.comment(line)
  }
  if (result.retries > 0) t.comment(`retries of guests that died before PID 1: ${result.retries}`)
  t.comment(`boot took ${(result.wallMs / 1000).toFixed(1)} s`)
  return result
}

/** The fingerprint of a guest that ran our init. */
export function fingerprint(result: GuestResult): Fingerprint {
  return fingerprintOf(result.report.records)
}
