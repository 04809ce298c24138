// Spawner: starts the commands of plans, many from one process.
//
// start() makes the host steps, then one clone(2) whose child works off the table and becomes the command. This thread waits in
// that clone until the child has its program or has failed (CLONE_VFORK), so start() knows which call failed and why,
// and the table's memory is free again. docs/children.md says why this is safe in Node.

import { CLONE_CLEAR_SIGHAND, CLONE_VFORK, CLONE_VM, PR_GET_DUMPABLE, PR_SET_DUMPABLE } from '../abi/process.ts'
import type { RunFeatures } from '../facts/run/run-types.ts'
import { SyscallError } from '../kernel/errors.ts'
import type { StartedTable } from '../kernel/child-table.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { waitReadable } from '../kernel/wait-readable.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import { nameFlags, CLONE_FLAGS } from '../plan/run/flag-text.ts'
import { showStep } from '../plan/run/show-step.ts'
import { clonesBeside, compile } from './compile.ts'
import { readFeatures } from './features.ts'
import { HostSteps } from './host-steps.ts'
import { makeInitProgram } from './init-program.ts'
import { killAndReap, Running } from './running.ts'
import { errorOfCall, SpawnError } from './spawn-error.ts'
import type { RunningChild } from './spawner-types.ts'
import { makeTemplate } from './template.ts'
import { UserNamespaces } from './user-namespaces.ts'

/** The child whose process is the run, and the one that was cloned first where that is another. */
interface Processes {
  readonly pid: number
  readonly pidfd: Fd
}

export class Spawner {
  readonly #kernel: Kernel
  readonly #userNamespaces: UserNamespaces
  readonly #answers: { hardLimit: (resource: number) => bigint; permitted: () => bigint }
  #template: Fd | null = null
  #initProgram: Fd | null = null
  #features: RunFeatures | null = null
  #permitted: bigint | null = null

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    this.#userNamespaces = new UserNamespaces(kernel)
    this.#answers = { hardLimit: (resource) => kernel.getLimit(resource).hard, permitted: () => this.#permitted ??= readPermitted(kernel) }
  }

  /** What this kernel can; tried once, on the first call. */
  get features(): RunFeatures {
    this.#features ??= readFeatures(this.#kernel)
    return this.#features
  }

  /** Starts the command. Throws SpawnError, and RangeError for a plan that is none; nothing is left behind then. */
  start(plan: RunPlan): RunningChild {
    const steps = new HostSteps(this.#kernel, {
      userNamespace: (uidMap, gidMap) => this.#userNamespaces.get(uidMap, gidMap),
      template: () => this.#template ??= makeTemplate(this.#kernel),
      initProgram: () => this.#initProgram ??= makeInitProgram(this.#kernel),
    })
    try {
      this.#makeSteps(plan, steps)
      const main = this.#startTable(plan, steps)
      steps.closeAllBut(plan.keep ?? [])
      return new Running(this.#kernel, { ...main, plan, steps })
    } catch (error) {
      steps.undo()
      throw error
    }
  }

  /** Closes what the runs share. Those that run go on. */
  close(): void {
    this.#userNamespaces.close()
    for (const fd of [this.#template, this.#initProgram]) if (fd !== null) this.#kernel.close(fd)
    this.#template = null
    this.#initProgram = null
  }

  #makeSteps(plan: RunPlan, steps: HostSteps): void {
    for (const [index, step] of plan.host.entries()) {
      try {
        steps.make(step)
      } catch (cause) {
        if (!(cause instanceof SyscallError)) throw cause
        throw new SpawnError(plan, { actor: 'host', index, shown: showStep(step), cause, role: null })
      }
    }
  }

  #startTable(plan: RunPlan, steps: HostSteps): Processes {
    const rows = compile(plan, { descriptor: (name) => steps.fd(name), ...this.#answers })
    const options = { flags: plan.clone + sumOfMissing(plan.clone), ...(plan.intoCgroup === null ? {} : { cgroup: steps.fd(plan.intoCgroup.handle) }) }
    const table = this.#cloned(plan, () => {
      const started = this.#kernel.startChild(rows, options)
      for (const row of clonesBeside(plan.calls)) started.waitUntilLeft(row)
      return started
    })
    const first = { pid: table.pid, pidfd: table.pidfd }
    try {
      const main = this.#mainOf(plan, table, first)
      const failed = plan.calls.findIndex(({ goOn }, row) => goOn !== true && (table.result(row) ?? 0) < 0)
      const call = plan.calls[failed]
      if (call === undefined) {
        if (main !== first) this.#leave(first)
        return main
      }
      for (const it of main === first ? [first] : [main, first]) {
        killAndReap(this.#kernel, it.pid, it.pidfd)
        this.#kernel.close(it.pidfd)
      }
      throw new SpawnError(plan, { actor: 'child', index: failed, shown: call.shown, cause: errorOfCall(call, -(table.result(failed) ?? 0)), role: call.role ?? null })
    } finally {
      table.release()
    }
  }

  /** While a child shares our memory, nobody may look into it by way of that child: it may be in a container's namespaces already. */
  #cloned(plan: RunPlan, start: () => StartedTable): StartedTable {
    const dumpable = this.#kernel.prctl(PR_GET_DUMPABLE, 0)
    this.#kernel.prctl(PR_SET_DUMPABLE, 0)
    try {
      return start()
    } catch (cause) {
      if (!(cause instanceof SyscallError)) throw cause
      const shown = `clone3(${nameFlags(plan.clone, CLONE_FLAGS)})`
      throw new SpawnError(plan, { actor: 'child', index: -1, shown, cause, role: 'clone' })
    } finally {
      // 2 is for those who became so by sysctl fs.suid_dumpable; prctl(2) does not take it back.
      this.#kernel.prctl(PR_SET_DUMPABLE, dumpable === 1 ? 1 : 0)
    }
  }

  #mainOf(plan: RunPlan, table: StartedTable, first: Processes): Processes {
    if (plan.main === null) return first
    const row = plan.calls.findIndex(({ label }) => label === plan.main)
    const pid = table.result(row)
    return pid === null || pid <= 0 ? first : { pid, pidfd: this.#kernel.pidfdOpen(pid) }
  }

  /** The outer child has done its part: it ends by itself, at once. */
  #leave({ pid, pidfd }: Processes): void {
    waitReadable(this.#kernel, pidfd)
    this.#kernel.reap(pid)
    this.#kernel.close(pidfd)
  }
}

/** Bits of CLONE_VM, CLONE_VFORK and CLONE_CLEAR_SIGHAND that are not set yet; flags have more than 32 bits. */
function sumOfMissing(flags: number): number {
  const missing = BigInt(CLONE_VM | CLONE_VFORK) | BigInt(CLONE_CLEAR_SIGHAND)
  return Number(missing & ~BigInt(flags))
}

/** CapPrm of proc_pid_status(5). */
function readPermitted(kernel: Kernel): bigint {
  const [, hex = '0'] = /^CapPrm:\s*([0-9a-f]+)/m.exec(kernel.readText('/proc/self/status')) ?? []
  return BigInt(`0x${hex}`)
}
