// root=, netroot=, nfsroot= and nbdroot=: what they name; secrets that are not shown; DHCP's root-path; leases.
import t from 'tap'
import { parseCommandLine } from '../../facts/cmdline.ts'
import { readParameters } from '../parameters.ts'
import { namedRoot } from './network-root.ts'
import { nfsData, splitVersion, versionsFor } from './nfs-root.ts'
import { nbdArguments, nbdDevice, reasonOf } from './nbd-root.ts'
import { startArguments, withWords } from './iscsi-root.ts'
import { parseLease } from './parse-lease.ts'
import { hideSecrets, meansDisk, parseNbdroot, parseNetroot, parseNfs, parseRootPath } from './parse-netroot.ts'

t.test('NFS', async (t) => {
  const nfs = (server: string | null, path: string, options = '', version: string | null = null): object => ({ value: { kind: 'nfs', server, path, options, version }, error: null })
  t.same(parseNetroot('nfs:10.0.2.2:/export'), nfs('10.0.2.2', '/export'))
  t.same(parseNetroot('nfs4:server:/:ro,hard'), nfs('server', '/', 'ro,hard', '4'))
  t.same(parseNetroot('nfs:10.0.2.2:/export,vers=3'), nfs('10.0.2.2', '/export', 'vers=3'))
  t.same(parseNetroot('nfs:/export'), nfs(null, '/export'))
  t.same(parseNetroot('nfs:'), nfs(null, ''))
  t.same(parseNetroot('nfs:[2001:db8::2]:/export:soft'), nfs('2001:db8::2', '/export', 'soft'))
  t.same(parseNfs('10.0.2.2:/srv/%s,nolock', null), nfs('10.0.2.2', '/srv/%s', 'nolock'))
  t.same(parseNfs('/tftpboot/%s', null), nfs(null, '/tftpboot/%s'))
  t.ok(parseNfs('server:export', null).error)
  t.same(splitVersion('hard,vers=4.1,rsize=8192'), { version: '4.1', rest: ['hard', 'rsize=8192'] })
  t.same(splitVersion('v3,nfsvers=4'), { version: '4', rest: [] })
  t.same(splitVersion('vers=4,minorversion=1'), { version: '4.1', rest: [] })
  t.same(versionsFor('4'), ['4.2', '4.1', '4.0'])
  t.same(versionsFor(null), ['4.2', '4.1', '4.0', '3'])
  t.equal(nfsData('4.2', '10.0.2.2', '10.0.2.15', ['hard']), 'vers=4.2,addr=10.0.2.2,clientaddr=10.0.2.15,proto=tcp,hard')
  t.equal(nfsData('3', '10.0.2.2', '10.0.2.15', []), 'vers=3,addr=10.0.2.2,nolock,mountproto=tcp,proto=tcp')
  t.equal(nfsData('3', '10.0.2.2', null, ['udp', 'lock', 'mountproto=udp']), 'vers=3,addr=10.0.2.2,udp,lock,mountproto=udp')
  t.match(nfsData('4.2', '2001:db8::2', null, []), /proto=tcp6/)
})

t.test('NBD', async (t) => {
  const base = { kind: 'nbd', server: 'host', port: 10_809, exportName: '', fstype: null, options: '', clientOptions: [] }
  t.same(parseNetroot('nbd:host:2000')?.value, { ...base, port: 2000 })
  t.same(parseNetroot('nbd:host:root')?.value, { ...base, exportName: 'root' })
  t.same(parseNetroot('nbd:host:2000/root')?.value, { ...base, port: 2000, exportName: 'root' })
  t.same(parseNetroot('nbd:host:2000:ext4:noatime,ro:-block-size 4096')?.value, { ...base, port: 2000, fstype: 'ext4', options: 'noatime,ro', clientOptions: ['-block-size', '4096'] })
  t.same(parseNetroot('nbd:[fe80::1]:root')?.value, { ...base, server: 'fe80::1', exportName: 'root' })
  t.ok(parseNetroot('nbd::2000')?.error)
  t.same(parseNbdroot('host,2000').value, { ...base, port: 2000 })
  t.same(parseNbdroot('host,root,nbd0').value, { ...base, exportName: 'root' })
  t.same(parseNbdroot('host:2000/my/root').value, { ...base, port: 2000, exportName: 'my/root' })
  t.same(parseNbdroot('host:/root').value, { ...base, exportName: 'root' })
  t.same(parseNbdroot('dhcp,root').value, { ...base, server: null, exportName: 'root' })
  t.ok(parseNbdroot('host:port/root').error)
  const root = parseNetroot('nbd:host:2000/root')?.value
  if (root?.kind === 'nbd') t.same(nbdArguments(root, '10.0.2.2', '/dev/nbd0'), ['10.0.2.2', '2000', '/dev/nbd0', '-name', 'root'])
  t.equal(nbdDevice('/dev/nbd3p1'), '/dev/nbd3')
  t.equal(nbdDevice('LABEL=x'), '/dev/nbd0')
  t.equal(reasonOf('Negotiation: .. Error: Unknown error returned by server. Server said: Export unknow\nExiting.\n'), 'Unknown error returned by server. Server said: Export unknow')
  t.equal(reasonOf(''), 'nbd-client says nothing')
})

