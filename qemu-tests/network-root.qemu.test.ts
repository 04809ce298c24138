// Roots behind a network, with servers on the host: NFS, NBD and iSCSI; addresses by QEMU's DHCP server and as given;
// the way back lets go of each, and what was written last is on the server. Then a server that does not answer at
// first, and a rescue console from which the boot goes on.
import t from 'tap'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { ensureNfsServer, ensureStorageTools } from '../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import type { Kernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4, knownText, writeKnownFiles } from './harness/check-ext4.ts'
import type { KnownFile } from './harness/check-ext4.ts'
import { diskImage } from './harness/disk-images.ts'
import { freePort, serveNbd } from './harness/nbd-server.ts'
import { CHAP, ISCSI_TARGET, serveIscsi, serveNfs, serveNfs3 } from './harness/network-servers.ts'
import type { GuestSpec } from './harness/run-guest.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import { scratchFolder, writeTree } from './harness/tree.ts'
import type { Tree } from './harness/tree.ts'
import { copyOf } from './harness/writable-disk.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
ensureNfsServer()
const sysroot = ensureStorageTools()

const more: Tree = Object.fromEntries(['chroot', 'ip', 'hostname'].map((name) => [`bin/${name}`, { type: 'link', target: 'busybox' }]))
const root: Tree = { ...smallRoot(), ...more }
const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: root, label: 'net-root', sizeMiB: 64 })

const FILES: readonly KnownFile[] = [
  { path: '/var/closed', word: 'closed', lines: 20_000 },
  { path: '/var/synced', word: 'synced', lines: 1000, isSynced: true },
]

const STATIC = 'ip=10.0.2.15::10.0.2.2:255.255.255.0:guest:eth0:off nameserver=10.0.2.3'

/** What holds whatever the root is: addresses, routes, what is written down. */
const network = (how: 'dhcp' | 'none', device = 'eth0'): string => `
like "the address" "$(ip -4 addr show dev ${device})" 'inet 10\\.0\\.2\\.15/24 '
like "it stays for ever" "$(ip -4 addr show dev ${device})" 'valid_lft forever|scope global ${device}$'
like "the way out" "$(ip route)" 'default via 10\\.0\\.2\\.2 dev ${device}'
like "for scripts" "$(cat /run/net-${device}.conf)" "PROTO='${how}'"
like "for systemd-networkd" "$(cat /run/systemd/network/70-fulcrum-${device}.network)" 'KeepConfiguration=yes'
like "name servers" "$(cat /run/fulcrum/network/resolv.conf)" 'nameserver 10\\.0\\.2\\.3'
like "no secret in the record" "$(grep -c ${CHAP.password} /run/fulcrum/boot.json)" '^0$'
`

const LEAVE = 'chroot /run/rootfs /bin/fulcrum shutdown --force poweroff > /dev/console 2>&1'

/** The checks, then files, then the way back: the guest's init is replaced while it runs. */
function script(checks: string, leave = LEAVE): string {
  return `${tapScript(checks, writeKnownFiles(FILES))}
echo '{"record":"done","scriptStatus":0}'
${leave}
sleep 300`
}

interface Way {
  readonly name: string
  readonly kernel: Kernel
  readonly features: readonly string[]
  readonly append: string
  readonly checks: string
  readonly down: readonly RegExp[]
  readonly beside: () => Promise<() => void>
  readonly afterwards: () => readonly string[]
  readonly converse?: GuestSpec['converse']
  readonly rescue?: boolean
  /** The server is in a network namespace of this process, and so is QEMU. */
  readonly networkOf?: () => number
  /** The way back, instead of the usual one. */
  readonly leave?: string
  readonly network?: 'ipv6'
}

async function boot(t: Test, way: Way): Promise<void> {
  const { kernel, name } = way
  await bootScenario(t, {
    name: `network-${name}`,
    machine: {
      kernel: kernel.vmlinuz, memoryMiB: 640, network: way.network ?? true,
      initrd: await testImage(kernel, { sysroot, features: way.features }),
      append: `${BASE_APPEND} rw rd.timeout=120 fulcrum.switch=pivot ${way.append}`,
    },
    beside: way.beside, script: script(way.checks, way.leave), afterwards: way.afterwards,
    ...(way.networkOf === undefined ? {} : { networkOf: way.networkOf }),
    ...(way.converse === undefined ? {} : { converse: way.converse }),
    expectation: {
      report: 'tap', end: 'poweroff', consoleHas: [/^fulcrum: network: \w+ 10\.0\.2\.15 /m, ...way.down, ...(way.leave === undefined ? [/^fulcrum: old root taken down in \d+ ms: [^,]/m] : [])],
      consoleLacks: [...(way.rescue === true ? [] : [/rescue/]), /fulcrum: Cannot (?!.*(trying again|reach))/, new RegExp(`^(?!.*[Cc]ommand line).*${CHAP.password}`, 'm')],
    },
  })
}

/** The file systems that guests wrote to by NBD and iSCSI. */
function served(): { readonly path: string; readonly check: () => readonly string[] } {
  const path = copyOf(disk.path)
  return {
    path,
    check: () => {
      const complaints = checkExt4(path, { files: FILES })
      rmSync(path)
      return complaints
    },
  }
}

