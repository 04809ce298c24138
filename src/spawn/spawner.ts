// Spawner: starts the commands of plans, many from one process.
//
// The host steps, then one clone(2) whose child works off the table and becomes the command. The kernel clears a word of the
// table when that child has its program or has ended, and wakes us: so start() knows which call has failed and why, and the
// table's memory is free again. docs/children.md says why this is safe in Node.

import { CLONE_CLEAR_SIGHAND, CLONE_VFORK, CLONE_VM, PR_GET_DUMPABLE, PR_SET_DUMPABLE, SIGKILL } from '../abi/process.ts'
import type { RunFeatures } from '../facts/run/run-types.ts'
import { SyscallError } from '../kernel/errors.ts'
import type { StartedTable } from '../kernel/child-table.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { waitReadable } from '../kernel/wait-readable.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import { nameFlags, CLONE_FLAGS } from '../plan/run/flag-text.ts'
import { showStep } from '../plan/run/show-step.ts'
import { Compiler } from './compile.ts'
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

/** A run whose child works off its table. */
interface Begun {
  readonly plan: RunPlan
  readonly steps: HostSteps
  readonly table: StartedTable
}

export class Spawner {
  readonly #kernel: Kernel
  readonly #userNamespaces: UserNamespaces
  readonly #compiler = new Compiler()
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
    const [started] = this.startAll([plan])
    if (started === undefined || started instanceof SpawnError) throw started
    return started
  }

  /**
   * Starts many commands: their children set themselves up at the same time. One answer for each plan, in their order. A
   * RangeError, for a plan that is none, is thrown when those before it have been ended.
   */
  startAll(plans: readonly RunPlan[]): (RunningChild | SpawnError)[] {
    const kernel = this.#kernel
    const dumpable = kernel.prctl(PR_GET_DUMPABLE, 0)
    const begun: (Begun | SpawnError)[] = []
    // While a child shares our memory, nobody may look into it by way of that child: it may be in a container's namespaces already.
    kernel.prctl(PR_SET_DUMPABLE, 0)
    try {
      for (const plan of plans) begun.push(this.#begin(plan))
    } catch (error) {
      for (const it of begun) if (!(it instanceof SpawnError)) this.#endAtOnce(it)
      throw error
    } finally {
      for (const it of begun) if (!(it instanceof SpawnError)) this.#waitUntilLeft(it)
      // 2 is for those who became so by sysctl fs.suid_dumpable; prctl(2) does not take it back.
      kernel.prctl(PR_SET_DUMPABLE, dumpable === 1 ? 1 : 0)
    }
    return begun.map((it) => (it instanceof SpawnError ? it : this.#finish(it)))
  }

  /** Closes what the runs share. Those that run go on. */
  close(): void {
    this.#userNamespaces.close()
    for (const fd of [this.#template, this.#initProgram]) if (fd !== null) this.#kernel.close(fd)
    this.#template = null
    this.#initProgram = null
  }

  /** The host steps and the clone. Throws RangeError; nothing is left behind by it, nor by an error that is answered. */
  #begin(plan: RunPlan): Begun | SpawnError {
    const steps = new HostSteps(this.#kernel, {
      userNamespace: (uidMap, gidMap) => this.#userNamespaces.get(uidMap, gidMap),
      template: () => this.#template ??= makeTemplate(this.#kernel),
      initProgram: () => this.#initProgram ??= makeInitProgram(this.#kernel),
    })
    let index = 0
    try {
      for (const step of plan.host) {
        steps.make(step)
        index += 1
      }
      const rows = this.#compiler.compile(plan, { descriptor: (name) => steps.fd(name), ...this.#answers })
      const flags = plan.clone + sumOfMissing(plan.clone, plan.intoCgroup !== null)
      const cgroup = plan.intoCgroup === null ? {} : { cgroup: steps.fd(plan.intoCgroup.handle) }
      return { plan, steps, table: this.#kernel.startChild(rows, { flags, presence: true, ...cgroup }) }
    } catch (cause) {
      steps.undo()
      if (!(cause instanceof SyscallError)) throw cause
      const step = plan.host[index]
      if (step !== undefined) return new SpawnError(plan, { actor: 'host', index, shown: showStep(step), cause, role: null })
      return new SpawnError(plan, { actor: 'child', index: -1, shown: `clone3(${nameFlags(plan.clone, CLONE_FLAGS)})`, cause, role: 'clone' })
    }
  }

  /** Every process of the table has its program or has ended: the run, or why there is none. */
  #finish({ plan, steps, table }: Begun): RunningChild | SpawnError {
    const first = { pid: table.pid, pidfd: table.pidfd }
    const index = plan.calls.findIndex(({ goOn }, row) => goOn !== true && (table.result(row) ?? 0) < 0)
    const call = plan.calls[index]
    const errno = call === undefined ? 0 : -(table.result(index) ?? 0)
    const mainPid = plan.main === null ? null : table.result(plan.calls.findIndex(({ label }) => label === plan.main))
    table.release()
    const main = mainPid === null || mainPid <= 0 ? first : this.#openMain(mainPid)
    if (main instanceof SyscallError) {
      this.#leave(first)
      steps.undo()
      return new SpawnError(plan, { actor: 'host', index: plan.host.length, shown: `pidfd_open(${mainPid})`, cause: main, role: null })
    }
    if (call === undefined) {
      if (main !== first) this.#leave(first)
      steps.closeAllBut(plan.keep ?? [])
      return new Running(this.#kernel, { ...main, plan, steps })
    }
    for (const it of main === first ? [first] : [main, first]) {
      killAndReap(this.#kernel, it.pid, it.pidfd)
      this.#kernel.close(it.pidfd)
    }
    steps.undo()
    return new SpawnError(plan, { actor: 'child', index, shown: call.shown, cause: errorOfCall(call, errno), role: call.role ?? null })
  }

  /** Returns when no process of the table shares our memory any more. */
  #waitUntilLeft({ plan, table }: Begun): void {
    table.waitUntilLeft(null)
    for (const row of this.#compiler.clonesBeside(plan)) table.waitUntilLeft(row)
  }

  #endAtOnce(begun: Begun): void {
    this.#waitUntilLeft(begun)
    const running = this.#finish(begun)
    if (running instanceof SpawnError) return
    running.signal(SIGKILL)
    running.wait()
  }

  /** EMFILE, most likely: without a descriptor it cannot be known when it ends, so it ends now. */
  #openMain(pid: number): Processes | SyscallError {
    try {
      return { pid, pidfd: this.#kernel.pidfdOpen(pid) }
    } catch (cause) {
      if (!(cause instanceof SyscallError)) throw cause
      this.#kernel.kill(pid, SIGKILL)
      while (this.#kernel.reap(pid) === null) this.#kernel.sleepMs(1)
      return cause
    }
  }

  /** The outer child has done its part: it ends by itself, at once. */
  #leave({ pid, pidfd }: Processes): void {
    waitReadable(this.#kernel, pidfd)
    this.#kernel.reap(pid)
    this.#kernel.close(pidfd)
  }
}

/**
 * Bits that every clone has and that are not set yet; flags have more than 32 bits. In a cgroup of its own, whose memory may be
 * limited, CLONE_VFORK too: else the OOM killer, which ends all who share memory with its victim, could end us (in_vfork() in
 * mm/oom_kill.c).
 */
function sumOfMissing(flags: number, limited: boolean): number {
  const missing = BigInt(CLONE_VM | (limited ? CLONE_VFORK : 0)) | BigInt(CLONE_CLEAR_SIGHAND)
  return Number(missing & ~BigInt(flags))
}

/** CapPrm of proc_pid_status(5). */
function readPermitted(kernel: Kernel): bigint {
  const [, hex = '0'] = /^CapPrm:\s*([0-9a-f]+)/m.exec(kernel.readText('/proc/self/status')) ?? []
  return BigInt(`0x${hex}`)
}
