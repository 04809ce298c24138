// What is done to an interface, as changes and as the bytes that the kernel gets; names as udev would give them; the
// files for those who come later.
import t from 'tap'
import { candidates, findInterface, pciAddress, predictableNames } from './interface-names.ts'
import type { Interface } from './interface-names.ts'
import { netConf, networkdFile, resolvConf } from './network-files.ts'
import type { Connection } from './network-files.ts'
import { DHCP_ANYWHERE, parseIp, parseRoute } from './parse-ip.ts'
import type { InterfaceRequest, RouteRequest } from './parse-ip.ts'
import { parseLease } from './parse-lease.ts'
import type { Lease } from './parse-lease.ts'
import { networkAddress, planAddresses, planLink } from './plan-interface.ts'
import { answerOf, changeText, encodeChange } from './rtnetlink.ts'

const card: Interface = {
  name: 'eth0', index: 2, mac: '52:54:00:12:34:56', hasCarrier: null, devicePath: '/sys/devices/pci0000:00/0000:00:03.0/virtio0', onboard: null, slot: '3', port: '0', master: null,
}

function ip(text: string): InterfaceRequest {
  const { value } = parseIp(text)
  if (value === null) throw new Error(text)
  return value
}

function lease(text: string): Lease {
  const value = parseLease(text)
  if (value === null) throw new Error(text)
  return value
}

function route(text: string): RouteRequest {
  const { value } = parseRoute(text)
  if (value === null) throw new Error(text)
  return value
}

const lines = (request: InterfaceRequest, given: Lease | null = null, routes: readonly RouteRequest[] = []): string[] =>
  planAddresses(2, request, given, routes).map((change) => changeText(change, 'eth0'))

t.test('links', async (t) => {
  t.same(planLink(card, DHCP_ANYWHERE, 'eth0'), [{ kind: 'link', index: 2, up: true }])
  t.same(planLink(card, ip('eth0:dhcp:1400:02:00:00:00:00:01'), 'lan'), [{ kind: 'link', index: 2, name: 'lan', mac: '02:00:00:00:00:01', mtu: 1400 }, { kind: 'link', index: 2, up: true }])
})

t.test('addresses and routes', async (t) => {
  t.same(lines(ip('10.0.2.15::10.0.2.2:24::eth0:off')), ['ip address add 10.0.2.15/24 dev eth0', 'ip route add 0.0.0.0/0 via 10.0.2.2 dev eth0'])
  t.same(lines(ip('10.0.2.15::10.9.9.9:24::eth0:off')).slice(1), ['ip route add 10.9.9.9/32 dev eth0', 'ip route add 0.0.0.0/0 via 10.9.9.9 dev eth0'], 'a gateway outside of the network')
  t.same(lines(ip('192.168.7.2:192.168.7.1::255.255.255.255::usb0:none')), ['ip address add 192.168.7.2 peer 192.168.7.1/32 dev eth0'])
  t.same(lines(ip('[2001:db8::5]::[fe80::1]:64::eth0:none')), ['ip address add 2001:db8::5/64 dev eth0', 'ip route add 0:0:0:0:0:0:0:0/0 via fe80::1 dev eth0'])
  const simple = lease('ip=10.0.2.15\nmask=24\nrouter=10.0.2.2 10.0.2.9\n')
  t.same(lines(DHCP_ANYWHERE, simple), ['ip address add 10.0.2.15/24 dev eth0', 'ip route add 0.0.0.0/0 via 10.0.2.2 dev eth0'])
  const classless = lease('ip=10.0.2.15\nmask=24\nrouter=10.0.2.2\nstaticroutes=0.0.0.0/0 10.0.2.7 10.9.1.1/16 0.0.0.0\n')
  t.same(lines(DHCP_ANYWHERE, classless).slice(1), ['ip route add 0.0.0.0/0 via 10.0.2.7 dev eth0', 'ip route add 10.9.0.0/16 dev eth0'], 'RFC 3442: routers do not count')
  t.same(lines({ ...DHCP_ANYWHERE, gateway: '10.0.2.5' }, classless).slice(1), ['ip route add 0.0.0.0/0 via 10.0.2.5 dev eth0', 'ip route add 10.9.0.0/16 dev eth0'], 'the command line wins')
  t.same(lines(ip('10.0.2.15:::24::eth0:off'), null, [route('10.7.0.0/16:10.0.2.3')]).slice(1), ['ip route add 10.7.0.0/16 via 10.0.2.3 dev eth0'])
  t.equal(networkAddress({ address: '10.1.2.3', prefix: 12 }), '10.0.0.0')
})

