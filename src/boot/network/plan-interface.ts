// What is done to an interface, as changes for rtnetlink: from what was asked for and what DHCP answered.
//
// Pure. A gateway outside of the network gets a route of its own first, which the kernel would otherwise refuse
// (ENETUNREACH). Addresses stay for ever, whatever the lease: nobody here would renew it, and an address that
// expires takes the root with it. docs/network-root.md.

import { addressBytes, broadcastOf, contains, familyOf } from './ip-address.ts'
import type { Prefixed } from './ip-address.ts'
import type { Interface } from './interface-names.ts'
import type { InterfaceRequest, RouteRequest } from './parse-ip.ts'
import type { Lease } from './parse-lease.ts'
import type { NetChange } from './rtnetlink.ts'

/** Bringing the link up, with its name, MAC address and MTU. A name can only be changed while it is down (before Linux 6.2). */
export function planLink(one: Interface, request: InterfaceRequest, name: string): NetChange[] {
  const before = {
    ...(name === one.name ? {} : { name }),
    ...(request.mac === null || request.mac === one.mac ? {} : { mac: request.mac }),
    ...(request.mtu === null ? {} : { mtu: request.mtu }),
  }
  const up: NetChange = { kind: 'link', index: one.index, up: true }
  return Object.keys(before).length === 0 ? [up] : [{ kind: 'link', index: one.index, ...before }, up]
}

/** The address of the network that a route goes to: without the bits of the host. */
export function networkAddress({ address, prefix }: Prefixed): string {
  const bytes = addressBytes(address) ?? new Uint8Array(4)
  const masked = bytes.map((byte, i) => byte & (256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - i * 8)))))
  if (masked.length === 4) return masked.join('.')
  return Array.from({ length: 8 }, (_, i) => (((masked[i * 2] ?? 0) << 8) | (masked[i * 2 + 1] ?? 0)).toString(16)).join(':')
}

function routeTo(index: number, to: Prefixed, gateway: string | null, fromDhcp: boolean): NetChange {
  return { kind: 'route', index, to: networkAddress(to), prefix: to.prefix, gateway, metric: null, fromDhcp }
}

function everything(gateway: string): Prefixed {
  return familyOf(gateway) === 4 ? { address: '0.0.0.0', prefix: 0 } : { address: '::', prefix: 0 }
}

/** A route by a gateway, and before it one to the gateway if the address's network does not have it. */
function viaGateway(index: number, own: Prefixed | null, to: Prefixed, gateway: string | null, fromDhcp: boolean): NetChange[] {
  const main = routeTo(index, to, gateway, fromDhcp)
  if (gateway === null || /^fe80:/i.test(gateway) || (own !== null && contains(own, gateway))) return [main]
  return [routeTo(index, { address: gateway, prefix: familyOf(gateway) === 4 ? 32 : 128 }, null, fromDhcp), main]
}

/** Addresses and routes, when the link is up. What the command line says wins over the lease. */
export function planAddresses(index: number, request: InterfaceRequest, lease: Lease | null, routes: readonly RouteRequest[]): NetChange[] {
  const changes: NetChange[] = []
  const add = (own: Prefixed, broadcast: string | null): void => {
    const isPointToPoint = request.server !== null && familyOf(own.address) === 4 && own.prefix >= 31
    changes.push({ kind: 'address', index, ...own, peer: isPointToPoint ? request.server : null, broadcast: isPointToPoint ? null : broadcast })
  }
  if (request.address !== null) add(request.address, broadcastOf(request.address))
  if (lease !== null) add(lease.address, lease.broadcast ?? broadcastOf(lease.address))
  const own = request.address ?? lease?.address ?? null
  const learnt: Lease['routes'] = lease === null ? []
    : lease.routes.length > 0 ? lease.routes
    : lease.routers.slice(0, 1).map((gateway) => ({ to: everything(gateway), gateway }))
  if (request.gateway !== null) changes.push(...viaGateway(index, own, everything(request.gateway), request.gateway, false))
  for (const { to, gateway } of learnt) {
    if (request.gateway !== null && to.prefix === 0) continue
    changes.push(...viaGateway(index, lease?.address ?? own, to, gateway, true))
  }
  for (const { to, gateway } of routes) changes.push(...viaGateway(index, own, to, gateway, false))
  return changes
}
