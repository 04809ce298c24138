// The real kernel in a network namespace of its own: rtnetlink as it answers, interfaces as sysfs shows them, a lease
// of busybox's udhcpd with every option that is used, and whether somebody listens. Nothing of it reaches the machine.
import t from 'tap'
import { join } from 'node:path'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureStorageTools } from '../../../scripts/setup/debian-tree.ts'
import { Trace } from '../../execute/trace.ts'
import { isErrno } from '../../kernel/errors.ts'
import { createKoffiKernel } from '../../kernel/koffi-kernel.ts'
import { MS_BIND, MS_NODEV } from '../../abi/mount.ts'
import { askDhcp } from './dhcp.ts'
import { addressBytes } from './ip-address.ts'
import { makeLinks } from './make-links.ts'
import { NetworkWatch } from './network-watch.ts'
import { DHCP_ANYWHERE, parseIp } from './parse-ip.ts'
import { parseBridge, parseVlan } from './parse-links.ts'
import { planAddresses, planLink } from './plan-interface.ts'
import { readInterfaces } from './read-interfaces.ts'
import { RouteSocket } from './route-socket.ts'
import type { NetChange } from './rtnetlink.ts'

if (process.env['FULCRUM_NETWORK'] === undefined) {
  const inside = ['--mount', '--net', '--propagation', 'private', process.execPath, import.meta.filename]
  const { status } = spawnSync('unshare', inside, { stdio: 'inherit', env: { ...process.env, FULCRUM_NETWORK: ensureStorageTools() } })
  process.exit(status ?? 1)
}

const kernel = createKoffiKernel()
const trace = new Trace(() => kernel.monotonicUs())

