// Parser of the kernel's uevents, from the netlink socket and from the files named 'uevent'.
//
// A packet is 'add@/devices/…' and then KEY=value strings, all ended by NUL. Packets of udev start
// with 'libudev' and are passed over. Source: lib/kobject_uevent.c, netlink(7).

import { hasText } from './bytes.ts'

export interface Uevent {
  /** 'add', 'remove', 'change', 'move', 'bind', 'unbind', 'online', 'offline'. */
  readonly action: string
  /** Below /sys, for instance '/devices/pci0000:00/…/block/vda'. */
  readonly devpath: string
  readonly subsystem: string
  readonly values: ReadonlyMap<string, string>
}

/** Parses one packet; null when it is not one of the kernel's. */
export function parseUevent(packet: Uint8Array): Uevent | null {
  if (hasText(packet, 0, 'libudev')) return null
  const text = Buffer.from(packet.buffer, packet.byteOffset, packet.length).toString('utf8')
  const strings = text.split('\0')
  const [action, devpath] = splitOnce(strings[0] ?? '', '@')
  if (devpath === undefined || action === '' || !devpath.startsWith('/')) return null
  const values = keyValues(strings.slice(1))
  return { action, devpath, subsystem: values.get('SUBSYSTEM') ?? '', values }
}

/** Parses a file 'uevent' of sysfs: one KEY=value per line. */
export function parseUeventFile(text: string): Map<string, string> {
  return keyValues(text.split('\n'))
}

function keyValues(lines: readonly string[]): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of lines) {
    const [key, value] = splitOnce(line, '=')
    if (key !== '' && value !== undefined) values.set(key, value)
  }
  return values
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
