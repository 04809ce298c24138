// What is written down about the network: /etc/resolv.conf, /run/net-DEVICE.conf, and a file for systemd-networkd.
//
// Pure. The first is for programs of the initramfs, the second what klibc's ipconfig writes and scripts of
// initramfs-tools, cloud-init and open-iscsi read, the third keeps systemd-networkd of the root from taking the
// network away under it.  systemd.network(5); docs/network-root.md.

import { broadcastOf, familyOf, maskOf } from './ip-address.ts'
import type { InterfaceRequest } from './parse-ip.ts'
import type { Lease } from './parse-lease.ts'

/** An interface that is up. */
export interface Connection {
  readonly name: string
  readonly index: number
  readonly mac: string
  readonly request: InterfaceRequest
  readonly lease: Lease | null
  /** Its address: as asked for, leased, or by advertisements. */
  readonly address: string | null
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''").replaceAll('\n', ' ')}'`

/** Name servers in their order, each once. */
export function nameServers(connections: readonly Connection[], given: readonly string[], peerDns: boolean): string[] {
  const all = connections.flatMap(({ request, lease }) => [...request.dns, ...(peerDns && lease !== null ? lease.dns : [])])
  return [...new Set([...given, ...all])]
}

/** /etc/resolv.conf; null when there is nothing to write. */
export function resolvConf(connections: readonly Connection[], given: readonly string[], peerDns: boolean): string | null {
  const servers = nameServers(connections, given, peerDns)
  if (servers.length === 0) return null
  const search = peerDns ? connections.flatMap(({ lease }) => (lease === null ? [] : lease.search.length > 0 ? lease.search : lease.domain === null ? [] : [lease.domain])) : []
  return [...(search.length === 0 ? [] : [`search ${[...new Set(search)].join(' ')}`]), ...servers.map((server) => `nameserver ${server}`), ''].join('\n')
}

/** /run/net-DEVICE.conf: shell assignments. Only IPv4, as there. `uptimeS`: since the kernel started. */
export function netConf({ name, request, lease }: Connection, uptimeS: number): string {
  const own = lease?.address ?? request.address
  const v4 = own !== null && familyOf(own.address) === 4 ? own : null
  const dns = [...request.dns, ...(lease?.dns ?? [])].filter((server) => familyOf(server) === 4)
  const values: readonly (readonly [string, string])[] = [
    ['DEVICE', name], ['PROTO', lease === null ? 'none' : 'dhcp'],
    ['IPV4ADDR', v4?.address ?? ''], ['IPV4BROADCAST', lease?.broadcast ?? (v4 === null ? '' : (broadcastOf(v4) ?? ''))],
    ['IPV4NETMASK', v4 === null ? '' : maskOf(v4.prefix)], ['IPV4GATEWAY', request.gateway ?? lease?.routers[0] ?? ''],
    ['IPV4DNS0', dns[0] ?? '0.0.0.0'], ['IPV4DNS1', dns[1] ?? '0.0.0.0'],
    ['HOSTNAME', request.hostname ?? lease?.hostname ?? ''], ['DNSDOMAIN', lease?.domain ?? ''], ['NISDOMAIN', ''],
    ['ROOTSERVER', request.server ?? lease?.bootServer ?? lease?.server ?? '0.0.0.0'], ['ROOTPATH', lease?.rootPath ?? ''], ['filename', ''],
    ['UPTIME', String(uptimeS)], ['DHCPLEASETIME', String(lease?.leaseS ?? 0)], ['DOMAINSEARCH', (lease?.search ?? []).join(' ')],
  ]
  return values.map(([key, value]) => `${key}=${quoted(value)}\n`).join('')
}

/** /run/systemd/network/70-fulcrum-DEVICE.network, of all that was asked for of one device. */
export function networkdFile(connections: readonly Connection[]): string {
  const families = new Set(connections.flatMap(({ lease }) => (lease === null ? [] : [familyOf(lease.address.address)])))
  const of = (text: (one: InterfaceRequest) => string | null): string[] => connections.flatMap(({ request }) => text(request) ?? [])
  const lines = [
    '# Made by fulcrum: the root of this system is behind this interface.', '[Match]', `Name=${connections[0]?.name ?? ''}`, '',
    '[Link]', 'RequiredForOnline=no', '', '[Network]', 'KeepConfiguration=yes', 'IgnoreCarrierLoss=yes',
    ...(families.size === 0 ? [] : [`DHCP=${families.size === 2 ? 'yes' : families.has(4) ? 'ipv4' : 'ipv6'}`]),
    ...of(({ address }) => (address === null ? null : `Address=${address.address}/${address.prefix}`)),
    ...of(({ gateway }) => (gateway === null ? null : `Gateway=${gateway}`)),
    ...connections.flatMap(({ request }) => request.dns.map((server) => `DNS=${server}`)),
    ...(families.has(4) ? ['', '[DHCPv4]', 'SendRelease=no'] : []),
  ]
  return `${lines.join('\n')}\n`
}

/** /run/systemd/network/70-fulcrum-DEVICE.network of what a link stands on that is up: nothing is done to it. */
export function unmanagedFile(name: string): string {
  return ['# Made by fulcrum: a link that the root of this system is behind stands on this interface.', '[Match]', `Name=${name}`, '', '[Link]', 'Unmanaged=yes', ''].join('\n')
}
