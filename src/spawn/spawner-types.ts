// A running child, and how it ended.
//
// Types only: what Spawner (spawner.ts) answers.  pidfd_open(2), waitid(2)

import type { Fd } from '../kernel/fd.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'

/** One of them is null. */
export interface ExitStatus {
  readonly code: number | null
  readonly signal: number | null
}

/** A command that was started. */
export interface RunningChild {
  /** As the host sees it: the service itself, or PID 1 of the container. */
  readonly pid: number
  readonly pidfd: Fd
  readonly plan: RunPlan
  /** Blocks this thread; null when the time was over first. Without a time it waits for the end. */
  wait(timeoutMs?: number): ExitStatus | null
  /** Resolves when it has ended and all that belongs to it (cgroup, descriptors) is gone. Needs a running event loop. */
  readonly ended: Promise<ExitStatus>
  /** To the service, or to PID 1 of the container, which passes it on. Does nothing once it has ended. */
  signal(signal: number): void
  /** Descriptor that a host step has made, by its handle, while it runs: the master of a terminal, for instance. */
  handle(name: string): Fd | null
}