/** Runs ip(8) of busybox in this namespace: children inherit it. */
function ip(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('busybox', ['ip', ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
  return stdout
}

ip('link', 'set', 'lo', 'up')
const server = createServer((connection) => connection.destroy())
await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', () => resolve()) })
t.teardown(() => { server.close() })
const bound = server.address()
const port = typeof bound === 'object' && bound !== null ? bound.port : 0

await t.test('somebody listens, or nobody', async (t) => {
  kernel.probeTcp(Uint8Array.of(127, 0, 0, 1), port, 60_000)
  t.pass('a server')
  const refused = (address: string): unknown => {
    try {
      kernel.probeTcp(addressBytes(address) ?? new Uint8Array(4), 1, 500)
      return null
    } catch (error) {
      return error
    }
  }
  t.ok(isErrno(refused('127.0.0.1'), 'ECONNREFUSED'))
  t.ok(isErrno(refused('::1'), 'ECONNREFUSED', 'EADDRNOTAVAIL'), String(refused('::1')))
})

kernel.mount('tmpfs', '/run', 'tmpfs', MS_NODEV, 'mode=0755')
// sysfs shows the network namespace of whoever mounted it.
kernel.mount('sysfs', '/sys', 'sysfs', 0, null)
const socket = new RouteSocket(kernel)
const apply = (changes: readonly NetChange[], device: string): void => { for (const change of changes) socket.apply(change, device) }

await t.test('links, addresses and routes as the kernel takes them', async (t) => {
  ip('link', 'add', 'lan0', 'type', 'veth')
  const all = readInterfaces(kernel)
  const [lan, far] = [all.find((one) => one.name === 'lan0'), all.find((one) => one.name !== 'lan0')]
  if (lan === undefined || far === undefined) throw new Error('no interfaces')
  t.same([all.length, lan.hasCarrier, lan.devicePath], [2, null, null])
  const { value: request } = parseIp('10.0.9.2::10.0.8.1:24::lan0:off:1400:02:00:00:00:00:09')
  if (request === null) throw new Error('no request')
  apply(planLink(lan, request, 'enp0s9'), 'lan0')
  apply([{ kind: 'link', index: far.index, name: 'far0' }, { kind: 'link', index: far.index, up: true }], far.name)
  const watch = new NetworkWatch(kernel, { loadForDevice: () => 0 })
  const up = watch.until(() => readInterfaces(kernel).find((one) => one.name === 'enp0s9' && one.hasCarrier === true) ?? null, 60_000)
  watch.close()
  t.match(up, { mac: '02:00:00:00:00:09', index: lan.index })
  apply(planAddresses(lan.index, request, null, [{ to: { address: '10.7.0.0', prefix: 16 }, gateway: '10.0.9.1', device: null }]), 'enp0s9')
  t.match(ip('addr', 'show', 'dev', 'enp0s9'), /mtu 1400[\s\S]*inet 10\.0\.9\.2\/24 brd 10\.0\.9\.255 scope global enp0s9/)
  const routes = ip('route')
  for (const route of [/^default via 10\.0\.8\.1 dev enp0s9/m, /^10\.0\.8\.1 dev enp0s9/m, /^10\.7\.0\.0\/16 via 10\.0\.9\.1 dev enp0s9/m]) t.match(routes, route)
  apply(planAddresses(lan.index, request, null, []), 'enp0s9')
  t.pass('the same again')
  const six = parseIp('[2001:db8::5]::[2001:db8::1]:64::lan0:none').value
  if (six === null) throw new Error('no request')
  apply(planAddresses(lan.index, six, null, []), 'enp0s9')
  t.match(ip('-6', 'addr', 'show', 'dev', 'enp0s9'), /inet6 2001:db8::5\/64 scope global/)
  t.match(ip('-6', 'route'), /default via 2001:db8::1/)
  t.throws(() => apply([{ kind: 'route', index: lan.index, to: '10.6.0.0', prefix: 16, gateway: '172.16.0.1', metric: null, fromDhcp: false }], 'enp0s9'), {
    message: 'rtnetlink(ip route add 10.6.0.0/16 via 172.16.0.1 dev enp0s9): ENETUNREACH (Network is unreachable)',
  })
})

await t.test('a lease, with all that is asked for', async (t) => {
  ip('addr', 'add', '10.0.3.1/24', 'dev', 'far0')
  writeFileSync('/run/udhcpd.conf', `start 10.0.3.20
end 10.0.3.20
interface far0
lease_file /run/udhcpd.leases
pidfile /run/udhcpd.pid
siaddr 10.0.3.7
opt subnet 255.255.255.0
opt router 10.0.3.1
opt dns 10.0.3.3 10.0.3.4
opt domain example.org
opt search a.example b.example
opt hostname leased
opt mtu 1300
opt rootpath 10.0.3.1:/export
opt staticroutes 10.5.0.0/16 10.0.3.9, 0.0.0.0/0 10.0.3.1
opt ntpsrv 10.0.3.5
opt lease 3600
`)
  writeFileSync('/run/udhcpd.leases', '')
  const dhcpd = spawn('busybox', ['udhcpd', '-f', '-S', '/run/udhcpd.conf'], { stdio: 'ignore' })
  t.teardown(() => { dhcpd.kill('SIGKILL') })
  await sleep(200)
  const lease = askDhcp({ kernel, trace }, { device: 'enp0s9', family: 4, hostname: 'me', timeoutMs: 120_000 })
  t.match(lease, {
    address: { address: '10.0.3.20', prefix: 24 }, dns: ['10.0.3.3', '10.0.3.4'], domain: 'example.org', search: ['a.example', 'b.example'], hostname: 'leased',
    mtu: 1300, rootPath: '10.0.3.1:/export', ntp: ['10.0.3.5'], leaseS: 3600, server: '10.0.3.1', bootServer: '10.0.3.7',
    routes: [{ to: { address: '10.5.0.0', prefix: 16 }, gateway: '10.0.3.9' }, { to: { address: '0.0.0.0', prefix: 0 }, gateway: '10.0.3.1' }],
  })
  const index = readInterfaces(kernel).find((one) => one.name === 'enp0s9')?.index ?? 0
  apply(planAddresses(index, DHCP_ANYWHERE, lease, []), 'enp0s9')
  t.match(ip('route'), /10\.5\.0\.0\/16 via 10\.0\.3\.9/)
  t.notMatch(readFileSync('/run/fulcrum/network/enp0s9.lease', 'utf8'), /SHELL|HOME=\/root/, 'nothing of our own environment')
})

await t.test('a lease of DHCPv6, by the busybox that images have', async (t) => {
  const busybox = join(process.env['FULCRUM_NETWORK'] ?? '', 'usr/bin/busybox')
  kernel.mount(busybox, '/bin/busybox', null, MS_BIND, null)
  t.teardown(() => { kernel.umount2('/bin/busybox', 0) })
  const dhcpd = spawn(process.execPath, [join(import.meta.dirname, 'dhcp6-server-for-tests.ts'), 'far0', '2001:db8:6::25', '2001:db8:6::53'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { dhcpd.kill('SIGKILL') })
  await new Promise((resolve) => { dhcpd.stdout.once('data', resolve) })
  // Link-local addresses are tentative at first.
  for (let left = 2400; left > 0 && /tentative/.test(ip('-6', 'addr')); left--) await sleep(50)
  const lease = askDhcp({ kernel, trace }, { device: 'enp0s9', family: 6, hostname: null, timeoutMs: 120_000 })
  t.match(lease, { address: { address: '2001:0db8:0006:0000:0000:0000:0000:0025', prefix: 128 }, dns: ['2001:0db8:0006:0000:0000:0000:0000:0053'], routers: [], leaseS: 1800 })
  const index = readInterfaces(kernel).find((one) => one.name === 'enp0s9')?.index ?? 0
  apply(planAddresses(index, DHCP_ANYWHERE, lease, []), 'enp0s9')
  t.match(ip('-6', 'addr', 'show', 'dev', 'enp0s9'), /inet6 2001:db8:6::25\/128 scope global/)
})

await t.test('nobody answers', async (t) => {
  ip('link', 'add', 'lan1', 'type', 'veth')
  for (const { name } of readInterfaces(kernel)) ip('link', 'set', name, 'up')
  t.throws(() => askDhcp({ kernel, trace }, { device: 'lan1', family: 4, hostname: null, timeoutMs: 1000 }), /^Cannot get an address for lan1 by DHCP: .*no lease/)
})

// The kernel of a test machine may have neither VLANs nor bonds: those are in network-root.qemu.test.ts.
await t.test('a bridge, twice, without the port that is missing', async (t) => {
  ip('link', 'add', 'port0', 'type', 'veth')
  const watch = new NetworkWatch(kernel, { loadForDevice: () => 0 })
  t.teardown(() => { watch.close() })
  const told: string[] = []
  const tools = {
    kernel, watch, loader: { loadIfThere: () => undefined }, network: { interfaceMs: 1000, linkMs: 100 },
    log: { info: (text: string) => void told.push(text), warn: (text: string) => void told.push(text) },
    apply: (changes: readonly NetChange[], device: string) => {
      for (const change of changes) {
        try {
          socket.apply(change, device)
        } catch (error) {
          if (!isErrno(error, 'EEXIST')) throw error
        }
      }
    },
  }
  const { value: bridge } = parseBridge('br0:port0,port9')
  const { value: vlan } = parseVlan('port9.5:port9')
  if (bridge === null || vlan === null) throw new Error('no request')
  for (const round of ['first', 'again']) {
    t.same(makeLinks(tools, [bridge]), { made: ['br0'], ports: ['port0'] }, round)
    const all = readInterfaces(kernel)
    t.equal(all.find(({ name }) => name === 'port0')?.master, all.find(({ name }) => name === 'br0')?.index, 'the port of the bridge')
    t.match(ip('link', 'show', 'dev', 'br0'), /<[^>]*\bUP\b/)
  }
  t.same(told.slice(0, 2), ['br0 goes without port9: not there after 0.1 s', 'network: br0 is a bridge on port0'])
  t.throws(() => makeLinks(tools, [vlan]), /Cannot make 'port9.5': there is no interface 'port9'/)
  t.throws(() => makeLinks(tools, [bridge, bridge]), /'br0' is asked for twice/)
})
socket.close()
