// The words about the network: what they mean, bad ones, and that an empty one forgets.
import t from 'tap'
import { parseCommandLine, withSettings } from '../../facts/cmdline.ts'
import { readParameters } from '../parameters.ts'
import type { NetworkWords } from './network-words.ts'

const read = (text: string): NetworkWords => readParameters(parseCommandLine(text)).values.network
const problems = (text: string): number => readParameters(parseCommandLine(text)).problems.length

t.test('defaults', async (t) => {
  const nothing = read('')
  t.match(nothing, { interfaces: [], routes: [], nameservers: [], peerDns: true, isNeeded: false, names: [], bootDevice: null, netroot: null, nfsroot: null, nbdroot: null, links: [], unsupported: [] })
  t.match(nothing, { interfaceMs: 60_000, linkMs: 10_000, dhcpMs: 20_000, dhcpTries: 3, iscsi: { initiator: null, targetGroup: 1, firmware: false, parameters: [] } })
})

t.test('each word', async (t) => {
  t.same(read('ip=eth0:dhcp ip=eth1:off').interfaces.map(({ device, method }) => [device, method]), [['eth0', 'dhcp'], ['eth1', 'off']])
  t.same(read('ip=eth9:dhcp ip= ip=eth0:dhcp').interfaces.map(({ device }) => device), ['eth0'], 'an empty one forgets')
  const set = withSettings(parseCommandLine('ip=eth9:dhcp ip=eth8:dhcp'), { ip: 'eth0:dhcp' })
  t.same(readParameters(set).values.network.interfaces.map(({ device }) => device), ['eth0'], 'one set at the console replaces them')
  t.equal(read('rd.route=10.0.0.0/8:10.0.2.2 rd.route=[2001:db8::/32]:[fe80::1]:eth0').routes.length, 2)
  t.same(read('nameserver=10.0.2.3 nameserver=[2001:db8::53] nameserver=x').nameservers, ['10.0.2.3', '2001:db8::53'])
  t.same(read('ifname=lan:52:54:00:12:34:56').names, [{ name: 'lan', mac: '52:54:00:12:34:56' }])
  t.equal(read('bootdev=eth1').bootDevice, 'eth1')
  t.equal(read('BOOTIF=01-52-54-00-12-34-56').bootDevice, '52:54:00:12:34:56')
  t.equal(read('rd.neednet').isNeeded, true)
  t.equal(read('rd.peerdns=0').peerDns, false)
  t.same(read('vlan=eth0.5:eth0 bond=bond0 bridge=br0:eth2').links.map(({ name }) => name), ['bond0', 'br0', 'eth0.5'])
  t.same(read('team=team0:eth0').unsupported, ['team=team0:eth0'])
  t.match(read('rd.net.timeout.iflink=0.5 rd.net.timeout.carrier=3 rd.net.timeout.dhcp=7 rd.net.dhcp.retry=0'), { interfaceMs: 500, linkMs: 3000, dhcpMs: 7000, dhcpTries: 1 })
  t.match(read('rd.iscsi.ibft rd.iscsi.param=node.x=1 rd.iscsi.target.group=3').iscsi, { firmware: true, parameters: ['node.x=1'], targetGroup: 3 })
})

t.test('bad ones are told', async (t) => {
  t.equal(problems('vlan=eth0 bond=b:x/y bond ip=eth0:dchp rd.route=x nameserver=y ifname=lan BOOTIF=z rd.net.timeout.dhcp=soon ip'), 10)
  t.same(read('ip=eth0:dchp').interfaces, [])
  for (const good of ['dhcp', 'dhcp6', 'iscsi:', 'nfs:10.0.2.2:/root', 'nbd:host:1', 'mine:one', 'cifs://host/share', '"nfs:/a"']) t.equal(problems(`netroot=${good}`), 0, good)
  for (const bad of ['foo', 'nfs:host:root', 'iscsi:host::::disk']) {
    t.equal(problems(`netroot=${bad}`), 1, bad)
    t.equal(read(`netroot=${bad}`).netroot, bad, 'a hook may know it')
  }
  t.notMatch(JSON.stringify(readParameters(parseCommandLine('netroot=iscsi:u:secret@host::::disk')).problems), /secret/)
})
