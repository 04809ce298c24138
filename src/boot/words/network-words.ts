// The words of the kernel command line about the network and the roots that are behind it, and what they mean.
//
// Table and reader side by side, so that a word is added in one place. Pure: part of parameters.ts.
// Man pages: dracut.cmdline(7), kernel-command-line(7), nfsroot.rst of the kernel, docs/man/fulcrum.7.

import { parseIfname, parseIp, parseRoute } from '../network/parse-ip.ts'
import type { InterfaceRequest, Parsed, RouteRequest } from '../network/parse-ip.ts'
import { parseBond, parseBridge, parseVlan } from '../network/parse-links.ts'
import type { LinkRequest } from '../network/parse-links.ts'
import { isAddress, parseMac } from '../network/ip-address.ts'
import { hideSecrets, parseNetroot } from '../network/parse-netroot.ts'
import { parameter } from './parameter.ts'
import type { Parameter } from './parameter.ts'
import { unquote } from './reader.ts'
import type { WordReader } from './reader.ts'

/** What stands in for, or is added to, the fields of root=iscsi:. */
export interface IscsiWords {
  readonly initiator: string | null
  readonly targetName: string | null
  readonly targetIp: string | null
  readonly targetPort: number | null
  readonly targetGroup: number
  readonly lun: number | null
  readonly user: string | null
  readonly password: string | null
  readonly inUser: string | null
  readonly inPassword: string | null
  readonly firmware: boolean
  /** NAME=VALUE for iscsistart. */
  readonly parameters: readonly string[]
}

/** What the command line asks for about the network and the roots that are behind it. */
export interface NetworkWords {
  /** ip=, in order; empty: DHCP where there is a link. */
  readonly interfaces: readonly InterfaceRequest[]
  readonly routes: readonly RouteRequest[]
  readonly nameservers: readonly string[]
  /** Whether the name servers of DHCP are used. */
  readonly peerDns: boolean
  /** The network is needed whatever the root is. */
  readonly isNeeded: boolean
  readonly names: readonly { readonly name: string; readonly mac: string }[]
  /** The interface, by name or MAC address, that is tried first. */
  readonly bootDevice: string | null
  readonly netroot: string | null
  readonly nfsroot: string | null
  readonly nbdroot: string | null
  readonly iscsi: IscsiWords
  /** Waits for an interface, for its link, and for one answer of DHCP, in milliseconds; null: for ever. */
  readonly interfaceMs: number | null
  readonly linkMs: number
  readonly dhcpMs: number
  readonly dhcpTries: number
  /** vlan=, bond=, bridge=. */
  readonly links: readonly LinkRequest[]
  /** Words for what is not done: teams. */
  readonly unsupported: readonly string[]
}

const UNSUPPORTED = ['team'] as const

