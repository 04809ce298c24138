// DHCP by busybox's udhcpc: an address for as long as this boot and the system after it last.
//
// udhcpc asks and ends; its script only writes down what it was told, and what is done with it is planned and done
// here. No daemon stays: the kernel keeps the address (docs/network-root.md has what that means for the lease).
// https://udhcp.busybox.net, RFC 2131; options in busybox: networking/udhcp/common.c.

import { errorLine } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Trace } from '../../execute/trace.ts'
import { runTool } from '../tool.ts'
import { parseLease } from './parse-lease.ts'
import type { Lease } from './parse-lease.ts'

/** Where the script and the leases are; carried over to the root with /run. */
export const NETWORK_DIRECTORY = '/run/fulcrum/network'
const SCRIPT = `${NETWORK_DIRECTORY}/udhcpc-script`
/** The name of the file comes by the environment. Only what the server said is written, never the words of PID 1. */
const SCRIPT_TEXT = `#!/bin/busybox sh
case $1 in bound|renew) /bin/busybox env > "$lease_file" ;; esac
`
const OPTIONS = ['subnet', 'broadcast', 'router', 'dns', 'domain', 'search', 'hostname', 'mtu', 'rootpath', 'staticroutes', 'ntpsrv', 'lease', 'serverid']
/** Between two questions, in seconds. */
const PAUSE_S = 3
/** Until udhcpc has ended after its last question. */
const GRACE_MS = 5000

export interface DhcpRequest {
  readonly device: string
  readonly family: 4 | 6
  readonly hostname: string | null
  readonly timeoutMs: number
}

/** Makes the folder and the parents of it that are missing. */
export function makeNetworkDirectory(kernel: Pick<Kernel, 'exists' | 'mkdir'>): void {
  for (const path of ['/run/fulcrum', NETWORK_DIRECTORY]) if (!kernel.exists(path)) kernel.mkdir(path, 0o755)
}

/** Asks once. Throws Error with a line for a person. */
export function askDhcp(machine: { readonly kernel: Pick<Kernel, 'exists' | 'mkdir' | 'run' | 'writeFile' | 'chmod' | 'readText' | 'unlink'>; readonly trace: Pick<Trace, 'measure'> }, request: DhcpRequest): Lease {
  const { kernel } = machine
  const { device, family, hostname, timeoutMs } = request
  makeNetworkDirectory(kernel)
  kernel.writeFile(SCRIPT, SCRIPT_TEXT, 0o755)
  kernel.chmod(SCRIPT, 0o755)
  const file = `${NETWORK_DIRECTORY}/${device}.lease`
  if (kernel.exists(file)) kernel.unlink(file)
  const tries = Math.max(1, Math.ceil(timeoutMs / (PAUSE_S * 1000)))
  const common = ['-f', '-n', '-q', '-i', device, '-s', SCRIPT, '-t', String(tries), '-T', String(PAUSE_S), '-A', String(PAUSE_S)]
  const asked = family === 4 ? [...OPTIONS.flatMap((option) => ['-O', option]), ...(hostname === null ? [] : ['-x', `hostname:${hostname}`])] : []
  const program = family === 4 ? 'udhcpc' : 'udhcpc6'
  try {
    runTool(machine, 'busybox', [program, ...common, ...asked], { timeoutMs: timeoutMs + GRACE_MS, env: { lease_file: file } })
  } catch (error) {
    throw new Error(`Cannot get an address for ${device} by DHCP: ${errorLine(error).replace(/^.*?: /, '')}`)
  }
  const lease = kernel.exists(file) ? parseLease(kernel.readText(file)) : null
  if (lease === null) throw new Error(`Cannot get an address for ${device} by DHCP: the lease has no address`)
  return lease
}