async function nfs(series: '6.12' | '7.x', append: (port: number) => string, how: 'dhcp' | 'none', device?: string): Promise<void> {
  await t.test(`${series}: NFS, ${how}`, async (t) => {
    const folder = scratchFolder(`nfs-${series}`)
    writeTree(root, folder)
    const port = await freePort()
    await boot(t, {
      name: `nfs-${series}`, kernel: ensureKernel(series), features: ['nfs'], append: append(port),
      checks: `${rootChecks({ fileSystem: 'nfs4', engine: 'pivot' })}${network(how, device)}
like "the version" "$(grep ' / nfs4 ' /proc/mounts)" 'vers=4\\.[012]'`,
      down: [/^fulcrum: unmounted \/oldroot \(nfs4 on /m],
      beside: () => serveNfs(folder, port),
      afterwards: () => FILES.flatMap((file) => {
        const path = join(folder, file.path)
        const isThere = existsSync(path) && readFileSync(path, 'utf8') === knownText(file)
        return isThere ? [] : [`File '${file.path}' is not on the server as it was written`]
      }),
    })
  })
}

/** By version 3, with rpcbind and mountd, and /usr by version 4; what leaves it is asked for by `way`. */
async function nfs3(series: '6.12' | '7.x', way: Pick<Way, 'down' | 'leave'> & { readonly append: string }): Promise<void> {
  await t.test(`${series}: NFS 3, and /usr by NFS 4`, async (t) => {
    const [folder, usr] = [scratchFolder(`nfs3-${series}`), scratchFolder(`nfs3-usr-${series}`)]
    writeTree({ ...root, 'etc/fstab': { type: 'text', text: '10.0.2.2:/usr /usr nfs4 vers=4.0,ro 0 0\n' } }, folder)
    writeTree({ 'share/marker': { type: 'text', text: 'real root\n' }, 'share/far': { type: 'text', text: 'by NFS 4\n' } }, usr)
    let server = 0
    await boot(t, {
      ...way, name: `nfs3-${series}`, kernel: ensureKernel(series), features: ['nfs'],
      append: `ip=dhcp root=nfs:10.0.2.2:/export:vers=3,actimeo=1 fulcrum.shutdown_timeout=20 ${way.append}`,
      checks: `${rootChecks({ fileSystem: 'nfs', engine: 'pivot' })}${network('dhcp')}
like "the version" "$(grep ' / nfs ' /proc/mounts)" 'vers=3.*mountproto=tcp.*local_lock=all'
like "/usr" "$(grep ' /usr nfs4 ' /proc/mounts) $(cat /usr/share/far)" '^10.0.2.2:/usr .*ro,.*vers=4.0.* by NFS 4$'`,
      beside: () => serveNfs3([{ folder, name: 'export' }, { folder: usr, name: 'usr' }], (pid) => { server = pid }),
      networkOf: () => server,
      afterwards: () => FILES.flatMap((file) => {
        const path = join(folder, file.path)
        return existsSync(path) && readFileSync(path, 'utf8') === knownText(file) ? [] : [`File '${file.path}' is not on the server as it was written`]
      }),
    })
  })
}

/**
 * The network is down before anybody leaves: no path below "/" can be looked up any more. A shell that stands in the kept
 * initramfs by then gets the machine to its end.
 */
const SILENT = `sync
exec chroot /run/rootfs /bin/busybox sh -c 'busybox ip link set eth0 down; busybox sleep 2; exec /bin/fulcrum shutdown --force poweroff' > /dev/console 2>&1`

/** An address by a router's advertisements beside the other one: QEMU's router has fec0::/64. */
const ADVERTISED = `
like "the advertised address" "$(ip -6 addr show dev eth0)" 'inet6 fec0:'`

/**
 * A bond, a bridge on it, and beside that a VLAN on the bond, which only has to be there. A port that is missing is waited
 * for as long as a link, ten seconds, and less is too short for the bridge's own: network.ns.test.ts has that.
 */
const LINKS = 'bridge=br0:bond0 vlan=bond0.5:bond0 bond=bond0:eth0:mode=active-backup,miimon=100,primary=eth0'
const LINKED = `
is "the bond has its options" "$(cat /sys/class/net/bond0/bonding/mode /sys/class/net/bond0/bonding/miimon /sys/class/net/bond0/bonding/slaves | tr '\\n' ' ')" "active-backup 1 100 eth0 "
yes "the bridge is on the bond" test -e /sys/class/net/br0/brif/bond0
like "the VLAN's number" "$(cat /proc/net/vlan/bond0.5)" 'VID: 5[^0-9]'
like "the VLAN is on the bond" "$(cat /proc/net/vlan/bond0.5)" '^Device: bond0$'
for port in eth0 bond0; do like "networkd leaves $port alone" "$(cat /run/systemd/network/70-fulcrum-$port.network)" 'Unmanaged=yes'; done`

interface Extra {
  readonly device?: string
  readonly checks?: string
  readonly network?: 'ipv6'
}

async function nbd(series: '6.12' | '7.x', append: (port: number) => string, how: 'dhcp' | 'none', extra: Extra = {}): Promise<void> {
  await t.test(`${series}: NBD, ${how}`, async (t) => {
    const { path, check } = served()
    const port = await freePort()
    await boot(t, {
      name: `nbd-${series}`, kernel: ensureKernel(series), features: ['nbd'], append: append(port),
      ...(extra.network === undefined ? {} : { network: extra.network }),
      checks: `${rootChecks({ fileSystem: 'ext4', engine: 'pivot' })}${network(how, extra.device)}
is "the device" "$(awk '$2 == "/" { print $1 }' /proc/mounts)" /dev/nbd0${extra.checks ?? ''}`,
      down: [/^fulcrum: unmounted \/oldroot \([\s\S]*^fulcrum: let go of \/dev\/nbd0/m],
      beside: () => serveNbd(path, port), afterwards: check,
    })
  })
}

async function iscsi(series: '6.12' | '7.x', append: (port: number) => string, how: 'dhcp' | 'none'): Promise<void> {
  await t.test(`${series}: iSCSI, ${how}`, async (t) => {
    const { path, check } = served()
    const port = await freePort()
    await boot(t, {
      name: `iscsi-${series}`, kernel: ensureKernel(series), features: ['iscsi'], append: append(port),
      checks: `${rootChecks({ fileSystem: 'ext4', engine: 'pivot' })}${network(how)}
like "the device" "$(awk '$2 == "/" { print $1 }' /proc/mounts)" '^/dev/sd'
is "the target" "$(cat /sys/class/iscsi_session/session*/targetname)" ${ISCSI_TARGET}`,
      down: [/^fulcrum: unmounted \/oldroot \([\s\S]*^fulcrum: let go of \/dev\/sda \(iSCSI disk/m],
      beside: () => serveIscsi(path, port), afterwards: check,
    })
  })
}

const target = (port: number): string => `${CHAP.user}:${CHAP.password}@10.0.2.2:6:${port}:1:${ISCSI_TARGET}`

/** An interface that is not there, then a server that nobody is: the boot goes on from the console. */
await t.test('6.12: no interface, no server, and then NBD', async (t) => {
  const { path, check } = served()
  const [port, closed] = [await freePort(), await freePort()]
  await boot(t, {
    name: 'retry-6.12', kernel: ensureKernel('6.12'), features: ['nbd', 'nfs'], rescue: true,
    append: `fulcrum.panic=0 ip=eth9:dhcp rd.net.timeout.iflink=1 rd.timeout=2 root=nfs:10.0.2.2:/export:port=${closed}`,
    checks: `${rootChecks({ fileSystem: 'ext4', engine: 'pivot' })}${network('dhcp')}
is "rescues" "$(record rescues)" 2`,
    down: [/'eth9'[^\n]*network-not-up[\s\S]*eth0[^\n]*enp0s\d[\s\S]*nobody listens[^\n]*server-not-reached/],
    beside: () => serveNbd(path, port), afterwards: check,
    converse: async (console) => {
      const talk = new RescueTalk(console)
      await talk.prompt()
      await talk.retry('set ip=eth0:dhcp')
      await talk.command('rd.timeout=60')
      await talk.command(`set root=nbd:10.0.2.2:${port}/root`)
      talk.last('retry')
    },
  })
})

await nfs('6.12', (port) => `ip=dhcp root=nfs:10.0.2.2:/export:port=${port}`, 'dhcp')
// KERNEL(7.3): with version 4.1 and 4.2 nfs-ganesha 6.5 answers EREMOTEIO (docs/network-root.md).
await nfs('7.x', (port) => `ip=10.0.2.15::10.0.2.2:24:guest:enp0s2:none nameserver=10.0.2.3 root=/dev/nfs nfsroot=10.0.2.2:/export,vers=4.0,port=${port}`, 'none', 'enp0s2')
await nfs3('6.12', { append: '', down: [/^fulcrum: unmounted \/oldroot\/usr \(nfs4 on [^]*^fulcrum: unmounted \/oldroot \(nfs on /m] })
await nfs3('7.x', { append: '', leave: SILENT, down: [/the initramfs is entered without it[^]*old root taken down in \d+ ms, not all of it: [^\n]*its server does not answer, detached with \d mounts below it/] })
await nbd('6.12', (port) => `${STATIC.replace('eth0', 'br0')} ${LINKS} root=nbd:10.0.2.2:${port}/root`, 'none', { device: 'br0', checks: LINKED })
await nbd('7.x', (port) => `ip=eth0:dhcp ip=eth0:auto6 nbdroot=10.0.2.2:${port}/root root=/dev/nbd0 rootfstype=ext4`, 'dhcp', { network: 'ipv6', checks: ADVERTISED })
await iscsi('6.12', (port) => `${STATIC} root=iscsi:${target(port)}`, 'none')
await iscsi('7.x', (port) => `netroot=iscsi:${target(port)} root=LABEL=net-root`, 'dhcp')
