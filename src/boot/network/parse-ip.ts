// ip=, rd.route= and ifname= of the kernel command line, in every form of the kernel and of dracut.
//
//   ip=METHOD
//   ip=DEVICE:METHOD[:[MTU][:MAC]]
//   ip=CLIENT:[SERVER]:GATEWAY:NETMASK:HOSTNAME:DEVICE:METHOD[:[MTU][:MAC]]
//   ip=CLIENT:[SERVER]:GATEWAY:NETMASK:HOSTNAME:DEVICE:METHOD[:DNS0[:DNS1[:NTP]]]
// Pure. Sources: Documentation/admin-guide/nfs/nfsroot.rst, net/ipv4/ipconfig.c, dracut.cmdline(7).
import { defaultPrefix, familyOf, isAddress, parseMac, parsePrefixed, prefixOf, splitFields } from './ip-address.ts'
import type { Prefixed } from './ip-address.ts'

/**
 * How an interface gets its address: 'off' as given, 'dhcp' DHCPv4, 'dhcp6' DHCPv6, 'auto6' by router advertisements,
 * 'either6' those, and DHCPv6 if they say nothing, 'link6' only the link-local address.
 */
export const methods = ['off', 'dhcp', 'dhcp6', 'auto6', 'either6', 'link6'] as const
export type Method = (typeof methods)[number]

/** One interface as asked for. */
export interface InterfaceRequest {
  /** Name or MAC address ('52:54:00:12:34:56'); null: whichever has a link. */
  readonly device: string | null
  readonly method: Method
  readonly address: Prefixed | null
  /** The other end of a point-to-point link (dracut), or the server of the root (kernel): both are this field. */
  readonly server: string | null
  readonly gateway: string | null
  readonly hostname: string | null
  readonly dns: readonly string[]
  readonly ntp: readonly string[]
  readonly mtu: number | null
  /** To be given to the interface. */
  readonly mac: string | null
}

/** A route of rd.route=; `device` null: the interface that the gateway is reached by. */
export interface RouteRequest {
  readonly to: Prefixed
  readonly gateway: string | null
  readonly device: string | null
}

export type Parsed<T> = { readonly value: T; readonly error: null } | { readonly value: null; readonly error: string }

export const ok = <T>(value: T): Parsed<T> => ({ value, error: null })
export const bad = (error: string): { readonly value: null; readonly error: string } => ({ value: null, error })

const METHOD_WORDS: Readonly<Record<string, Method>> = {
  off: 'off', none: 'off', static: 'off',
  dhcp: 'dhcp', on: 'dhcp', any: 'dhcp', all: 'dhcp', both: 'dhcp', 'single-dhcp': 'dhcp', dhcp4: 'dhcp',
  dhcp6: 'dhcp6', auto6: 'auto6', either6: 'either6', link6: 'link6', 'link-local': 'link6',
}

const METHODS_SHOWN = "'dhcp', 'off', 'dhcp6', 'auto6', 'either6' or 'link6'"

/** ip= without a method: nothing but what an interface needs in any case. */
export const DHCP_ANYWHERE: InterfaceRequest = {
  device: null, method: 'dhcp', address: null, server: null, gateway: null, hostname: null, dns: [], ntp: [], mtu: null, mac: null,
}

/** A name of an interface, or a MAC address. */
export function isDevice(text: string): boolean {
  return parseMac(text) !== null || (/^[^\s/:]{1,15}$/.test(text) && text !== '.' && text !== '..')
}

function readMethod(word: string): Parsed<Method> {
  const method = METHOD_WORDS[word.toLowerCase()]
  if (method !== undefined) return ok(method)
  const why = /^(bootp|rarp)$/.test(word) ? `'${word}' is not done any more` : word === 'ibft' ? 'the table of the firmware is read by rd.iscsi.firmware=1 only' : `'${word}' is no method`
  return bad(`${why}; ${METHODS_SHOWN}`)
}

/** What stands behind the method: DNS and NTP servers, or MTU and MAC address. */
function readTail(tail: readonly string[]): Parsed<Pick<InterfaceRequest, 'dns' | 'ntp' | 'mtu' | 'mac'>> {
  const given = tail.filter((field) => field !== '')
  const [first = ''] = tail
  if (given.length === 0) return ok({ dns: [], ntp: [], mtu: null, mac: null })
  if (given.every((field) => isAddress(field)) && tail.length <= 3) {
    return ok({ dns: tail.slice(0, 2).filter((field) => field !== ''), ntp: tail.slice(2).filter((field) => field !== ''), mtu: null, mac: null })
  }
  const [mtu, macText] = [first === '' ? null : Number(first), tail.slice(1).join(':')]
  const mac = macText === '' ? null : parseMac(macText)
  if (mtu !== null && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535)) return bad(`'${first}' is neither a DNS server nor an MTU`)
  if (macText !== '' && mac === null) return bad(`'${macText}' is no MAC address`)
  return ok({ dns: [], ntp: [], mtu, mac })
}

