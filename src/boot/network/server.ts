// The server of a root: its address, and whether it answers.
//
// Names are looked up by getent(1) of the image, that is by the C library with the resolv.conf that DHCP or
// nameserver= gave. A switch port may take half a minute before it forwards anything: who does not answer is asked
// again until the time-out of the root is over.

import { errorLine, SyscallError } from '../../kernel/errors.ts'
import type { BootState } from '../boot-state.ts'
import { refusalFailure } from '../boot-failure.ts'
import type { BootFailure } from '../boot-failure.ts'
import { runTool } from '../tool.ts'
import { addressBytes, bracketed, isAddress } from './ip-address.ts'

/** What is needed of the boot. */
export type ServerState = Pick<BootState, 'kernel' | 'parameters' | 'log' | 'trace'>

const LOOK_UP_MS = 15_000
const ANSWER_MS = 5000
const PAUSE_MS = 500

/** What a server that cannot be reached ends in. */
export function notReached(detail: string, report: readonly string[]): BootFailure {
  return refusalFailure('root-device', {
    reason: 'server-not-reached', detail,
    remedy: "look at the server, and at the address and the gateway of ip=; 'retry' asks again",
  }, null, report)
}

/** Lines of `getent ahosts`: 'ADDRESS STREAM NAME'. The first is the one that the C library prefers. */
export function firstAddress(text: string): string | null {
  return text.split('\n').map((line) => line.split(/\s+/)[0] ?? '').find((word) => isAddress(word)) ?? null
}

/** The address of a name; an address as it is. Throws BootFailure. */
export function resolveHost(state: ServerState, host: string): string {
  if (isAddress(host)) return host
  let why = 'the answer has no address'
  for (const deadline = limit(state); ; state.kernel.sleepMs(PAUSE_MS)) {
    try {
      const found = firstAddress(runTool(state, 'getent', ['ahosts', host], { timeoutMs: LOOK_UP_MS }))
      if (found !== null) return found
    } catch (error) {
      why = errorLine(error)
    }
    if (isOver(state, deadline)) throw notReached(`Cannot look up the server '${host}': ${why}`, [])
  }
}

/** Microseconds of CLOCK_MONOTONIC, or null for ever. */
function limit({ kernel, parameters }: ServerState): bigint | null {
  return parameters.rootTimeoutMs === null ? null : kernel.monotonicUs() + BigInt(parameters.rootTimeoutMs) * 1000n
}

function isOver({ kernel }: ServerState, deadline: bigint | null): boolean {
  return deadline !== null && kernel.monotonicUs() >= deadline
}

/** Returns when somebody listens on this port. Throws BootFailure. */
export function awaitServer(state: ServerState, address: string, port: number): void {
  const { kernel, log } = state
  const bytes = addressBytes(address)
  if (bytes === null) throw new Error(`Cannot ask '${address}': it is no address`)
  const where = `${bracketed(address)}:${port}`
  let told = ''
  for (const deadline = limit(state); ; kernel.sleepMs(PAUSE_MS)) {
    try {
      kernel.probeTcp(bytes, port, ANSWER_MS)
      return
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error
      const why = error.code === 'ETIMEDOUT' ? 'no answer' : error.code === 'ECONNREFUSED' ? 'nobody listens there (ECONNREFUSED)' : errorLine(error)
      if (isOver(state, deadline)) throw notReached(`Cannot reach the server ${where}: ${why}`, [])
      if (told !== why) log.warn(`waiting for the server ${where}: ${why}`)
      told = why
    }
  }
}
