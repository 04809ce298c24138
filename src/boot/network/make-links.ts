// Makes the links that vlan=, bond= and bridge= ask for, before anything gets an address.
//
// A bond or bridge waits for its first port as long as for any interface, for the others only as long as for a link,
// and goes without those that are missing. What is there already (a retry, a return) is taken as it is.
// Documentation/networking/bonding.rst, rtnetlink(7); docs/network-root.md.

import { errorLine, isErrno } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { BootState } from '../boot-state.ts'
import type { DeviceKernel } from '../devices/device-kernel.ts'
import type { ModuleLoader } from '../devices/index.ts'
import type { NetworkWords } from '../words/network-words.ts'
import { describeInterfaces, findInterface } from './interface-names.ts'
import type { Interface } from './interface-names.ts'
import type { NetworkWatch } from './network-watch.ts'
import { notUp } from './not-up.ts'
import { DHCP_ANYWHERE } from './parse-ip.ts'
import { inOrder } from './parse-links.ts'
import type { LinkRequest } from './parse-links.ts'
import { planLink } from './plan-interface.ts'
import { readInterfaces } from './read-interfaces.ts'
import type { NetChange } from './rtnetlink.ts'

const DRIVERS = { vlan: '8021q', bond: 'bonding', bridge: 'bridge' } as const
const CLASS = '/sys/class/net'
/** The bonding driver makes this one when it is loaded. */
const UNASKED = 'bond0'

/** What is needed to make links. */
export interface LinkTools {
  readonly kernel: DeviceKernel & Pick<Kernel, 'writeFile'>
  readonly loader: Pick<ModuleLoader, 'loadIfThere'>
  readonly log: Pick<BootState['log'], 'info' | 'warn'>
  readonly watch: Pick<NetworkWatch, 'until'>
  /** Makes changes one after the other; what is there already is no failure. Throws SyscallError. */
  readonly apply: (changes: readonly NetChange[], device: string) => void
  readonly network: Pick<NetworkWords, 'interfaceMs' | 'linkMs'>
}

/** The names of links that were made and of what they stand on. */
export interface MadeLinks {
  readonly made: readonly string[]
  readonly ports: readonly string[]
}

function findPorts({ kernel, watch, log, network }: LinkTools, { name, ports }: LinkRequest): Interface[] {
  const find = (): Interface[] => {
    const all = readInterfaces(kernel)
    return ports.flatMap((port) => findInterface(all, port) ?? [])
  }
  if (watch.until(() => find().length > 0 || null, network.interfaceMs) === null) {
    throw notUp(`Cannot make '${name}': there is no interface ${ports.map((port) => `'${port}'`).join(' or ')}`, describeInterfaces(readInterfaces(kernel)))
  }
  if (watch.until(() => find().length === ports.length || null, network.linkMs) === null) {
    const all = readInterfaces(kernel)
    const missing = ports.filter((port) => findInterface(all, port) === undefined)
    log.warn(`${name} goes without ${missing.join(', ')}: not there after ${network.linkMs / 1000} s`)
  }
  return find()
}

/** Its name, as it will be in the root: that by which it was asked for, unless that is a MAC address. */
function nameOf(port: Interface, { ports }: LinkRequest): string {
  return ports.find((text) => !text.includes(':') && findInterface([port], text) !== undefined) ?? port.name
}

function setOptions({ kernel, log }: LinkTools, { name, options }: Extract<LinkRequest, { kind: 'bond' }>): void {
  for (const option of options) {
    try {
      kernel.writeFile(`${CLASS}/${name}/bonding/${option.name}`, option.value)
    } catch (error) {
      log.warn(`Cannot set '${option.name}=${option.value}' of ${name}: ${errorLine(error)}, ignoring`)
    }
  }
}

/** The driver, without the bond that nobody asked for. */
function loadDriver({ kernel, loader, log }: LinkTools, kind: LinkRequest['kind'], names: readonly string[]): void {
  const wasThere = kernel.exists(`${CLASS}/${UNASKED}`)
  loader.loadIfThere([DRIVERS[kind]])
  if (kind !== 'bond' || wasThere || names.includes(UNASKED) || !kernel.exists(`${CLASS}/${UNASKED}`)) return
  try {
    kernel.writeFile(`${CLASS}/bonding_masters`, `-${UNASKED}`)
  } catch (error) {
    log.warn(`${errorLine(error)}, ignoring`)
  }
}

function makeLink(tools: LinkTools, request: LinkRequest): string[] {
  const { kernel, apply, log } = tools
  const find = (): Interface | undefined => readInterfaces(kernel).find(({ name }) => name === request.name)
  const ports = findPorts(tools, request)
  const names = ports.map((port) => nameOf(port, request))
  ports.forEach((port, at) => {
    const name = names[at] ?? port.name
    if (name !== port.name) apply([{ kind: 'link', index: port.index, up: false }, { kind: 'link', index: port.index, name }], port.name)
  })
  const [parent] = ports
  const on = request.kind === 'vlan' && parent !== undefined ? { index: parent.index, id: request.id } : null
  apply([{ kind: 'new-link', name: request.name, type: request.kind, on }], names[0] ?? '')
  const link = find()
  if (link === undefined) throw notUp(`Cannot make '${request.name}': it is not there`, describeInterfaces(readInterfaces(kernel)))
  const isNew = !ports.some(({ master }) => master === link.index)
  if (request.kind === 'bond' && isNew) setOptions(tools, request)
  ports.forEach((port, at) => {
    const name = names[at] ?? port.name
    // A bond takes only what is down, and brings it up itself.
    const join: NetChange[] = request.kind === 'vlan' || port.master === link.index ? []
      : [...(request.kind === 'bond' ? [{ kind: 'link', index: port.index, up: false } as const] : []), { kind: 'link', index: port.index, master: link.index }]
    apply([...join, ...planLink(port, DHCP_ANYWHERE, port.name)], name)
  })
  apply(planLink(link, { ...DHCP_ANYWHERE, mtu: request.kind === 'bond' ? request.mtu : null }, link.name), link.name)
  log.info(`network: ${request.name} is a ${request.kind === 'vlan' ? 'VLAN' : request.kind} on ${names.join(', ')}`)
  return names
}

/** Makes all of them. Throws BootFailure, or SyscallError with what the kernel says. */
export function makeLinks(tools: LinkTools, requests: readonly LinkRequest[]): MadeLinks {
  const { value, error } = inOrder(requests)
  if (value === null) throw notUp(`Cannot make the links of vlan=, bond= and bridge=: ${error}`, [])
  const made = value.map(({ name }) => name)
  for (const kind of new Set(value.map((one) => one.kind))) loadDriver(tools, kind, made)
  try {
    return { made, ports: value.flatMap((request) => makeLink(tools, request)) }
  } catch (cause) {
    // The kernel does not know the kind of link.
    if (isErrno(cause, 'EOPNOTSUPP')) throw notUp(`${errorLine(cause)}: there is no driver in this image (8021q, bonding, bridge)`, [])
    throw cause
  }
}
