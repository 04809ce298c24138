// A root on a network block device: nbd-client hands the connection to the kernel by netlink, and no process stays.
//
// docs/storage.md has why netlink and nothing else. One that is connected already is left so after a return, and
// connected anew by a retry, since something about it may have been wrong.  nbd-client(8)

import { errorLine } from '../../kernel/errors.ts'
import type { RootContext, SpecialRoot, Wanted } from '../storage/context.ts'
import { runTool, ToolFailure } from '../tool.ts'
import { bracketed } from './ip-address.ts'
import type { Connection } from './network-files.ts'
import type { NbdRoot } from './parse-netroot.ts'
import { meansDisk, NBD_PORT } from './parse-netroot.ts'
import { notReached, resolveHost } from './server.ts'

const CLIENT_MS = 30_000
const PAUSE_MS = 1000

/** '/dev/nbd0' of '/dev/nbd0p1'; the first where root= names another thing. */
export function nbdDevice(spec: string): string {
  return /^\/dev\/nbd\d+/.exec(spec)?.[0] ?? '/dev/nbd0'
}

/** The words of nbd-client. */
export function nbdArguments(root: NbdRoot, server: string, device: string): string[] {
  const name = root.exportName === '' ? [] : ['-name', root.exportName]
  return [server, ...(root.port === NBD_PORT ? [] : [String(root.port)]), device, ...name, ...root.clientOptions]
}

/** What nbd-client says is wrong: its last line but 'Exiting.'. */
export function reasonOf(output: string): string {
  const lines = output.split('\n').map((line) => line.trim()).filter((line) => line !== '' && line !== 'Exiting.')
  return (lines.at(-1) ?? 'nbd-client says nothing').replace(/^.*\bError: /, '')
}

/** Connects it. Throws BootFailure. */
export function connectNbd(context: RootContext, root: NbdRoot, wanted: Wanted, connection: Connection): SpecialRoot {
  const { state, loader } = context
  const { kernel, parameters } = state
  const server = root.server ?? connection.request.server ?? connection.lease?.bootServer ?? connection.lease?.server ?? null
  if (server === null) throw notReached('Cannot connect the NBD root: its server is not told', [])
  const device = nbdDevice(wanted.spec)
  const problems = loader.load(['nbd'])
  const found: SpecialRoot = {
    kind: 'device', spec: meansDisk(wanted.spec) ? device : wanted.spec,
    ...(root.fstype === null ? {} : { fstypes: [root.fstype] }),
    ...(root.options === '' ? {} : { options: [root.options, wanted.options].filter((text) => text !== '').join(',') }),
  }
  const isConnected = kernel.exists(`/sys/block/${device.slice('/dev/'.length)}/pid`)
  if (isConnected && state.returned !== null) return found
  if (isConnected) runTool(state, 'nbd-client', ['-d', device])
  const address = resolveHost(state, server)
  const end = parameters.rootTimeoutMs === null ? null : kernel.monotonicUs() + BigInt(parameters.rootTimeoutMs) * 1000n
  for (let told = ''; ; kernel.sleepMs(PAUSE_MS)) {
    try {
      runTool(state, 'nbd-client', nbdArguments(root, address, device), { timeoutMs: CLIENT_MS })
      return found
    } catch (error) {
      if (!(error instanceof ToolFailure)) throw error
      const line = error.status === null ? errorLine(error) : `Cannot connect ${device} to ${bracketed(address)}: ${reasonOf(error.output)}`
      // A server that says no says so again.
      const isFinal = error.status === null || /export unknow|unknown export|not (found|known|available)|denied|policy/i.test(error.output)
      if (isFinal || (end !== null && kernel.monotonicUs() >= end)) throw notReached(line, [...problems, ...error.output.split('\n').filter((text) => text !== '')])
      if (told !== line) state.log.warn(`${line}; trying again`)
      told = line
    }
  }
}
