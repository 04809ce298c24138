// What hooks of 'netroot' are asked about, and which program gets a root that fulcrum does not know.

import t from 'tap'
import { parseCommandLine } from '../../facts/cmdline.ts'
import type { Lease } from '../network/parse-lease.ts'
import { readParameters } from '../parameters.ts'
import { handlerName, offeredRoot } from './root-by-netroot.ts'

const lease: Lease = {
  address: { address: '10.0.2.15', prefix: 24 }, broadcast: null, routers: [], routes: [], dns: [], ntp: [], domain: null, search: [], hostname: null, mtu: null,
  rootPath: null, server: null, bootServer: null, leaseS: 0,
}
type One = Parameters<typeof offeredRoot>[1][number]
const eth0: One = { name: 'eth0', address: '10.0.2.15', lease: null }
const silent: One = { name: 'eth9', address: null, lease: null }

t.test('what they find in $netroot, and the interface', async (t) => {
  const offer = (line: string, connections: readonly One[] = [silent, eth0]): unknown =>
    offeredRoot(readParameters(parseCommandLine(line)).values, connections)
  t.same(offer('root=nfs:10.0.2.2:/srv'), { text: 'nfs:10.0.2.2:/srv', device: 'eth0' })
  t.same(offer('root=LABEL=x netroot=mine:a:b'), { text: 'mine:a:b', device: 'eth0' })
  t.same(offer('root=/dev/nfs nfsroot=10.0.2.2:/srv,ro'), { text: 'nfs:10.0.2.2:/srv,ro', device: 'eth0' })
  t.same(offer('root=dhcp'), { text: '', device: 'eth0' }, 'nobody told')
  t.same(offer('root=dhcp', [eth0, { ...silent, lease: { ...lease, rootPath: '1.2.3.4:/srv' } }]), { text: '1.2.3.4:/srv', device: 'eth9' }, 'who told')
  t.equal(offer('root=LABEL=x rd.neednet=1'), null, 'the network is not for the root')
  t.equal(offer('root=nfs:10.0.2.2:/srv', []), null, 'there is no network')
})

t.test('programs for what fulcrum does not know', async (t) => {
  const names = ['mine:x', 'cifs://server/share', 'live4:x', 'nfs:1.2.3.4:/srv', 'nfs4:x:/', 'nbd:x:1', 'iscsi:', 'iscsi:bad', 'dhcp', '', '../x:y'].map(handlerName)
  t.same(names, ['mineroot', 'cifsroot', 'liveroot', null, null, null, null, null, null, null, null])
})
