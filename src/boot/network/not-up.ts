// What a network that does not come up ends in: one refusal, with one remedy, whoever notices.
//
// The interfaces that are there are the report. docs/errors.md

import { refusalFailure } from '../boot-failure.ts'
import type { BootFailure } from '../boot-failure.ts'

/** `report`: lines for the console, as describeInterfaces() makes them. */
export function notUp(detail: string, report: readonly string[]): BootFailure {
  return refusalFailure('network', {
    reason: 'network-not-up', detail,
    remedy: "look at the cable; 'load MODULE' loads a driver; 'set ip=…' replaces every ip=, then 'retry'",
  }, null, report)
}