t.test('iSCSI', async (t) => {
  const name = 'iqn.2026-11.test:root'
  const base = { kind: 'iscsi', server: '10.0.2.2', port: 3260, lun: 0, target: name, chap: null, mutual: null }
  t.same(parseNetroot(`iscsi:10.0.2.2::::${name}`)?.value, base)
  t.same(parseNetroot(`iscsi:10.0.2.2:6:3261:5:${name}`)?.value, { ...base, port: 3261, lun: 5 })
  t.same(parseNetroot(`iscsi:me:pa@ss@10.0.2.2::::${name}`)?.value, { ...base, chap: { user: 'me', password: 'pa@ss' } })
  t.same(parseNetroot(`iscsi:me:a:you:b@10.0.2.2::::${name}`)?.value, { ...base, chap: { user: 'me', password: 'a' }, mutual: { user: 'you', password: 'b' } })
  t.same(parseNetroot(`iscsi:[2001:db8::2]::::${name}`)?.value, { ...base, server: '2001:db8::2' })
  for (const text of ['iscsi:10.0.2.2', `iscsi:10.0.2.2:17:::${name}`, `iscsi:10.0.2.2::port::${name}`, 'iscsi:10.0.2.2::::disk']) t.ok(parseNetroot(text)?.error, text)
  const words = readParameters(parseCommandLine(`rd.iscsi.target.name=${name} rd.iscsi.target.ip=10.0.2.9 rd.iscsi.username=me rd.iscsi.password=secret`)).values.network.iscsi
  t.same(withWords(null, words), { ...base, server: '10.0.2.9', chap: { user: 'me', password: 'secret' } })
  const root = withWords(null, words)
  if (root !== null) {
    const { args, shown } = startArguments(root, '10.0.2.9', 'iqn.me', words)
    t.ok(args.includes('secret'))
    t.notOk(shown.includes('secret'))
    t.equal(args.length, shown.length)
  }
})

t.test('which root is meant', async (t) => {
  const named = (text: string): ReturnType<typeof namedRoot> => namedRoot(readParameters(parseCommandLine(text)).values)
  const kind = (text: string): string | null => {
    const found = named(text)
    return found === null || typeof found === 'string' ? found : (found.value?.kind ?? 'error')
  }
  t.equal(kind('root=/dev/sda1 ip=dhcp'), null)
  t.equal(kind('root=LABEL=nfs:x'), null)
  t.equal(kind('root=nfs:host:/x'), 'nfs')
  t.equal(kind('root=/dev/nfs'), 'dhcp')
  t.equal(kind('root=/dev/nfs nfsroot=host:/x'), 'nfs')
  t.equal(kind('root=dhcp'), 'dhcp')
  t.equal(kind('root=LABEL=x netroot=nbd:host:1'), 'nbd')
  t.equal(kind('root=LABEL=x netroot=dhcp'), 'dhcp')
  t.equal(kind('root=LABEL=x netroot=fcoe:x'), 'error')
  t.equal(kind('root=/dev/nbd0 nbdroot=host:1/x'), 'nbd')
  t.equal(kind('root=LABEL=x rd.iscsi.firmware'), 'iscsi-firmware')
  t.equal(kind('root=LABEL=x rd.iscsi.target.name=iqn.x'), 'iscsi-words')
  t.same(['nbd:x:1', 'iscsi:x', 'iscsi', 'dhcp', 'gpt-auto', 'LABEL=x', '/dev/sda'].map(meansDisk), [true, true, true, true, true, false, false])
})

t.test('secrets are not shown', async (t) => {
  t.equal(hideSecrets('quiet root=iscsi:me:pa@10.0.2.2::::iqn.x ro'), 'quiet root=iscsi:***@10.0.2.2::::iqn.x ro')
  t.equal(hideSecrets('root=iscsi:10.0.2.2::::iqn.x mail=a@b'), 'root=iscsi:10.0.2.2::::iqn.x mail=a@b')
  t.equal(hideSecrets('netroot=iscsi:a:p@ss@host::::iqn.x rd.iscsi.password="a b" rd.iscsi.in.password=x iscsi_password=y q'), 'netroot=iscsi:***@host::::iqn.x rd.iscsi.password=*** rd.iscsi.in.password=*** iscsi_password=*** q')
})

t.test('a lease', async (t) => {
  const lease = parseLease(`interface=eth0\nip=10.0.2.15\nsubnet=255.255.255.0\nmask=24\nrouter=10.0.2.2 10.0.2.9\ndns=10.0.2.3 x\ndomain=example.org\nhostname=a;reboot\nmtu=1400
rootpath=10.0.2.2:/export,vers=3\nstaticroutes=10.9.0.0/16 10.0.2.7 10.8.0.0/16 0.0.0.0\nserverid=10.0.2.2\nsiaddr=10.0.2.4\nlease=86400\nsearch=a.example b.example\nntpsrv=10.0.2.5\n`)
  t.same(lease, {
    address: { address: '10.0.2.15', prefix: 24 }, broadcast: null, routers: ['10.0.2.2', '10.0.2.9'],
    routes: [{ to: { address: '10.9.0.0', prefix: 16 }, gateway: '10.0.2.7' }, { to: { address: '10.8.0.0', prefix: 16 }, gateway: null }],
    dns: ['10.0.2.3'], ntp: ['10.0.2.5'], search: ['a.example', 'b.example'], domain: 'example.org', hostname: null, mtu: 1400,
    rootPath: '10.0.2.2:/export,vers=3', server: '10.0.2.2', bootServer: '10.0.2.4', leaseS: 86_400,
  })
  t.equal(parseLease(''), null)
  t.equal(parseLease('ip=0.0.0.0\n'), null)
  t.equal(parseLease('ip=10.0.2.15\nmtu=40\n')?.mtu, null, 'an MTU that breaks TCP')
  t.same(parseLease('ipv6=2001:db8::7/128\n')?.address, { address: '2001:db8::7', prefix: 128 })
  t.equal(parseRootPath('10.0.2.2:/export').value?.kind, 'nfs')
  t.equal(parseRootPath('iscsi:10.0.2.2::::iqn.x').value?.kind, 'iscsi')
})
