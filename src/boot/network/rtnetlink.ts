// Messages of rtnetlink: links, addresses and routes as bytes, and the answers of the kernel.
//
// Little-endian machines only, as all that Node runs on here. Pure: route-socket.ts sends them. Attributes are
// padded to 4 bytes; every request asks for an acknowledgement, which is an error of 0.
// Sources: include/uapi/linux/{netlink,rtnetlink,if_addr,if_link}.h, rtnetlink(7).

import { addressBytes } from './ip-address.ts'

const NLMSG_ERROR = 2
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
const NLM_F_REPLACE = 0x100
const NLM_F_EXCL = 0x200
const NLM_F_CREATE = 0x400

const RTM_NEWLINK = 16
const RTM_NEWADDR = 20
const RTM_NEWROUTE = 24

const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_LINK = 5
const IFLA_MASTER = 10
const IFLA_LINKINFO = 18
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_VLAN_ID = 1
const IFF_UP = 1

const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
/** No search for duplicates (IPv6): the address can be used at once. */
const IFA_F_NODAD = 2

const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3
const RTPROT_DHCP = 16
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RTN_UNICAST = 1

const AF_UNSPEC = 0
const AF_INET = 2
const AF_INET6 = 10
const HEADER_BYTES = 16

/** Groups of a route socket: changes of links, and of IPv6 addresses. */
export const RTMGRP_LINK = 1
export const RTMGRP_IPV6_IFADDR = 0x100

/** One change. `index` is the interface's, as /sys/class/net/NAME/ifindex has it. */
export type NetChange =
  | { readonly kind: 'link'; readonly index: number; readonly up?: boolean; readonly mtu?: number; readonly mac?: string; readonly name?: string; readonly master?: number }
  /** A new link; `on`: the interface that a VLAN is on, and its number. */
  | { readonly kind: 'new-link'; readonly name: string; readonly type: 'vlan' | 'bond' | 'bridge'; readonly on: { readonly index: number; readonly id: number } | null }
  | { readonly kind: 'address'; readonly index: number; readonly address: string; readonly prefix: number; readonly peer: string | null; readonly broadcast: string | null }
  | {
    readonly kind: 'route'; readonly index: number; readonly to: string; readonly prefix: number
    /** Null: what is there is on the link itself. */
    readonly gateway: string | null
    readonly metric: number | null
    readonly fromDhcp: boolean
  }

function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3)
  bytes.writeUInt16LE(4 + value.length, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.set(value, 4)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** Throws RangeError for what is no address: those who plan have looked. */
function bytesOf(address: string): Uint8Array {
  const bytes = addressBytes(address)
  if (bytes === null) throw new RangeError(`'${address}' is no address`)
  return bytes
}

const familyOfBytes = (bytes: Uint8Array): number => (bytes.length === 4 ? AF_INET : AF_INET6)

function message(type: number, flags: number, sequence: number, body: readonly Uint8Array[]): Uint8Array {
  const payload = Buffer.concat(body)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(HEADER_BYTES + payload.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK | flags, 6)
  header.writeUInt32LE(sequence, 8)
  return Buffer.concat([header, payload])
}

function linkMessage(change: Extract<NetChange, { kind: 'link' }>, sequence: number): Uint8Array {
  const info = Buffer.alloc(16) // struct ifinfomsg
  info.writeUInt8(AF_UNSPEC, 0)
  info.writeInt32LE(change.index, 4)
  if (change.up !== undefined) {
    info.writeUInt32LE(change.up ? IFF_UP : 0, 8)
    info.writeUInt32LE(IFF_UP, 12)
  }
  const body: Uint8Array[] = [info]
  if (change.mtu !== undefined) body.push(attribute(IFLA_MTU, u32(change.mtu)))
  if (change.mac !== undefined) body.push(attribute(IFLA_ADDRESS, Buffer.from(change.mac.replaceAll(':', ''), 'hex')))
  if (change.name !== undefined) body.push(attribute(IFLA_IFNAME, Buffer.from(`${change.name}\0`)))
  if (change.master !== undefined) body.push(attribute(IFLA_MASTER, u32(change.master)))
  return message(RTM_NEWLINK, 0, sequence, body)
}

function newLinkMessage({ name, type, on }: Extract<NetChange, { kind: 'new-link' }>, sequence: number): Uint8Array {
  const body: Uint8Array[] = [Buffer.alloc(16), attribute(IFLA_IFNAME, Buffer.from(`${name}\0`))]
  const info: Uint8Array[] = [attribute(IFLA_INFO_KIND, Buffer.from(type))]
  if (on !== null) {
    body.push(attribute(IFLA_LINK, u32(on.index)))
    info.push(attribute(IFLA_INFO_DATA, attribute(IFLA_VLAN_ID, u32(on.id).subarray(0, 2))))
  }
  body.push(attribute(IFLA_LINKINFO, Buffer.concat(info)))
  return message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sequence, body)
}

