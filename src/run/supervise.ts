// What `fulcrum run` does while the command runs: the terminal, the signals, the guard, and the end of it all.
//
// The same for `fulcrum enter`, which has no name in the registry and nothing to clean up but itself.  docs/run.md

import { SIGKILL } from '../abi/process.ts'
import { attempt } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { ExitStatus, RunningChild } from '../spawn/spawner-types.ts'
import { Console } from './console.ts'
import type { ConsoleStreams } from './console.ts'
import { forwardSignals } from './forward-signals.ts'
import type { SignalSource } from './forward-signals.ts'
import { startGuard } from './guard.ts'

/** What it has of this process. */
export interface Surroundings {
  readonly streams: ConsoleStreams
  readonly signals: SignalSource
}

export interface Started {
  readonly child: RunningChild
  /** Our end of its terminal, or null. */
  readonly master: number | null
  /** Ends the guard that was started before it; null: one by its pidfd is started now. */
  readonly endGuard: (() => void) | null
}

/** The status as a shell has it. */
export function shellStatus({ code, signal }: ExitStatus): number {
  return code ?? 128 + (signal ?? SIGKILL)
}

/**
 * Starts something and waits for its end. Signals that come meanwhile are for it, from the first moment on. Whatever happens,
 * the terminal is as it was then. Throws what `start` throws.
 */
export async function supervise(kernel: Kernel, { streams, signals }: Surroundings, start: () => Started): Promise<ExitStatus> {
  let child: RunningChild | null = null
  let console: Console | null = null
  let endGuard: (() => void) | null = null
  // Handlers run from the event loop only, and what follows is synchronous until the child is there.
  const unforward = forwardSignals(signals, { signal: (number) => child?.signal(number) }, () => console)
  try {
    const started = start()
    const running = started.child
    child = running
    // Before raw mode: the guard puts back what is now.
    endGuard = started.endGuard ?? startGuard(kernel, { pidfd: running.pidfd, cgroup: null, entry: null, terminal: started.master === null ? null : streams.inputFd })
    if (started.master !== null) console = new Console(kernel, streams, toFd(started.master), () => running.signal(SIGKILL))
    console?.start()
    return await running.ended
  } finally {
    unforward()
    await console?.stop()
    const end = endGuard
    if (end !== null) attempt(end)
  }
}
