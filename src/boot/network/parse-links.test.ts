// vlan=, bond= and bridge= as dracut has them, in which order the links are made, and the bytes that the kernel gets.
import t from 'tap'
import { inOrder, parseBond, parseBridge, parseVlan } from './parse-links.ts'
import type { LinkRequest } from './parse-links.ts'
import { changeText, encodeChange } from './rtnetlink.ts'

const link = ({ value, error }: { readonly value: LinkRequest | null; readonly error: string | null }): LinkRequest => {
  if (value === null) throw new Error(error ?? '')
  return value
}

t.test('VLANs', async (t) => {
  for (const [name, id] of [['vlan5', 5], ['vlan0005', 5], ['eth0.5', 5], ['eth0.0005', 5], ['bond0.4094', 4094]] as const) {
    t.same(parseVlan(`${name}:eth0`).value, { kind: 'vlan', name, ports: ['eth0'], id }, name)
  }
  t.same(parseVlan('vlan5:52:54:00:12:34:56').value?.ports, ['52:54:00:12:34:56'])
  for (const text of ['vlan5', 'vlan:eth0', 'vlan0:eth0', 'vlan4095:eth0', ':eth0', 'vlan5:eth0,eth1', 'a-name-too-long-5:eth0', 'vlan5:a/b']) t.type(parseVlan(text).error, 'string', text)
})

t.test('bonds and bridges', async (t) => {
  t.same(parseBond('bond0').value, { kind: 'bond', name: 'bond0', ports: ['eth0', 'eth1'], options: [{ name: 'mode', value: 'balance-rr' }], mtu: null })
  t.same(parseBond('lan:enp1s0,enp2s0:updelay=200,miimon=100,mode=802.3ad:9000').value, {
    kind: 'bond', name: 'lan', ports: ['enp1s0', 'enp2s0'], mtu: 9000,
    options: [{ name: 'mode', value: '802.3ad' }, { name: 'miimon', value: '100' }, { name: 'updelay', value: '200' }],
  }, 'the mode first')
  t.same(link(parseBond('b:eth0:mode=1,arp_interval=500,arp_ip_target=10.0.0.1;10.0.0.2')), {
    kind: 'bond', name: 'b', ports: ['eth0'], mtu: null,
    options: [['mode', '1'], ['arp_interval', '500'], ['arp_ip_target', '+10.0.0.1'], ['arp_ip_target', '+10.0.0.2']].map(([name, value]) => ({ name, value })),
  })
  for (const text of ['', 'b:eth0,x y', 'b:eth0:mode', 'b:eth0:../x=1', 'b:eth0::12', 'b:eth0::1500:more']) t.type(parseBond(text).error, 'string', text)
  t.same(parseBridge('br0').value, { kind: 'bridge', name: 'br0', ports: ['eth0'] })
  t.same(parseBridge('br0:eth0,bond0').value, { kind: 'bridge', name: 'br0', ports: ['eth0', 'bond0'] })
  for (const text of ['br0:a/b', 'br0:eth0:more', ':eth0']) t.type(parseBridge(text).error, 'string', text)
})

t.test('what others stand on is made first', async (t) => {
  const [vlan, bond, bridge] = [link(parseVlan('bond0.5:bond0')), link(parseBond('bond0:eth0,eth1')), link(parseBridge('br0:bond0.5'))]
  t.same(inOrder([bridge, vlan, bond]).value, [bond, vlan, bridge])
  t.match(inOrder([vlan, vlan]).error, /'bond0.5' is asked for twice/)
  t.match(inOrder([bond, link(parseBridge('br0:eth1'))]).error, /'eth1' can be a port of one/)
  t.match(inOrder([link(parseVlan('a1:b2')), link(parseVlan('b2:a1'))]).error, /'a1', 'b2' stand on each other/)
})

t.test('messages', async (t) => {
  const hex = (...args: Parameters<typeof encodeChange>): string => Buffer.from(encodeChange(...args)).toString('hex')
  const none = '00'.repeat(16)
  const vlan = { kind: 'new-link', name: 'v5', type: 'vlan', on: { index: 2, id: 5 } } as const
  t.equal(hex(vlan, 1), '48000000' + '1000' + '0506' + '01000000' + '00000000' + none + '07000300' + '76350000' + '0800050002000000'
    + '18001200' + '08000100766c616e' + '0c000200' + '0600010005000000')
  t.equal(hex({ kind: 'new-link', name: 'b0', type: 'bond', on: null }, 1).slice(64), '07000300' + '62300000' + '0c001200' + '08000100626f6e64')
  t.equal(hex({ kind: 'link', index: 2, master: 7 }, 1).slice(64), '08000a0007000000')
  t.equal(changeText(vlan, 'eth0'), 'ip link add v5 link eth0 type vlan id 5')
  t.equal(changeText({ kind: 'new-link', name: 'b0', type: 'bond', on: null }, ''), 'ip link add b0 type bond')
  t.equal(changeText({ kind: 'link', index: 2, master: 7 }, 'eth0'), 'ip link set eth0 master 7')
})