function readShort(device: string, rest: readonly string[]): Parsed<InterfaceRequest> {
  const method = readMethod(rest[0] ?? '')
  if (method.error !== null) return method
  const tail = readTail(rest.slice(1))
  if (tail.error !== null) return tail
  if (!isDevice(device)) return bad(`'${device}' is no name of an interface`)
  return ok({ ...DHCP_ANYWHERE, ...tail.value, device: parseMac(device) ?? device, method: method.value })
}

function readAddress(client: string, mask: string): Parsed<Prefixed | null> {
  if (client === '') return ok(null)
  const [address = '', bits] = client.split('/')
  const family = familyOf(address)
  if (family === null) return bad(`'${client}' is no address (an IPv6 address needs brackets)`)
  const given = bits ?? mask
  const prefix = given === '' ? defaultPrefix(address) : prefixOf(given, family)
  return prefix === null ? bad(`'${given}' is no netmask`) : ok({ address, prefix })
}

function readLong(fields: readonly string[]): Parsed<InterfaceRequest> {
  const [client = '', server = '', gateway = '', mask = '', hostname = '', device = '', word = ''] = fields
  const address = readAddress(client, mask)
  if (address.error !== null) return address
  for (const [name, text] of [['server', server], ['gateway', gateway]] as const) {
    if (text !== '' && !isAddress(text)) return bad(`the ${name} '${text}' is no address`)
  }
  if (device !== '' && !isDevice(device)) return bad(`'${device}' is no name of an interface`)
  const method: Parsed<Method> = word === '' ? ok(address.value === null ? 'dhcp' : 'off') : readMethod(word)
  if (method.error !== null) return method
  const tail = readTail(fields.slice(7))
  if (tail.error !== null) return tail
  const orNull = (text: string): string | null => (text === '' ? null : text)
  return ok({
    device: orNull(parseMac(device) ?? device), method: method.value, address: address.value, server: orNull(server), gateway: orNull(gateway),
    hostname: orNull(hostname), ...tail.value,
  })
}

/** Reads the value of one ip=. */
export function parseIp(text: string): Parsed<InterfaceRequest> {
  const fields = splitFields(text)
  const [first = '', second = ''] = fields
  if (fields.length === 1) {
    if (METHOD_WORDS[first.toLowerCase()] === undefined && isAddress(first)) return readLong(fields)
    const method = readMethod(first)
    return method.error === null ? ok({ ...DHCP_ANYWHERE, method: method.value }) : method
  }
  if (METHOD_WORDS[second.toLowerCase()] !== undefined && first !== '' && !isAddress(first)) return readShort(first, fields.slice(1))
  // A MAC address as the device: with '-', in brackets, or as six fields.
  const mac = parseMac(fields.slice(0, 6).join(':'))
  if (mac !== null) return readShort(mac, fields.slice(6))
  return readLong(fields)
}

/** Reads the value of one rd.route=NETWORK[/MASK]:GATEWAY[:DEVICE]. */
export function parseRoute(text: string): Parsed<RouteRequest> {
  const [network = '', gateway = '', device = '', more] = splitFields(text)
  const [address = '', bits] = network.split('/')
  const to = parsePrefixed(network) ?? null
  if (to === null) return bad(`'${network}' is no network (ADDRESS/BITS)`)
  if (gateway === '' && device === '') return bad('neither a gateway nor an interface is given')
  if (gateway !== '' && familyOf(gateway) !== familyOf(address)) return bad(`the gateway '${gateway}' is no address of the network's family`)
  if (device !== '' && !isDevice(device)) return bad(`'${device}' is no name of an interface`)
  if (more !== undefined) return bad('too many fields')
  const isHost = bits === undefined
  return ok({ to: isHost ? { address, prefix: familyOf(address) === 4 ? 32 : 128 } : to, gateway: gateway === '' ? null : gateway, device: device === '' ? null : device })
}

/** Reads the value of ifname=NAME:MAC. */
export function parseIfname(text: string): Parsed<{ readonly name: string; readonly mac: string }> {
  const [name = '', ...rest] = splitFields(text)
  const mac = parseMac(rest.join(':'))
  if (!isDevice(name) || parseMac(name) !== null) return bad(`'${name}' is no name of an interface`)
  return mac === null ? bad(`'${rest.join(':')}' is no MAC address`) : ok({ name, mac })
}
