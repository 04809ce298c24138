// The firmware's table of iSCSI as sysfs shows it: files as drivers/firmware/iscsi_ibft.c writes them, on a modelled
// kernel, since no virtual machine here has such a firmware.
import t from 'tap'
import { FakeDeviceKernel } from '../devices/fake-kernel-for-tests.ts'
import { firmwareInterfaces, wantedInterfaces, wantedLinks } from './firmware-table.ts'
import { DHCP_ANYWHERE } from './parse-ip.ts'

type Files = Readonly<Record<string, string>>

function machine(...interfaces: readonly Files[]): FakeDeviceKernel {
  const kernel = new FakeDeviceKernel().add({ '/sys/firmware/ibft/initiator/initiator-name': 'iqn.2026-11.test:me\n', '/sys/firmware/ibft/target0/ip-addr': '10.0.2.2\n' })
  interfaces.forEach((files, at) => {
    for (const [name, text] of Object.entries(files)) kernel.add({ [`/sys/firmware/ibft/ethernet${at}/${name}`]: `${text}\n` })
  })
  return kernel
}

const FIXED: Files = {
  index: '0', flags: '3', 'ip-addr': '10.0.2.15', 'subnet-mask': '255.255.254.0', origin: '1', gateway: '10.0.2.2', 'primary-dns': '10.0.2.3',
  'secondary-dns': '0.0.0.0', dhcp: '0.0.0.0', vlan: '0', mac: '52:54:00:12:34:56',
}
const LEASED: Files = { ...FIXED, origin: '3', dhcp: '10.0.2.2', mac: '52:54:00:12:34:57' }

t.test('an address, DHCP, and what is not valid', async (t) => {
  t.same(firmwareInterfaces(machine(FIXED)), [{
    ...DHCP_ANYWHERE, device: '52:54:00:12:34:56', method: 'off', address: { address: '10.0.2.15', prefix: 23 }, gateway: '10.0.2.2', dns: ['10.0.2.3'],
  }])
  t.same(firmwareInterfaces(machine(LEASED)), [{ ...DHCP_ANYWHERE, device: '52:54:00:12:34:57' }])
  t.match(firmwareInterfaces(machine({ ...FIXED, 'ip-addr': '2001:db8::15', 'prefix-len': '48', gateway: '2001:db8::1' })), [{ address: { prefix: 48 }, gateway: '2001:db8::1' }])
  t.match(firmwareInterfaces(machine({ ...FIXED, 'subnet-mask': '' })), [{ address: { prefix: 8 } }])
  t.same(firmwareInterfaces(machine({ ...FIXED, flags: '0' })), [])
  t.same(firmwareInterfaces(machine({ ...FIXED, mac: 'nonsense' })), [])
  t.match(firmwareInterfaces(machine({ ...FIXED, 'ip-addr': '0.0.0.0' })), [{ method: 'dhcp' }])
  t.same(firmwareInterfaces(new FakeDeviceKernel()), [])
})

t.test('the one that was booted by, ip= before it, and DHCP without a table', async (t) => {
  const both = machine({ ...FIXED, flags: '1' }, LEASED)
  t.match(firmwareInterfaces(both).map(({ device }) => device), ['52:54:00:12:34:57'])
  t.equal(firmwareInterfaces(machine({ ...FIXED, flags: '1' }, { ...LEASED, flags: '1' })).length, 2)
  const iscsi = { firmware: true, initiator: null, targetName: null, targetIp: null, targetPort: null, targetGroup: 1, lun: null, user: null, password: null, inUser: null, inPassword: null, parameters: [] }
  t.match(wantedInterfaces(both, { interfaces: [], iscsi }), [{ device: '52:54:00:12:34:57' }])
  t.same(wantedInterfaces(both, { interfaces: [], iscsi: { ...iscsi, firmware: false } }), [DHCP_ANYWHERE])
  t.same(wantedInterfaces(both, { interfaces: [{ ...DHCP_ANYWHERE, device: 'eth1' }], iscsi }), [{ ...DHCP_ANYWHERE, device: 'eth1' }])
  const tagged = machine(FIXED, { ...FIXED, flags: '1', vlan: '3' }, { ...LEASED, vlan: '7' })
  t.match(wantedInterfaces(tagged, { interfaces: [], iscsi }), [{ device: '52:54:00:12:34:56' }, { device: 'ibft2.7', method: 'dhcp' }])
  t.same(wantedLinks(tagged, { interfaces: [], links: [], iscsi }), [{ kind: 'vlan', name: 'ibft2.7', ports: ['52:54:00:12:34:57'], id: 7 }], 'a VLAN of the firmware')
  t.same(wantedLinks(tagged, { interfaces: [DHCP_ANYWHERE], links: [], iscsi }), [])
  t.same(wantedInterfaces(new FakeDeviceKernel(), { interfaces: [], iscsi }), [DHCP_ANYWHERE])
})
