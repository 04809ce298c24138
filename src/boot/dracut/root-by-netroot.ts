// Hooks of 'netroot' and programs of dracut modules that get the root from a server, once the network is up.
//
// dracut's netroot: the hooks first, which may make another server of $netroot, then the program that is named after its
// type (netroot=mine:… is 'mineroot INTERFACE NETROOT NEWROOT'). What fulcrum knows itself (NFS, NBD, iSCSI) is not
// handed to a program.  docs/dracut-hooks.md

import type { BootState } from '../boot-state.ts'
import { namedRoot } from '../network/network-root.ts'
import { parseNetroot } from '../network/parse-netroot.ts'
import type { Connection } from '../network/network-files.ts'
import type { BootParameters } from '../parameters.ts'
import { rootByHook, sysrootMountId } from '../root-by-hook.ts'
import type { MountedRoot } from '../storage/context.ts'
import { findTool } from '../tool.ts'
import { withHookVariables } from './root-by-hooks.ts'

export interface Offer {
  /** What the hooks find in $netroot. */
  readonly text: string
  /** The interface that leads there. */
  readonly device: string
}

/** What the hooks are asked about; null when no root is behind the network. Pure. */
export function offeredRoot(parameters: Pick<BootParameters, 'root' | 'network'>, connections: readonly Pick<Connection, 'name' | 'address' | 'lease'>[]): Offer | null {
  const { root, network: { netroot, nfsroot, nbdroot } } = parameters
  const named = namedRoot(parameters)
  const first = connections.find(({ address }) => address !== null) ?? connections[0]
  if (named === null || first === undefined) return null
  if (named === 'dhcp') {
    const leased = connections.find(({ lease }) => (lease?.rootPath ?? null) !== null) ?? first
    return { text: leased.lease?.rootPath ?? '', device: leased.name }
  }
  const byWords = nfsroot !== null ? `nfs:${nfsroot}` : nbdroot !== null ? `nbd:${nbdroot}` : 'iscsi:'
  const isType = root !== null && /^\w+:/.test(root)
  return { text: netroot ?? (isType ? root : byWords), device: first.name }
}

/** The program for a type that fulcrum does not know itself: 'mineroot' for 'mine:…', as dracut names it. */
export function handlerName(netroot: string): string | null {
  if (netroot.startsWith('iscsi:') || parseNetroot(netroot) !== null) return null
  const type = /^([\w-]+):/.exec(netroot)?.[1]
  return type === undefined ? null : `${type.replace(/4$/, '')}root`
}

/** Runs them, if a root is behind the network; the root if one of them has mounted it. Throws BootFailure. */
export function rootByNetroot(state: BootState, connections: readonly Connection[]): MountedRoot | null {
  const { hookShell, kernel } = state
  const offer = hookShell === null ? null : offeredRoot(state.parameters, connections)
  if (hookShell === null || offer === null) return null
  const before = sysrootMountId(kernel)
  hookShell.set({ netroot: offer.text, netif: offer.device })
  hookShell.run('netroot', offer.device)
  const variables = new Map(hookShell.variables())
  const netroot = variables.get('netroot') ?? ''
  // The same as before is no answer: the kernel's words say it in their own way.
  if (netroot === offer.text) variables.delete('netroot')
  state.parameters = withHookVariables(state.parameters, variables)
  const name = handlerName(netroot)
  const program = name === null ? undefined : findTool(kernel, name)
  if (program !== undefined) {
    hookShell.runHandler(program, offer.device)
    // It has done what there was to do: root= names what is there now, or a hook of 'mount' knows.
    state.parameters = { ...state.parameters, network: { ...state.parameters.network, netroot: null } }
  }
  return rootByHook(kernel, before)
}