function addressMessage({ index, address, prefix, peer, broadcast }: Extract<NetChange, { kind: 'address' }>, sequence: number): Uint8Array {
  const local = bytesOf(address)
  const info = Buffer.alloc(8) // struct ifaddrmsg
  info.writeUInt8(familyOfBytes(local), 0)
  info.writeUInt8(peer === null ? prefix : local.length * 8, 1)
  info.writeUInt8(local.length === 16 ? IFA_F_NODAD : 0, 2)
  info.writeUInt32LE(index, 4)
  const body: Uint8Array[] = [info, attribute(IFA_LOCAL, local), attribute(IFA_ADDRESS, peer === null ? local : bytesOf(peer))]
  if (broadcast !== null) body.push(attribute(IFA_BROADCAST, bytesOf(broadcast)))
  return message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sequence, body)
}

function routeMessage({ index, to, prefix, gateway, metric, fromDhcp }: Extract<NetChange, { kind: 'route' }>, sequence: number): Uint8Array {
  const destination = bytesOf(to)
  const family = familyOfBytes(destination)
  const info = Buffer.alloc(12) // struct rtmsg
  info.writeUInt8(family, 0)
  info.writeUInt8(prefix, 1)
  info.writeUInt8(RT_TABLE_MAIN, 4)
  info.writeUInt8(fromDhcp ? RTPROT_DHCP : RTPROT_BOOT, 5)
  info.writeUInt8(gateway === null && family === AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, 6)
  info.writeUInt8(RTN_UNICAST, 7)
  const body: Uint8Array[] = [info]
  if (prefix > 0) body.push(attribute(RTA_DST, destination))
  body.push(attribute(RTA_OIF, u32(index)))
  if (gateway !== null) body.push(attribute(RTA_GATEWAY, bytesOf(gateway)))
  if (metric !== null) body.push(attribute(RTA_PRIORITY, u32(metric)))
  return message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sequence, body)
}

/** The message that asks for a change. */
export function encodeChange(change: NetChange, sequence: number): Uint8Array {
  switch (change.kind) {
    case 'link': return linkMessage(change, sequence)
    case 'new-link': return newLinkMessage(change, sequence)
    case 'address': return addressMessage(change, sequence)
    case 'route': return routeMessage(change, sequence)
  }
}

/** The errno (0 for success) that answers this sequence number, among the messages of a packet; null: it is not there. */
export function answerOf(packet: Uint8Array, sequence: number): number | null {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length)
  for (let at = 0; at + HEADER_BYTES + 4 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    if (length < HEADER_BYTES) return null
    if (bytes.readUInt16LE(at + 4) === NLMSG_ERROR && bytes.readUInt32LE(at + 8) === sequence) return -bytes.readInt32LE(at + HEADER_BYTES)
    at += (length + 3) & ~3
  }
  return null
}

/** How a change is told to a person: as ip(8) would have it. */
export function changeText(change: NetChange, device: string): string {
  switch (change.kind) {
    case 'link': {
      const parts = [change.name === undefined ? '' : `name ${change.name}`, change.mac === undefined ? '' : `address ${change.mac}`,
        change.mtu === undefined ? '' : `mtu ${change.mtu}`, change.master === undefined ? '' : `master ${change.master}`, change.up === undefined ? '' : change.up ? 'up' : 'down']
      return `ip link set ${device} ${parts.filter((part) => part !== '').join(' ')}`
    }
    case 'new-link': return `ip link add ${change.name} ${change.on === null ? '' : `link ${device} `}type ${change.type}${change.on === null ? '' : ` id ${change.on.id}`}`
    case 'address': return `ip address add ${change.address}${change.peer === null ? '' : ` peer ${change.peer}`}/${change.prefix} dev ${device}`
    case 'route': return `ip route add ${change.to}/${change.prefix}${change.gateway === null ? '' : ` via ${change.gateway}`} dev ${device}`
  }
}
