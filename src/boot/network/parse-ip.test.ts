// ip=, rd.route= and ifname= in every form of nfsroot.rst and dracut.cmdline(7), and whatever else a person or a boot
// loader may write: never an exception.
import t from 'tap'
import fc from 'fast-check'
import { addressBytes, broadcastOf, contains, familyOf, maskOf, parseMac, parsePrefixed, prefixOf, splitFields } from './ip-address.ts'
import { DHCP_ANYWHERE, parseIfname, parseIp, parseRoute } from './parse-ip.ts'
import type { InterfaceRequest } from './parse-ip.ts'

t.test('addresses', async (t) => {
  t.same([...(addressBytes('10.0.2.15') ?? [])], [10, 0, 2, 15])
  t.same([...(addressBytes('2001:db8::1') ?? [])], [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  t.same([...(addressBytes('::') ?? [])], Array.from({ length: 16 }, () => 0))
  t.same([...(addressBytes('::ffff:1.2.3.4') ?? [])].slice(10), [255, 255, 1, 2, 3, 4])
  t.equal(familyOf('1:2:3:4:5:6:7:8'), 6)
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '1.2.3.x', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', 'g::', '1.2.3.4::', '::1%eth0']) {
    t.equal(addressBytes(text), null, text)
  }
  t.same(['255.255.255.0', '24', '0', '255.0.255.0', '33', '255.255.255.255'].map((mask) => prefixOf(mask, 4)), [24, 24, 0, null, null, 32])
  t.same([0, 8, 23, 24, 32].map(maskOf), ['0.0.0.0', '255.0.0.0', '255.255.254.0', '255.255.255.0', '255.255.255.255'])
  t.equal(broadcastOf({ address: '10.0.2.15', prefix: 23 }), '10.0.3.255')
  t.equal(broadcastOf({ address: '10.0.2.15', prefix: 31 }), null)
  t.ok(contains({ address: '10.0.2.15', prefix: 24 }, '10.0.2.2'))
  t.notOk(contains({ address: '10.0.2.15', prefix: 24 }, '10.0.3.2'))
  t.ok(contains({ address: '10.0.2.15', prefix: 23 }, '10.0.3.2'))
  t.ok(contains({ address: '2001:db8::5', prefix: 64 }, '2001:db8::1'))
  t.same(parsePrefixed('10.0.0.0/8'), { address: '10.0.0.0', prefix: 8 })
  t.same(parsePrefixed('10.0.0.1'), { address: '10.0.0.1', prefix: 32 })
  t.equal(parsePrefixed('10.0.0.0/8/9'), null)
  t.same(splitFields('[2001:db8::1]::[fe80::1]:64'), ['2001:db8::1', '', 'fe80::1', '64'])
  t.equal(parseMac('52-54-00-AB-cd-01'), '52:54:00:ab:cd:01')
  t.equal(parseMac('52:54:00:ab:cd'), null)
})

t.test('ip= as the kernel and dracut have it', async (t) => {
  const cases: readonly (readonly [string, Partial<InterfaceRequest>])[] = [
    ['dhcp', {}], ['on', {}], ['any', {}], ['both', {}], ['off', { method: 'off' }], ['none', { method: 'off' }],
    ['dhcp6', { method: 'dhcp6' }], ['auto6', { method: 'auto6' }], ['either6', { method: 'either6' }], ['link6', { method: 'link6' }],
    ['eth0:dhcp', { device: 'eth0' }],
    ['eth0.5:auto6', { device: 'eth0.5', method: 'auto6' }],
    ['eth0:dhcp:1400', { device: 'eth0', mtu: 1400 }],
    ['eth0:dhcp:1400:52:54:00:12:34:56', { device: 'eth0', mtu: 1400, mac: '52:54:00:12:34:56' }],
    ['eth0:dhcp::52-54-00-12-34-56', { device: 'eth0', mac: '52:54:00:12:34:56' }],
    ['52-54-00-12-34-56:dhcp', { device: '52:54:00:12:34:56' }],
    ['52:54:00:12:34:56:dhcp', { device: '52:54:00:12:34:56' }],
    [':::::eth0:dhcp', { device: 'eth0' }],
    ['::::host::dhcp', { hostname: 'host' }],
    ['10.0.2.15', { method: 'off', address: { address: '10.0.2.15', prefix: 8 } }],
    ['192.168.1.5:::', { method: 'off', address: { address: '192.168.1.5', prefix: 24 } }],
    ['10.0.2.15::10.0.2.2:255.255.255.0:guest:eth0:off', { method: 'off', address: { address: '10.0.2.15', prefix: 24 }, gateway: '10.0.2.2', hostname: 'guest', device: 'eth0' }],
    ['10.0.2.15:10.0.2.9:10.0.2.2:24:guest:eth0', { method: 'off', address: { address: '10.0.2.15', prefix: 24 }, server: '10.0.2.9', gateway: '10.0.2.2', hostname: 'guest', device: 'eth0' }],
    ['10.0.2.15::10.0.2.2:255.255.255.0::eth0:none:1500', { method: 'off', address: { address: '10.0.2.15', prefix: 24 }, gateway: '10.0.2.2', device: 'eth0', mtu: 1500 }],
    ['10.0.2.15::10.0.2.2:255.255.255.0::eth0:none:8.8.8.8:8.8.4.4', { method: 'off', address: { address: '10.0.2.15', prefix: 24 }, gateway: '10.0.2.2', device: 'eth0', dns: ['8.8.8.8', '8.8.4.4'] }],
    ['10.0.2.15::10.0.2.2:255.255.255.0::eth0:none::8.8.4.4:10.0.2.7', { method: 'off', address: { address: '10.0.2.15', prefix: 24 }, gateway: '10.0.2.2', device: 'eth0', dns: ['8.8.4.4'], ntp: ['10.0.2.7'] }],
    ['[2001:db8::5]::[2001:db8::1]:64::eth0:none:[2001:db8::53]', { method: 'off', address: { address: '2001:db8::5', prefix: 64 }, gateway: '2001:db8::1', device: 'eth0', dns: ['2001:db8::53'] }],
    ['[2001:db8::5/56]::[fe80::1]:::eth0:none', { method: 'off', address: { address: '2001:db8::5', prefix: 56 }, gateway: 'fe80::1', device: 'eth0' }],
    ['192.168.7.2:192.168.7.1::255.255.255.255::usb0:none', { method: 'off', address: { address: '192.168.7.2', prefix: 32 }, server: '192.168.7.1', device: 'usb0' }],
  ]
  for (const [text, wanted] of cases) t.same(parseIp(text), { value: { ...DHCP_ANYWHERE, ...wanted }, error: null }, text)
  for (const text of ['', 'bootp', 'dchp', 'ibft', 'eth0:dhcpp', 'eth0:dhcp:12', 'eth0:dhcp:fast', 'eth0:dhcp:1500:52:54', '10.0.2.300::::::off', '10.0.2.1:::300', 'a/b:dhcp',
    '2001:db8::5::2001:db8::1:64::eth0:none', '10.0.2.15:server::24::eth0:off', '10.0.2.15::gw:24::eth0:off', 'averyverylonginterface:dhcp']) {
    const { error } = parseIp(text)
    t.ok(error !== null && error !== '', `'${text}': ${String(error)}`)
  }
})

t.test('routes and names', async (t) => {
  t.same(parseRoute('192.168.2.0/24:192.168.2.1:eth1').value, { to: { address: '192.168.2.0', prefix: 24 }, gateway: '192.168.2.1', device: 'eth1' })
  t.same(parseRoute('192.168.2.7:192.168.2.1').value, { to: { address: '192.168.2.7', prefix: 32 }, gateway: '192.168.2.1', device: null })
  t.same(parseRoute('[2001:db8:3::/48]:[2001:db8::1]:ens3').value, { to: { address: '2001:db8:3::', prefix: 48 }, gateway: '2001:db8::1', device: 'ens3' })
  t.same(parseRoute('0.0.0.0/0::eth0').value, { to: { address: '0.0.0.0', prefix: 0 }, gateway: null, device: 'eth0' })
  for (const text of ['', '10.0.0.0/8', 'x:y', '10.0.0.0/8:fe80', '10.0.0.0/8:10.0.0.1:eth0:more']) t.ok(parseRoute(text).error, text)
  t.same(parseIfname('lan:52:54:00:12:34:56').value, { name: 'lan', mac: '52:54:00:12:34:56' })
  for (const text of ['lan', 'lan:52:54', ':52:54:00:12:34:56']) t.ok(parseIfname(text).error, text)
})

t.test('nothing that is written makes it throw', async (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom('eth0', 'dhcp', '10.0.2.1', '', '[', ']', '1500', 'fe80::1')).map((parts) => parts.join(':'))), (text) => {
    for (const parse of [parseIp, parseRoute, parseIfname]) {
      const { value, error } = parse(text)
      if ((value === null) === (error === null)) return false
    }
    return true
  }))
  t.pass()
})
