// Signals of `fulcrum run` for the command: what is sent to the one is meant for the other.
//
// A second SIGTERM is SIGKILL: whoever sends it has waited long enough. SIGTSTP stops both, SIGCONT goes on with both.
// SIGWINCH is for the terminal, where there is one.  signal(7)

import { signalNumber } from '../abi/signals.ts'
import { SIGKILL, SIGTERM } from '../abi/process.ts'
import type { Console } from './console.ts'

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGTSTP', 'SIGWINCH'] as const

/** node:process, or a test in its place. */
export interface SignalSource {
  on(signal: NodeJS.Signals, handler: () => void): unknown
  off(signal: NodeJS.Signals, handler: () => void): unknown
  readonly pid: number
  kill(pid: number, signal: NodeJS.Signals): unknown
}

/** What they are sent to. `kill` ends all of it. */
export interface SignalTarget {
  signal(signal: number): void
}

/** Begins to forward. `joined` answers the terminal that is joined to ours now, if any. The answer ends it. */
export function forwardSignals(source: SignalSource, target: SignalTarget, joined: () => Console | null): () => void {
  let terminated = false
  const act = (name: (typeof FORWARDED)[number]): void => {
    const number = signalNumber(name) ?? SIGTERM
    const console = joined()
    if (name === 'SIGWINCH' && console !== null) return console.resize()
    if (name === 'SIGTERM' && terminated) return target.signal(SIGKILL)
    if (name === 'SIGTERM') terminated = true
    if (name === 'SIGCONT') {
      console?.enterRaw()
      console?.resize()
    }
    target.signal(number)
    if (name === 'SIGTSTP') {
      console?.leaveRaw()
      source.kill(source.pid, 'SIGSTOP')
    }
  }
  const handlers = FORWARDED.map((name) => ({ name, handler: () => act(name) }))
  for (const { name, handler } of handlers) source.on(name, handler)
  return () => {
    for (const { name, handler } of handlers) source.off(name, handler)
  }
}