export const networkParameters: readonly Parameter[] = [
  parameter('kernel', 'ip', 'METHOD|DEVICE:METHOD[:[MTU][:MAC]]|CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:METHOD[:DNS0[:DNS1[:NTP]]]', 'dhcp',
    'How an interface gets its address: dhcp, off (as given), dhcp6, auto6, either6, link6. For each interface once. Used when ' +
      'the root is behind a network, or with rd.neednet',
  ),
  parameter('dracut', 'rd.neednet', 'BOOLEAN', 'no', 'Bring the network up whatever the root is'),
  parameter('dracut', 'rd.route', 'NETWORK/BITS:GATEWAY[:DEVICE]', 'none', 'A static route, repeatable'),
  parameter('dracut', 'nameserver', 'ADDRESS', 'none', 'A name server, repeatable'),
  parameter('dracut', 'rd.peerdns', 'BOOLEAN', 'yes', 'Use the name servers that DHCP tells'),
  parameter('dracut', 'ifname', 'NAME:MAC', 'none', 'Give this name to the interface with this MAC address, repeatable'),
  parameter('dracut', 'bootdev', 'DEVICE', 'none', 'The interface that is tried first when ip= names none'),
  parameter('dracut', 'BOOTIF', '01-MAC', 'none', 'The same, as PXE boot loaders write it'),
  parameter('dracut', 'netroot', 'SPEC', 'none', 'As root=nfs:…, nbd:…, iscsi:…; root= then names what is found behind it, for instance LABEL=…, or dhcp'),
  parameter('kernel', 'nfsroot', '[SERVER:]PATH[,OPTIONS]', "DHCP's root-path", 'The NFS root of root=/dev/nfs. %s in the path stands for the host name or the address'),
  parameter('dracut', 'nbdroot', 'SERVER,PORT|SERVER:PORT/EXPORT', 'none', 'The NBD root of root=/dev/nbd0'),
  parameter('dracut', 'rd.iscsi.initiator', 'IQN', 'that of /etc/iscsi/initiatorname.iscsi', 'The name of this machine for iSCSI', ['iscsi_initiator']),
  parameter('dracut', 'rd.iscsi.target.name', 'IQN', 'none', 'The target of the iSCSI root', ['iscsi_target_name']),
  parameter('dracut', 'rd.iscsi.target.ip', 'ADDRESS', 'none', 'Its address', ['iscsi_target_ip']),
  parameter('dracut', 'rd.iscsi.target.port', 'PORT', '3260', 'Its port', ['iscsi_target_port']),
  parameter('dracut', 'rd.iscsi.target.group', 'NUMBER', '1', 'Its portal group', ['iscsi_target_group']),
  parameter('dracut', 'rd.iscsi.lun', 'NUMBER', '0', 'The disk of the target'),
  parameter('dracut', 'rd.iscsi.username', 'NAME', 'none', 'CHAP user', ['iscsi_username']),
  parameter('dracut', 'rd.iscsi.password', 'TEXT', 'none', 'CHAP password', ['iscsi_password']),
  parameter('dracut', 'rd.iscsi.in.username', 'NAME', 'none', 'User of the target, for mutual CHAP', ['iscsi_in_username']),
  parameter('dracut', 'rd.iscsi.in.password', 'TEXT', 'none', 'Password of the target', ['iscsi_in_password']),
  parameter('dracut', 'rd.iscsi.param', 'NAME=VALUE', 'none', 'A setting of iscsid for iscsistart, repeatable'),
  parameter('dracut', 'rd.iscsi.firmware', 'BOOLEAN', 'no', 'Connect the iSCSI targets that the firmware names (iBFT)', ['rd.iscsi.ibft', 'iscsi_firmware', 'iscsi_auto']),
  parameter('dracut', 'rd.net.timeout.iflink', 'SECONDS', '60', 'How long to wait for an interface to appear'),
  parameter('dracut', 'rd.net.timeout.carrier', 'SECONDS', '10', 'How long to wait for its link'),
  parameter('dracut', 'rd.net.timeout.dhcp', 'SECONDS', '20', 'How long to wait for an answer of DHCP, each time'),
  parameter('dracut', 'rd.net.dhcp.retry', 'NUMBER', '3', 'How often DHCP is tried'),
  parameter('dracut', 'vlan', 'NAME:INTERFACE', 'none', 'Make a VLAN, whose number NAME ends in (vlan5, eth0.5), repeatable. INTERFACE may be a bond; ip= names the VLAN'),
  parameter('dracut', 'bond', 'NAME[:INTERFACE,…[:OPTION=VALUE,…[:MTU]]]', 'none', 'Make a bond of interfaces (eth0,eth1) with options of the bonding driver (mode=balance-rr), repeatable. Several values of arp_ip_target have ; between them'),
  parameter('dracut', 'bridge', 'NAME[:INTERFACE,…]', 'none', 'Make a bridge of interfaces (eth0), repeatable'),
  ...UNSUPPORTED.map((key) => parameter('dracut', key, 'TEXT', 'none', 'Not done: a boot that needs the network says so and stops')),
]