t.test('messages', async (t) => {
  const [address, gateway] = planAddresses(2, ip('10.0.2.15::10.0.2.2:24::eth0:off'), null, [])
  if (address === undefined || gateway === undefined) throw new Error('no plan')
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  t.equal(hex(encodeChange(address, 7)), '30000000' + '1400' + '0505' + '07000000' + '00000000' + '02180000' + '02000000' + '080002000a00020f' + '080001000a00020f' + '080004000a0002ff')
  t.equal(hex(encodeChange(gateway, 8)), '2c000000' + '1800' + '0505' + '08000000' + '00000000' + '02000000' + 'fe030001' + '00000000' + '0800040002000000' + '080005000a000202')
  t.equal(hex(encodeChange({ kind: 'link', index: 2, up: true }, 1)), '20000000' + '1000' + '0500' + '01000000' + '00000000' + '00000000' + '02000000' + '01000000' + '01000000')
  const answer = Buffer.alloc(36)
  answer.writeUInt32LE(36, 0)
  answer.writeUInt16LE(2, 4)
  answer.writeUInt32LE(7, 8)
  answer.writeInt32LE(-17, 16)
  t.equal(answerOf(answer, 7), 17)
  t.equal(answerOf(answer, 8), null)
  t.equal(answerOf(Buffer.alloc(20), 0), null, 'nothing')
})

t.test('names', async (t) => {
  t.same(predictableNames(card), ['enx525400123456', 'enp0s3', 'ens3', 'enp0s3f0', 'ens3f0'])
  t.same(predictableNames({ ...card, onboard: '1', slot: null, port: '1', devicePath: '/sys/devices/pci0000:00/0000:00:1c.0/0000:02:00.1' }), ['enx525400123456', 'eno1', 'enp2s0f1d1'])
  t.same(predictableNames({ ...card, devicePath: null }), ['enx525400123456'])
  t.match(pciAddress('/sys/devices/pci0001:00/0001:00:1c.0/0001:2a:1f.7/net'), { text: '0001:2a:1f.7', domain: 1, bus: 42, slot: 31, fn: 7 })
  const other: Interface = { ...card, name: 'eth1', index: 3, mac: '52:54:00:00:00:01', hasCarrier: true, devicePath: null, slot: null }
  for (const name of ['eth0', 'enp0s3', 'ens3', '52:54:00:12:34:56', 'enx525400123456']) t.equal(findInterface([other, card], name), card, name)
  t.equal(findInterface([other, card], 'eno1'), undefined)
  t.same(candidates([card, other], DHCP_ANYWHERE, null), [other, card], 'a link first')
  t.same(candidates([card, other], DHCP_ANYWHERE, card.mac), [card, other], 'bootdev= before it')
  t.same(candidates([{ ...card, master: 9 }, other], DHCP_ANYWHERE, null), [other], 'a port of a bond is none')
})

t.test('files', async (t) => {
  const one: Connection = { name: 'eth0', index: 2, mac: card.mac, request: DHCP_ANYWHERE, address: '10.0.2.15', lease: lease("ip=10.0.2.15\nmask=24\nrouter=10.0.2.2\ndns=10.0.2.3\ndomain=example.org\nlease=60\nrootpath=/a'b\n") }
  t.equal(resolvConf([one], ['10.0.2.9', '10.0.2.3'], true), 'search example.org\nnameserver 10.0.2.9\nnameserver 10.0.2.3\n')
  t.equal(resolvConf([one], [], false), null)
  const conf = netConf(one, 5)
  for (const line of ["DEVICE='eth0'", "PROTO='dhcp'", "IPV4ADDR='10.0.2.15'", "IPV4NETMASK='255.255.255.0'", "IPV4BROADCAST='10.0.2.255'", "IPV4GATEWAY='10.0.2.2'", "ROOTPATH='/a'\\''b'", "DHCPLEASETIME='60'", "UPTIME='5'"]) {
    t.ok(conf.includes(`${line}\n`), line)
  }
  t.match(networkdFile([one]), /KeepConfiguration=yes[\s\S]*DHCP=ipv4/)
  t.match(networkdFile([{ ...one, lease: null, request: ip('10.0.2.15::10.0.2.2:24::eth0:off:10.0.2.3') }, { ...one, lease: null }]), /Address=10.0.2.15\/24\nGateway=10.0.2.2\nDNS=10.0.2.3/)
})
