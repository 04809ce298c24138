// Where this machine resumes from, for an image of its own: what the running kernel was told, as a name that lasts.
//
// By resume= on the command line, or by the initramfs: initramfs-tools has it in a file of its own
// (/etc/initramfs-tools/conf.d/resume), and then no word says it.  Documentation/ABI/testing/sysfs-power

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { thisMachine, type HostPlaces } from './host-devices.ts'

/** As resume= and resume_offset= have it. */
export interface HostResume {
  readonly spec: string
  readonly offsetPages: number
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}

/** The UUID of what is on the device with that number; null when udev has none. */
function uuidOf(number: string, byUuid: string, { numberOf }: HostPlaces): string | null {
  let names: string[] = []
  try {
    names = readdirSync(byUuid)
  } catch {
    // No udev: nothing lasts.
  }
  return names.find(name => numberOf(join(byUuid, name)) === number) ?? null
}

/** Null when it resumes from nothing, or from something without a UUID. */
export function hostResume(places: HostPlaces = thisMachine, byUuid = '/dev/disk/by-uuid'): HostResume | null {
  const power = join(places.sys, 'power')
  const number = textOf(join(power, 'resume')) ?? '0:0'
  if (number === '0:0') return null
  const uuid = uuidOf(number, byUuid, places)
  const offset = textOf(join(power, 'resume_offset')) ?? '0'
  return uuid === null || !/^\d{1,15}$/.test(offset) ? null : { spec: `UUID=${uuid}`, offsetPages: Number(offset) }
}