/** Reads one kind of word; each that cannot be understood is a problem. */
function each<T>(read: WordReader, key: string, parse: (text: string) => Parsed<T>): T[] {
  return read.texts(key).flatMap((text) => {
    const { value, error } = parse(unquote(text))
    if (error === null) return [value]
    read.problem(key, text, `another form: ${error}`)
    return []
  })
}

function readBootDevice(read: WordReader): string | null {
  const named = read.text('bootdev')
  const pxe = read.text('BOOTIF')
  if (named !== null) return parseMac(named) ?? named
  if (pxe === null) return null
  const mac = parseMac(pxe.replace(/^01[-:]/, ''))
  if (mac === null) read.problem('BOOTIF', pxe, "'01-' and a MAC address")
  return mac
}

function readIscsi(read: WordReader): IscsiWords {
  const text = (key: string): string | null => {
    const value = read.text(key)
    return value === null ? null : unquote(value)
  }
  return {
    initiator: text('rd.iscsi.initiator'), targetName: text('rd.iscsi.target.name'), targetIp: text('rd.iscsi.target.ip'),
    targetPort: read.integer('rd.iscsi.target.port'), targetGroup: read.integer('rd.iscsi.target.group') ?? 1, lun: read.integer('rd.iscsi.lun'),
    user: text('rd.iscsi.username'), password: text('rd.iscsi.password'),
    inUser: text('rd.iscsi.in.username'), inPassword: text('rd.iscsi.in.password'),
    firmware: read.boolean('rd.iscsi.firmware', false), parameters: read.texts('rd.iscsi.param').map(unquote),
  }
}

/** Kept as it stands: a hook of the image may know it, and without one the boot stops there by itself. */
function readNetroot(read: WordReader): string | null {
  const word = read.text('netroot')
  if (word === null) return null
  const text = unquote(word)
  const isAlone = /^(dhcp[46]?|iscsi):?$/.test(text)
  const parsed = parseNetroot(text)
  // Of another kind, 'mine:…', it is for the program of a dracut module.
  if (isAlone || parsed?.error === null || (parsed === null && /^\w+:./.test(text))) return text
  // What is told is written to the log and to the console.
  read.problem('netroot', hideSecrets(word), `nfs:…, nbd:…, iscsi:… or dhcp${parsed === null ? '' : ` (${parsed.error})`}`, 'leaving it to hooks')
  return text
}

/** Reads them; every value is usable whatever the line says. */
export function readNetworkWords(read: WordReader): NetworkWords {
  const nameservers = read.texts('nameserver').map((text) => text.replace(/^\[|\]$/g, ''))
  for (const server of nameservers) if (!isAddress(server)) read.problem('nameserver', server, 'an address')
  const orNull = (text: string | null): string | null => (text === null ? null : unquote(text))
  return {
    interfaces: each(read, 'ip', parseIp),
    routes: each(read, 'rd.route', parseRoute),
    nameservers: nameservers.filter(isAddress),
    peerDns: read.boolean('rd.peerdns', true),
    isNeeded: read.boolean('rd.neednet', false),
    names: each(read, 'ifname', parseIfname),
    bootDevice: readBootDevice(read),
    netroot: readNetroot(read),
    nfsroot: orNull(read.text('nfsroot')),
    nbdroot: orNull(read.text('nbdroot')),
    iscsi: readIscsi(read),
    interfaceMs: read.timeMs('rd.net.timeout.iflink') ?? 60_000,
    linkMs: read.timeMs('rd.net.timeout.carrier') ?? 10_000,
    dhcpMs: read.timeMs('rd.net.timeout.dhcp') ?? 20_000,
    dhcpTries: Math.max(1, read.integer('rd.net.dhcp.retry') ?? 3),
    links: [...each(read, 'bond', parseBond), ...each(read, 'bridge', parseBridge), ...each(read, 'vlan', parseVlan)],
    unsupported: UNSUPPORTED.flatMap((key) => read.texts(key).map((text) => `${key}=${text}`)),
  }
}
