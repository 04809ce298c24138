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

export interface Supervised {
  readonly child: RunningChild
  /** Our end of its terminal, or null. */
  readonly master: number | null
  /** Directory of its own cgroup, or null. */
  readonly cgroup: string | null
  /** Its file in the registry, or null. */
  readonly entry: string | null
}

/** The status as a shell has it. */
export function shellStatus({ code, signal }: ExitStatus): number {
  return code ?? 128 + (signal ?? SIGKILL)
}

/** Waits for the end. Whatever happens, the terminal is as it was then. */
export async function supervise(kernel: Kernel, supervised: Supervised, { streams, signals }: Surroundings): Promise<ExitStatus> {
  const { child, master, cgroup, entry } = supervised
  const terminal = master === null ? null : streams.inputFd
  // Before raw mode: the guard puts back what is now.
  const endGuard = startGuard(kernel, { pidfd: child.pidfd, cgroup, entry, terminal })
  const console = master === null ? null : new Console(kernel, streams, toFd(master), () => child.signal(SIGKILL))
  const unforward = forwardSignals(signals, child, console)
  try {
    console?.start()
    return await child.ended
  } finally {
    unforward()
    await console?.stop()
    attempt(endGuard)
  }
}
