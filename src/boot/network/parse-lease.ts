// A lease of DHCP: what busybox's udhcpc told its script, as values.
//
// The script writes its environment to a file, one NAME=VALUE per line. The server is not trusted: what is no address
// is passed over, and nothing of it is ever evaluated. Pure.
// RFC 2131, RFC 2132 (options), RFC 3442 (classless routes); busybox: networking/udhcp.

import { defaultPrefix, isAddress, parsePrefixed, prefixOf } from './ip-address.ts'
import type { Prefixed } from './ip-address.ts'

/** One lease. */
export interface Lease {
  readonly address: Prefixed
  readonly broadcast: string | null
  readonly routers: readonly string[]
  /** Classless routes; when there are some the routers do not count (RFC 3442). A gateway of null: on the link. */
  readonly routes: readonly { readonly to: Prefixed; readonly gateway: string | null }[]
  readonly dns: readonly string[]
  readonly ntp: readonly string[]
  readonly search: readonly string[]
  readonly domain: string | null
  readonly hostname: string | null
  readonly mtu: number | null
  readonly rootPath: string | null
  /** Who gave the lease (option 54). */
  readonly server: string | null
  /** 'next server' of the BOOTP header: the server of the root where root-path names none. */
  readonly bootServer: string | null
  /** Seconds; null: for ever, or not told. */
  readonly leaseS: number | null
}

const words = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '')
const orNull = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text)
const addressOrNull = (text: string | undefined): string | null => (text !== undefined && isAddress(text) && text !== '0.0.0.0' ? text : null)

/** A name of hosts or domains, nothing else: it comes from outside and gets into files. */
const nameOrNull = (text: string | undefined): string | null => (text !== undefined && /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/.test(text) ? text : null)

/** NAME=VALUE lines; a line without '=' belongs to the value before it, and is dropped. */
function variables(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line)
    if (match !== null) found.set(match[1] ?? '', match[2] ?? '')
  }
  return found
}

/** 'NETWORK/BITS GATEWAY NETWORK/BITS GATEWAY …' */
function parseRoutes(text: string | undefined): Lease['routes'] {
  const fields = words(text)
  return fields.flatMap((field, i) => {
    const gateway = fields[i + 1]
    const to = i % 2 === 0 ? parsePrefixed(field) : null
    if (to === null || gateway === undefined || !isAddress(gateway)) return []
    return [{ to, gateway: gateway === '0.0.0.0' ? null : gateway }]
  })
}

/** Reads what the script wrote; null when there is no address in it. */
export function parseLease(text: string): Lease | null {
  const all = variables(text)
  const get = (name: string): string | undefined => all.get(name)
  // udhcpc6 writes 'ipv6', and takes the router from advertisements: there is none here.
  const ip = get('ip') ?? get('ipv6')?.split('/')[0]
  if (ip === undefined || !isAddress(ip) || ip === '0.0.0.0') return null
  const family = ip.includes(':') ? 6 : 4
  const prefix = prefixOf(get('mask') ?? get('subnet') ?? '', family) ?? (family === 6 ? 128 : defaultPrefix(ip))
  const mtu = Number(get('mtu'))
  const leaseS = Number(get('lease'))
  return {
    address: { address: ip, prefix },
    broadcast: addressOrNull(get('broadcast')),
    routers: words(get('router')).filter(isAddress),
    routes: parseRoutes(get('staticroutes')),
    dns: words(get('dns')).filter(isAddress),
    ntp: words(get('ntpsrv')).filter(isAddress),
    search: words(get('search')).filter((name) => nameOrNull(name) !== null),
    domain: nameOrNull(get('domain')),
    hostname: nameOrNull(get('hostname')),
    // Smaller ones are not allowed (RFC 2132 5.1), and one that breaks TCP is not taken from a server.
    mtu: Number.isInteger(mtu) && mtu >= 576 && mtu <= 65_535 ? mtu : null,
    rootPath: orNull(get('rootpath')),
    server: addressOrNull(get('serverid')),
    bootServer: addressOrNull(get('siaddr')),
    leaseS: Number.isInteger(leaseS) && leaseS > 0 && leaseS < 0xffffffff ? leaseS : null,
  }
}
