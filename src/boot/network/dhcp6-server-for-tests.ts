// A DHCPv6 server of one address for a test: `node dhcp6-server-for-tests.ts DEVICE ADDRESS DNS`. Says 'ready', and answers until
// it is killed. Solicit is answered by Advertise, Request by Reply, each with an address and a name server.
// RFC 8415: messages 1, 2, 3, 7; options 1 (client), 2 (server), 3 (IA_NA), 5 (address), 23 (DNS, RFC 3646).
import { createSocket } from 'node:dgram'
import { addressBytes } from './ip-address.ts'

const [device = '', address = '', dns = ''] = process.argv.slice(2)
const ANSWERS = new Map([[1, 2], [3, 7]])
const LIFETIME_S = 1800

function option(code: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(4)
  head.writeUInt16BE(code, 0)
  head.writeUInt16BE(body.length, 2)
  return Buffer.concat([head, body])
}

function number(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, at) => bytes.writeUInt32BE(value, 4 * at))
  return bytes
}

function optionOf(message: Buffer, code: number): Buffer | null {
  for (let at = 4; at + 4 <= message.length; at += 4 + message.readUInt16BE(at + 2)) {
    if (message.readUInt16BE(at) === code) return message.subarray(at + 4, at + 4 + message.readUInt16BE(at + 2))
  }
  return null
}

const socket = createSocket({ type: 'udp6', reuseAddr: true })
socket.on('message', (message, from) => {
  const [client, association] = [optionOf(message, 1), optionOf(message, 3)]
  const type = ANSWERS.get(message[0] ?? 0)
  if (client === null || association === null || type === undefined) return
  const given = option(5, addressBytes(address) ?? new Uint8Array(16), number(LIFETIME_S, LIFETIME_S))
  socket.send(Buffer.concat([
    Buffer.from([type]), message.subarray(1, 4),
    option(1, client), option(2, Buffer.from('00030001020000000001', 'hex')),
    option(3, association.subarray(0, 4), number(0, 0), given),
    option(23, addressBytes(dns) ?? new Uint8Array(16)),
  ]), from.port, from.address)
})
socket.bind(547, '::', () => {
  socket.addMembership('ff02::1:2', `::%${device}`)
  process.stdout.write('ready\n')
})
