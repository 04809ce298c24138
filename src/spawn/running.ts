// A child that runs: waiting for it, signals, and what is cleaned up when it has ended.
//
// Only its own pid is ever waited for, so Node's children and those of other runs are not touched. `ended` watches the pidfd from
// Node's event loop: no thread, no polling, and nothing at all unless somebody asks.  pidfd_open(2), waitid(2)

import { SIGKILL } from '../abi/process.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { waitReadable } from '../kernel/wait-readable.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import type { HostSteps } from './host-steps.ts'
import type { ExitStatus, RunningChild } from './spawner-types.ts'

/** Ends a child of ours for good and reaps it. */
export function killAndReap(kernel: Kernel, pid: number, pidfd: Fd): void {
  attempt(() => kernel.pidfdSendSignal(pidfd, SIGKILL))
  waitReadable(kernel, pidfd)
  kernel.reap(pid)
}

export class Running implements RunningChild {
  readonly pid: number
  readonly pidfd: Fd
  readonly plan: RunPlan
  readonly #kernel: Kernel
  readonly #steps: HostSteps
  #status: ExitStatus | null = null
  #ended: Promise<ExitStatus> | null = null
  #resolve: ((status: ExitStatus) => void) | null = null
  #unwatch: (() => void) | null = null

  constructor(kernel: Kernel, child: { pid: number; pidfd: Fd; plan: RunPlan; steps: HostSteps }) {
    this.#kernel = kernel
    this.pid = child.pid
    this.pidfd = child.pidfd
    this.plan = child.plan
    this.#steps = child.steps
  }

  wait(timeoutMs?: number): ExitStatus | null {
    if (this.#status !== null) return this.#status
    return waitReadable(this.#kernel, this.pidfd, timeoutMs) ? this.#finish() : null
  }

  get ended(): Promise<ExitStatus> {
    this.#ended ??= new Promise((resolve) => {
      if (this.#status !== null) return resolve(this.#status)
      this.#resolve = resolve
      this.#unwatch = this.#kernel.onReadable(this.pidfd, () => void this.#finish())
    })
    return this.#ended
  }

  signal(signal: number): void {
    if (this.#status !== null) return
    try {
      this.#kernel.pidfdSendSignal(this.pidfd, signal)
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error
    }
  }

  handle(name: string): Fd | null {
    return this.#status === null ? this.#steps.find(name) : null
  }

  /** It has ended: reaps it and removes what belongs to it. */
  #finish(): ExitStatus {
    if (this.#status !== null) return this.#status
    this.#unwatch?.()
    const found = this.#kernel.reap(this.pid)
    // Both null: somebody else has reaped it.
    const status = { code: found?.code ?? null, signal: found?.signal ?? null }
    this.#status = status
    this.#steps.undo()
    this.#kernel.close(this.pidfd)
    this.#resolve?.(status)
    return status
  }
}
