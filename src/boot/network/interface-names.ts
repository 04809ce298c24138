// Network interfaces as sysfs shows them, the names that udev would give them, and which one a request means.
//
// Without udev the kernel counts (eth0), but people write what they see on the running system (enp1s0, eno1, ens3).
// Whoever asks for such a name gets the interface that has it, renamed. Pure.
// systemd.net-naming-scheme(7): onboard (o), hotplug slot (s), path (p); MAC (enx…).

import type { InterfaceRequest } from './parse-ip.ts'

/** What is known of an interface. */
export interface Interface {
  readonly name: string
  readonly index: number
  readonly mac: string
  /** Whether there is a link; null while the interface is down. */
  readonly hasCarrier: boolean | null
  /** The device's folder in sysfs, for instance '/sys/devices/pci0000:00/0000:00:03.0/virtio0'; null for virtual ones. */
  readonly devicePath: string | null
  /** The number that the firmware gives to devices on the board (acpi_index, index); null: none. */
  readonly onboard: string | null
  /** The name of the PCI slot; null: none. */
  readonly slot: string | null
  /** dev_port and dev_id of sysfs: which port of a card with several. */
  readonly port: string | null
  /** The number of the bond or bridge that it is a port of; null: of none. */
  readonly master: number | null
}

/** The last PCI address on a device's path: domain, bus, slot, function. */
export function pciAddress(devicePath: string): { readonly text: string; readonly domain: number; readonly bus: number; readonly slot: number; readonly fn: number } | null {
  const all = [...devicePath.matchAll(/\/([0-9a-f]{4,}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])(?=\/|$)/g)]
  const last = all.at(-1)
  if (last === undefined) return null
  const [text, domain = '', bus = '', slot = '', fn = ''] = last
  return { text: text.slice(1), domain: parseInt(domain, 16), bus: parseInt(bus, 16), slot: parseInt(slot, 16), fn: Number(fn) }
}

/** The names that udev could give it, besides its own. */
export function predictableNames(one: Interface): string[] {
  const names = [`enx${one.mac.replaceAll(':', '')}`]
  if (one.onboard !== null) names.push(`eno${one.onboard}`)
  const pci = one.devicePath === null ? null : pciAddress(one.devicePath)
  if (pci === null) return names
  const domain = pci.domain === 0 ? '' : `P${pci.domain}`
  const port = one.port === null || one.port === '0' ? '' : `d${one.port}`
  // The function is told when there are several; which is not asked here: both spellings mean this one.
  const functions = pci.fn === 0 ? ['', 'f0'] : [`f${pci.fn}`]
  for (const f of functions) {
    names.push(`en${domain}p${pci.bus}s${pci.slot}${f}${port}`)
    if (one.slot !== null) names.push(`en${domain}s${one.slot}${f}${port}`)
  }
  return names
}

/** The interface that a name or a MAC address means; undefined: not (yet) there. */
export function findInterface(all: readonly Interface[], device: string): Interface | undefined {
  return all.find((one) => one.name === device) ?? all.find((one) => one.mac === device) ?? all.find((one) => predictableNames(one).includes(device))
}

/** The interfaces that a request may use, best first: those with a link before those that may still get one. */
export function candidates(all: readonly Interface[], request: InterfaceRequest, bootDevice: string | null): Interface[] {
  if (request.device !== null) {
    const found = findInterface(all, request.device)
    return found === undefined ? [] : [found]
  }
  const boot = bootDevice === null ? undefined : findInterface(all, bootDevice)
  const rank = (one: Interface): number => (one === boot ? 0 : one.hasCarrier === true ? 1 : one.hasCarrier === null ? 2 : 3)
  // A port has no address of its own.
  return all.filter(({ master }) => master === null).sort((a, b) => rank(a) - rank(b) || a.index - b.index)
}

/** A line for each interface, for the report of a failure. */
export function describeInterfaces(all: readonly Interface[]): string[] {
  if (all.length === 0) return ['there is no network interface']
  return all.map((one) => {
    const link = one.hasCarrier === null ? 'down' : one.hasCarrier ? 'link' : 'no link'
    const others = predictableNames(one).filter((name) => !name.startsWith('enx') && !/f0(d\d+)?$/.test(name)).join(', ')
    return `${one.name}  ${one.mac}  ${link}${others === '' ? '' : `  (${others})`}`
  })
}
