// Brings the network up: interfaces found, named, linked, addressed, and written down for whoever comes later.
//
// Each ip= is an interface; the boot goes on when every one that names its device is up, or one of those that do not.
// Everything has a limit. Done anew by each try: what is there already is replaced by the same.
// dracut.cmdline(7), nfsroot.rst; docs/network-root.md.

import { errorLine, isErrno, SyscallError } from '../../kernel/errors.ts'
import type { BootState } from '../boot-state.ts'
import { refusalFailure } from '../boot-failure.ts'
import { readTextIfThere } from '../devices/device-kernel.ts'
import type { RootContext } from '../storage/context.ts'
import { askDhcp, makeNetworkDirectory } from './dhcp.ts'
import { contains, familyOf } from './ip-address.ts'
import { candidates, describeInterfaces, findInterface } from './interface-names.ts'
import type { Interface } from './interface-names.ts'
import { makeLinks } from './make-links.ts'
import type { MadeLinks } from './make-links.ts'
import { netConf, networkdFile, resolvConf, unmanagedFile } from './network-files.ts'
import type { Connection } from './network-files.ts'
import { NetworkWatch } from './network-watch.ts'
import { wantedInterfaces, wantedLinks } from './firmware-table.ts'
import { notUp } from './not-up.ts'
import type { InterfaceRequest, RouteRequest } from './parse-ip.ts'
import type { Lease } from './parse-lease.ts'
import { planAddresses, planLink } from './plan-interface.ts'
import { readAddresses6, readInterfaces, SCOPE_GLOBAL, SCOPE_LINK } from './read-interfaces.ts'
import { RouteSocket } from './route-socket.ts'
import type { NetChange } from './rtnetlink.ts'

const LOOPBACK_INDEX = 1
const AF_PACKET = 'af_packet'
/** How long a router may take to advertise itself. */
const ADVERTISEMENT_MS = 15_000

/** One try to bring the network up. */
class Bringup {
  readonly #state: BootState
  readonly #watch: NetworkWatch
  readonly #route: RouteSocket
  readonly #loader: RootContext['loader']
  #links: MadeLinks = { made: [], ports: [] }

  constructor(context: RootContext) {
    this.#state = context.state
    this.#loader = context.loader
    // udhcpc needs it, and where it is a module nothing loads it by itself.
    context.loader.loadIfThere([AF_PACKET, 'ipv6', ...(context.state.parameters.network.iscsi.firmware ? ['iscsi_ibft'] : [])])
    this.#watch = new NetworkWatch(context.state.kernel, context.loader)
    this.#route = new RouteSocket(context.state.kernel)
  }

  close(): void {
    this.#watch.close()
    this.#route.close()
  }

  /** Every connection that could be made. Throws BootFailure if one that was asked for by name, or all, failed. */
  run(): Connection[] {
    const { network } = this.#state.parameters
    this.#apply({ kind: 'link', index: LOOPBACK_INDEX, up: true }, 'lo')
    for (const { name, mac } of network.names) this.#rename(mac, name)
    this.#makeLinks()
    const asked = wantedInterfaces(this.#state.kernel, network)
    const connections = asked.map((request) => this.#connect(request, asked))
    this.#addRoutes(connections, network.routes)
    this.#writeDown(connections)
    return connections
  }

  #look(): Interface[] {
    return readInterfaces(this.#state.kernel)
  }

  #apply(change: NetChange, device: string): void {
    this.#route.apply(change, device)
  }

  /** What was there before (a return, a retry) is no failure. */
  #applyAll(changes: readonly NetChange[], device: string): void {
    for (const change of changes) {
      try {
        this.#apply(change, device)
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error
      }
    }
  }

