// vlan=, bond= and bridge= of the kernel command line: links that are made of others, in dracut's forms.
//
//   vlan=NAME:PORT                     the number at the end of NAME is the VLAN's (vlan5, vlan0005, eth0.5, eth0.0005)
//   bond=NAME[:PORT,…[:OPTION=VALUE,…[:MTU]]]
//   bridge=NAME[:PORT,…]
// A port may be one of these links itself. Pure.  dracut.cmdline(7), Documentation/networking/bonding.rst

import { parseMac, splitFields } from './ip-address.ts'
import { bad, isDevice, ok } from './parse-ip.ts'
import type { Parsed } from './parse-ip.ts'

/** A link to be made. `ports`: names or MAC addresses of what it stands on, of a VLAN one. */
export type LinkRequest =
  | { readonly kind: 'vlan'; readonly name: string; readonly ports: readonly string[]; readonly id: number }
  | {
    readonly kind: 'bond'; readonly name: string; readonly ports: readonly string[]
    /** Files below /sys/class/net/NAME/bonding and what is written to them, in the order that the driver wants. */
    readonly options: readonly { readonly name: string; readonly value: string }[]
    readonly mtu: number | null
  }
  | { readonly kind: 'bridge'; readonly name: string; readonly ports: readonly string[] }

const BOND_OPTIONS = 'mode=balance-rr'
const MAX_VLAN = 4094

function isName(text: string): boolean {
  return isDevice(text) && parseMac(text) === null
}

function readPorts(text: string): Parsed<readonly string[]> {
  const ports = text.split(',').filter((port) => port !== '').map((port) => parseMac(port) ?? port)
  const strange = ports.find((port) => !isDevice(port))
  if (strange !== undefined) return bad(`'${strange}' is no name of an interface`)
  return ports.length === 0 ? bad('no interface is given') : ok(ports)
}

/** Reads the value of one vlan=. */
export function parseVlan(text: string): Parsed<LinkRequest> {
  const [name = '', ...rest] = splitFields(text)
  if (!isName(name)) return bad(`'${name}' is no name of an interface`)
  const id = Number(/\d+$/.exec(name)?.[0] ?? 0)
  if (id < 1 || id > MAX_VLAN) return bad(`'${name}' does not end in the number of a VLAN, 1 to ${MAX_VLAN}`)
  const port = rest.join(':')
  const ports = readPorts(port)
  if (ports.error !== null) return ports
  return ports.value.length === 1 ? ok({ kind: 'vlan', name, ports: ports.value, id }) : bad('a VLAN is on one interface')
}

/** The mode first, which others depend on; then how links are watched, without which delays are refused. */
function rank(name: string): number {
  const at = ['mode', 'miimon', 'arp_interval'].indexOf(name)
  return at < 0 ? 3 : at
}

function readOptions(text: string): Parsed<{ readonly name: string; readonly value: string }[]> {
  const options: { name: string; value: string }[] = []
  for (const word of text.split(',').filter((one) => one !== '')) {
    const [, name = '', value = ''] = /^([a-z0-9_]+)=(.+)$/.exec(word) ?? []
    if (name === '') return bad(`'${word}' is no option of a bond (NAME=VALUE)`)
    // Several are added one by one.
    if (name === 'arp_ip_target') for (const target of value.split(';')) options.push({ name, value: `+${target}` })
    else options.push({ name, value })
  }
  return ok(options.sort((a, b) => rank(a.name) - rank(b.name)))
}

/** Reads the value of one bond=. */
export function parseBond(text: string): Parsed<LinkRequest> {
  const [name = '', portText = '', optionText = '', mtuText = '', more] = splitFields(text)
  if (!isName(name)) return bad(`'${name}' is no name of an interface`)
  const ports = readPorts(portText === '' ? 'eth0,eth1' : portText)
  if (ports.error !== null) return ports
  const options = readOptions(optionText === '' ? BOND_OPTIONS : optionText)
  if (options.error !== null) return options
  const mtu = mtuText === '' ? null : Number(mtuText)
  if (mtu !== null && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535)) return bad(`'${mtuText}' is no MTU`)
  return more === undefined ? ok({ kind: 'bond', name, ports: ports.value, options: options.value, mtu }) : bad('too many fields')
}

/** Reads the value of one bridge=. */
export function parseBridge(text: string): Parsed<LinkRequest> {
  const [name = '', portText = '', more] = splitFields(text)
  if (!isName(name)) return bad(`'${name}' is no name of an interface`)
  const ports = readPorts(portText === '' ? 'eth0' : portText)
  if (ports.error !== null) return ports
  return more === undefined ? ok({ kind: 'bridge', name, ports: ports.value }) : bad('too many fields')
}

/** Those that others stand on before these. Error: a circle, a name twice, or a port of two. */
export function inOrder(requests: readonly LinkRequest[]): Parsed<readonly LinkRequest[]> {
  const names = requests.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) return bad(`'${twice}' is asked for twice`)
  const taken = requests.flatMap(({ kind, ports }) => (kind === 'vlan' ? [] : ports))
  const shared = taken.find((port, at) => taken.indexOf(port) !== at)
  if (shared !== undefined) return bad(`'${shared}' can be a port of one bond or bridge only`)
  const done: LinkRequest[] = []
  for (let left = [...requests]; left.length > 0; ) {
    const next = left.find(({ ports }) => !ports.some((port) => left.some(({ name }) => name === port)))
    if (next === undefined) return bad(`${left.map(({ name }) => `'${name}'`).join(', ')} stand on each other`)
    done.push(next)
    left = left.filter((one) => one !== next)
  }
  return ok(done)
}
