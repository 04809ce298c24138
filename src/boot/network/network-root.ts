// Roots behind a network: NFS, NBD, iSCSI, and the network itself.
//
// ip= brings interfaces up (static or DHCP), the root's server is asked, and the answer is a mount or a block device.
// Documentation/admin-guide/nfs/nfsroot.rst (ip=, nfsroot=), dracut.cmdline(7); docs/network-root.md.

import type { BootParameters } from '../parameters.ts'
import { BootFailure, refusalFailure } from '../boot-failure.ts'
import type { RootContext, SpecialRoot, Wanted } from '../storage/context.ts'
import { connect } from './connect.ts'
import { connectIscsi } from './iscsi-root.ts'
import { connectNbd } from './nbd-root.ts'
import type { Connection } from './network-files.ts'
import { mountNfs } from './nfs-root.ts'
import type { Parsed } from './parse-ip.ts'
import { parseNbdroot, parseNetroot, parseNfs, parseRootPath } from './parse-netroot.ts'
import type { NetRoot } from './parse-netroot.ts'

/** What the command line says of a root behind the network; 'dhcp': DHCP tells it; null: it is none. */
export function namedRoot({ root, network }: Pick<BootParameters, 'root' | 'network'>): Parsed<NetRoot> | 'dhcp' | 'iscsi-words' | null {
  const { netroot, nfsroot, nbdroot, iscsi } = network
  if (iscsi.firmware) return { value: { kind: 'iscsi-firmware' }, error: null }
  for (const text of [netroot, root]) {
    if (text === null) continue
    if (/^dhcp[46]?$/.test(text)) return 'dhcp'
    if (text === 'iscsi' || text === 'iscsi:') return 'iscsi-words'
    const parsed = parseNetroot(text)
    if (parsed !== null) return parsed
    if (text === netroot) return { value: null, error: 'it is neither nfs:, nbd:, iscsi: nor dhcp, and the image has no program of a dracut module for it' }
  }
  if (root === '/dev/nfs' || root === 'nfs') return nfsroot === null ? 'dhcp' : parseNfs(nfsroot, null)
  if (nbdroot !== null) return nbdroot === 'dhcp' ? 'dhcp' : parseNbdroot(nbdroot)
  return iscsi.targetName === null ? null : 'iscsi-words'
}

/** The network, if the root is behind it or the command line asks for it. Empty: it is not needed. Throws BootFailure. */
export function connectNetwork(context: RootContext): readonly Connection[] {
  const { parameters, log } = context.state
  if (namedRoot(parameters) !== null) return connect(context)
  if (!parameters.network.isNeeded) return []
  try {
    return connect(context)
  } catch (error) {
    // The root is not behind it, and is not to be kept from booting by it.
    if (!(error instanceof BootFailure)) throw error
    log.warn(`${error.message}, ignoring: the root is not behind the network`)
    return []
  }
}

/** Mounts /usr if the root's fstab or mount.usr= names an NFS server for it. False: it does not. Throws BootFailure. */
export function mountNetworkUsr(context: RootContext, wanted: Wanted): boolean {
  const type = wanted.fstypes.find((one) => /^nfs4?$/.test(one))
  if (type === undefined) return false
  const { parameters } = context.state
  const isUp = parameters.network.isNeeded || namedRoot(parameters) !== null
  const [connection = null] = isUp ? [] : connect(context)
  const { value, error } = parseNfs(wanted.spec, type === 'nfs4' ? '4' : null)
  if (value === null) return invalid(wanted.spec, error)
  mountNfs(context, value, wanted, connection)
  return true
}

function invalid(text: string, why: string): never {
  throw refusalFailure('root-device', { reason: 'root-invalid', detail: `Cannot use '${text}' as a root behind the network: ${why}`, remedy: "correct it; fulcrum(7) has the forms" }, null, [])
}

/** The root-path of the first lease that has one. */
function byDhcp(connections: readonly Connection[]): { readonly root: NetRoot; readonly connection: Connection } {
  const connection = connections.find(({ lease }) => lease !== null && lease.rootPath !== null) ?? connections.find(({ lease }) => lease !== null)
  if (connection === undefined) return invalid('dhcp', 'no interface has a lease, so that nobody told the root')
  // The kernel's default, and what nfsroot.rst promises: /tftpboot/NAME of the server.
  const text = connection.lease?.rootPath ?? ''
  const { value, error } = parseRootPath(text)
  return value === null ? invalid(text, `DHCP tells it so, but ${error}`) : { root: value, connection }
}

/** The root, if root= or netroot= names a server; else null. Throws BootFailure. */
export function networkRoot(context: RootContext, wanted: Wanted, connections: readonly Connection[]): SpecialRoot | null {
  const { parameters } = context.state
  const named = namedRoot(parameters)
  const first = connections.find(({ address }) => address !== null) ?? connections[0]
  if (named === null || first === undefined) return null
  if (named === 'iscsi-words') return connectIscsi(context, null, wanted, first)
  if (named !== 'dhcp' && named.error !== null) return invalid(parameters.network.netroot ?? parameters.root ?? '', named.error)
  const { root, connection } = named === 'dhcp' ? byDhcp(connections) : { root: named.value, connection: first }
  switch (root.kind) {
    case 'nfs': return { kind: 'mounted', ...mountNfs(context, root, wanted, connection) }
    case 'nbd': return connectNbd(context, root, wanted, connection)
    case 'iscsi':
    case 'iscsi-firmware': return connectIscsi(context, root, wanted, connection)
  }
}