  /** vlan=, bond=, bridge=, and the VLAN of the firmware's table. */
  #makeLinks(): void {
    const { kernel, log, parameters: { network } } = this.#state
    const wanted = wantedLinks(kernel, network)
    const apply = (changes: readonly NetChange[], device: string): void => this.#applyAll(changes, device)
    if (wanted.length > 0) this.#links = makeLinks({ kernel, log, network, loader: this.#loader, watch: this.#watch, apply }, wanted)
  }

  #rename(mac: string, name: string): void {
    const one = this.#watch.until(() => this.#look().find((found) => found.mac === mac) ?? null, this.#state.parameters.network.interfaceMs)
    if (one === null) throw notUp(`Cannot name an interface '${name}': none has the MAC address ${mac}`, describeInterfaces(this.#look()))
    if (one.name !== name) this.#applyAll([{ kind: 'link', index: one.index, up: false }, { kind: 'link', index: one.index, name }], one.name)
  }

  /** The interface of a request with a link: of several the one whose link comes first, and whom DHCP answers. */
  #connect(request: InterfaceRequest, asked: readonly InterfaceRequest[]): Connection {
    const { network } = this.#state.parameters
    const device = request.device
    const named = new Set(asked.flatMap((one) => (one.device === null ? [] : [one.device])))
    // A link that was made is there to be used: before what it stands on.
    const first = network.bootDevice ?? this.#links.made.findLast((name) => !this.#links.ports.includes(name)) ?? null
    const find = (): Interface[] => {
      const all = this.#look()
      return candidates(all, request, first).filter((one) => device !== null || ![...named].some((name) => findInterface(all, name) === one))
    }
    if (find().length === 0) this.#state.log.info(`looking for ${device === null ? 'a network interface' : `network interface ${device}`}`)
    const there = this.#watch.until(() => {
      const found = find()
      return found.length === 0 ? null : found
    }, network.interfaceMs)
    if (there === null) {
      const seconds = Math.round((network.interfaceMs ?? 0) / 1000)
      throw notUp(`Cannot find ${device === null ? 'a network interface' : `the network interface '${device}'`}: none appeared in ${seconds} s`, describeInterfaces(this.#look()))
    }
    for (const one of there) this.#linkUp(one, request, device)
    const tried = new Set<number>()
    const problems: string[] = []
    for (;;) {
      const linked = this.#watch.until(() => find().find((one) => one.hasCarrier === true && !tried.has(one.index)) ?? null, network.linkMs)
      if (linked === null) break
      tried.add(linked.index)
      try {
        return this.#address(linked, request)
      } catch (error) {
        problems.push(errorLine(error))
        this.#state.log.warn(errorLine(error))
        // One that was asked for by name is the only one.
        if (device !== null) break
      }
    }
    const [problem = `Cannot use ${there.map((one) => one.name).join(', ')}: there is no link`, ...more] = problems
    throw notUp(problem, [...more, ...describeInterfaces(this.#look())])
  }

  #linkUp(one: Interface, request: InterfaceRequest, device: string | null): void {
    // A name that udev would give: the interface gets it, as it will have it in the root.
    const name = device === null || device === one.mac || device.includes(':') ? one.name : device
    const { kernel, log } = this.#state
    if (request.method !== 'off' && request.method !== 'dhcp') this.#allowIpv6(one.name)
    if (name !== one.name) log.info(`network interface ${one.name} is ${name}`)
    try {
      this.#applyAll(planLink(one, request, name), one.name)
    } catch (error) {
      throw notUp(errorLine(error), describeInterfaces(readInterfaces(kernel)))
    }
  }

  /** Router advertisements are taken by default; a kernel or an image may have that off. */
  #allowIpv6(name: string): void {
    const { kernel } = this.#state
    for (const [key, value] of [['disable_ipv6', '0'], ['accept_ra', '1'], ['autoconf', '1']] as const) {
      const path = `/proc/sys/net/ipv6/conf/${name}/${key}`
      if (kernel.exists(path) && readTextIfThere(kernel, path) !== value) kernel.writeFile(path, value)
    }
  }

  #address(one: Interface, request: InterfaceRequest): Connection {
    const { parameters, log } = this.#state
    const lease = this.#lease(one, request)
    this.#applyAll(planAddresses(one.index, request, lease, []), one.name)
    if (lease?.mtu !== null && lease?.mtu !== undefined && request.mtu === null) this.#apply({ kind: 'link', index: one.index, mtu: lease.mtu }, one.name)
    const isAdvertised = ['auto6', 'either6', 'link6'].includes(request.method) && lease === null
    const address = lease?.address.address ?? request.address?.address ?? (isAdvertised ? this.#ipv6Address(one, request.method === 'link6' ? SCOPE_LINK : SCOPE_GLOBAL) : null)
    const host = request.hostname ?? lease?.hostname ?? null
    if (host !== null) this.#setHostname(host)
    const how = lease === null ? (isAdvertised ? request.method : 'static') : `DHCP${lease.server === null ? '' : ` of ${lease.server}`}${lease.leaseS === null ? '' : `, ${lease.leaseS} s`}`
    log.info(`network: ${one.name} ${address ?? 'without address'} (${how})`)
    if (address === null && parameters.network.interfaces.length === 0) throw new Error(`Cannot use ${one.name}: it has no address`)
    return { name: one.name, index: one.index, mac: one.mac, request, lease, address }
  }

  #lease(one: Interface, request: InterfaceRequest): Lease | null {
    const { method, hostname } = request
    if (method === 'dhcp') return this.#dhcp(one, 4, hostname)
    if (method === 'dhcp6') return this.#dhcp(one, 6, hostname)
    if (method === 'either6') {
      const isThere = this.#watch.until(() => readAddresses6(this.#state.kernel, one.index, SCOPE_GLOBAL)[0] ?? null, ADVERTISEMENT_MS) !== null
      return isThere ? null : this.#dhcp(one, 6, hostname)
    }
    return null
  }

  #dhcp(one: Interface, family: 4 | 6, hostname: string | null): Lease {
    const { parameters: { network }, log } = this.#state
    // udhcpc6 speaks from the link-local address.
    if (family === 6) this.#ipv6Address(one, SCOPE_LINK)
    for (let left = network.dhcpTries; ; left--) {
      try {
        return askDhcp(this.#state, { device: one.name, family, hostname, timeoutMs: network.dhcpMs })
      } catch (error) {
        if (left <= 1) throw error
        log.warn(`${errorLine(error)}; trying again`)
      }
    }
  }

  /** Waits until there is one that can be used. Throws Error. */
  #ipv6Address(one: Interface, scope: string): string {
    const found = this.#watch.until(() => readAddresses6(this.#state.kernel, one.index, scope)[0] ?? null, ADVERTISEMENT_MS)
    if (found !== null) return found
    throw new Error(`Cannot get an IPv6 address for ${one.name}: ${scope === SCOPE_LINK ? 'there is no link-local one' : 'no router advertised one'} in ${ADVERTISEMENT_MS / 1000} s`)
  }

  #setHostname(name: string): void {
    const { kernel, log } = this.#state
    const current = readTextIfThere(kernel, '/proc/sys/kernel/hostname') ?? ''
    if (current !== '' && current !== '(none)' && current !== 'localhost') return
    try {
      kernel.setHostname(name)
    } catch (error) {
      log.warn(`${errorLine(error)}, ignoring`)
    }
  }

  /** rd.route=, by the interface that it names, or whose network has the gateway, or the first. */
  #addRoutes(connections: readonly Connection[], routes: readonly RouteRequest[]): void {
    for (const route of routes) {
      const own = (one: Connection): boolean => {
        const net = one.lease?.address ?? one.request.address
        return route.gateway !== null && net !== null && contains(net, route.gateway)
      }
      const by = route.device === null ? (connections.find(own) ?? connections[0]) : connections.find((one) => one.name === route.device)
      if (by === undefined) {
        this.#state.log.warn(`Cannot add the route to ${route.to.address}/${route.to.prefix}: no interface '${route.device ?? ''}' is up, ignoring`)
        continue
      }
      const request = { ...by.request, address: by.lease?.address ?? by.request.address, gateway: null }
      const isRoute = (change: NetChange): boolean => change.kind === 'route'
      try {
        this.#applyAll(planAddresses(by.index, request, null, [route]).filter(isRoute), by.name)
      } catch (error) {
        this.#state.log.warn(`${errorLine(error)}, ignoring`)
      }
    }
  }

  /** For programs of the initramfs and for the root; what cannot be written stops nothing. */
  #writeDown(connections: readonly Connection[]): void {
    const { kernel, log, parameters: { network } } = this.#state
    const write = (path: string, text: string): void => {
      try {
        kernel.writeFile(path, text)
      } catch (error) {
        log.warn(`${errorLine(error)}, ignoring`)
      }
    }
    const uptimeS = Math.round(Number(kernel.monotonicUs() / 1_000_000n))
    const resolv = resolvConf(connections, network.nameservers, network.peerDns)
    makeNetworkDirectory(kernel)
    if (resolv !== null) {
      if (!kernel.exists('/etc')) kernel.mkdir('/etc', 0o755)
      write('/etc/resolv.conf', resolv)
      write('/run/fulcrum/network/resolv.conf', resolv)
    }
    for (const path of ['/run/systemd', '/run/systemd/network']) if (!kernel.exists(path)) kernel.mkdir(path, 0o755)
    const used = new Set(connections.map((one) => one.name))
    for (const name of this.#links.ports) if (!used.has(name)) write(`/run/systemd/network/70-fulcrum-${name}.network`, unmanagedFile(name))
    for (const name of used) {
      // A device can be asked for twice, for IPv4 and for IPv6.
      const all = connections.filter((one) => one.name === name)
      const first = all.find(({ address }) => address !== null && familyOf(address) === 4) ?? all[0]
      if (first !== undefined) write(`/run/net-${name}.conf`, netConf(first, uptimeS))
      write(`/run/systemd/network/70-fulcrum-${name}.network`, networkdFile(all))
    }
  }
}

/** Brings up what the command line asks for. Throws BootFailure. */
export function connect(context: RootContext): Connection[] {
  const { state } = context
  const [first] = state.parameters.network.unsupported
  if (first !== undefined) {
    throw refusalFailure('network', {
      reason: 'network-unsupported', detail: `Cannot set up '${first}': teams are not done here`,
      remedy: "use bond=, which can do the same with most switches, or a hook at 'pre-mount' that sets it up and mounts the root",
    }, null, [])
  }
  try {
    const bringup = new Bringup(context)
    try {
      return state.trace.measure('network', 'connect', () => bringup.run(), (all) => ({ interfaces: all.map((one) => `${one.name} ${one.address ?? ''}`) }))
    } finally {
      bringup.close()
    }
  } catch (error) {
    if (error instanceof SyscallError) throw notUp(errorLine(error), describeInterfaces(readInterfaces(state.kernel)))
    throw error
  }
}
