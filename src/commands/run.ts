// `fulcrum run`: a command in another root, as a service or as a container.
//
// Options → request → facts → plan → start (src/spawn), a name in the registry, and then nothing but waiting: for the
// end, for signals, for what is typed.  docs/run.md

import { O_APPEND, O_CREAT, O_RDONLY, O_WRONLY } from '../abi/process.ts'
import { printable, safeJson } from '../facts/mounts/printable.ts'
import type { RunRequest } from '../facts/run/run-types.ts'
import { errorLine } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { describeRunPlan, runPlanToJson } from '../plan/run/describe.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import { processSurroundings } from '../run/process-surroundings.ts'
import { Registry, markOf } from '../run/registry.ts'
import type { RunEntry } from '../run/registry.ts'
import { startGuard } from '../run/guard.ts'
import { shellStatus, supervise } from '../run/supervise.ts'
import type { Surroundings } from '../run/supervise.ts'
import { cgroup2Mount } from '../facts/run/run-facts.ts'
import { RunRefused, readRunPlan, startRun } from '../spawn/start-run.ts'
import { Spawner } from '../spawn/spawner.ts'
import type { RunningChild } from '../spawn/spawner-types.ts'
import { EXIT_OK, EXIT_SYSTEM, type Command, type CommandIo } from './command.ts'
import { asksJson } from './failure.ts'
import { tellFailure } from './run-target.ts'
import { runHelp, runUsage } from './run-help.ts'
import { parseRunOptions } from './run-options.ts'
import type { RunWish } from './run-options.ts'
import { makeRequest } from './run-request.ts'

/** Whether what is typed goes to the command by a terminal of its own. */
function wantsTerminal(wish: RunWish, kernel: Kernel): boolean {
  if (wish.terminal !== 'auto') return wish.terminal === 'yes'
  return !wish.detach && kernel.tcgetattr(toFd(0)) !== null && kernel.tcgetattr(toFd(1)) !== null
}

/** Without cgroup2 there is none, unless something needs one: then the plan says what is missing. */
function cgroupParent(wish: RunWish, kernel: Kernel): string | null {
  const isAskedFor = wish.cgroupGiven || Object.values(wish.limits).some((limit) => limit !== null)
  return isAskedFor || cgroup2Mount(kernel) !== null ? wish.cgroupParent : null
}

function entryOf(kernel: Kernel, request: RunRequest): RunEntry {
  const { name, kind, root, command, user, capabilities, noNewPrivileges, terminal } = request
  return {
    version: 1, name, kind, root, command, user, capabilities, noNewPrivileges, terminal,
    process: null, supervisor: markOf(kernel, 'self'), pidNamespace: kernel.readlink('/proc/self/ns/pid'), cgroup: null,
    since: Number(kernel.realtimeUs() / 1_000_000n), idMap: request.kind === 'container' ? request.idMap : null,
    init: request.kind === 'container' && request.init, plan: '', binds: [],
  }
}

function startedJson({ name, kind, root, command }: RunRequest, { pid, plan }: RunningChild): Record<string, unknown> {
  return { name, kind, pid, root, command, cgroup: cgroupOf(plan), plan: plan.name }
}

const cgroupOf = (plan: RunPlan): string | null => plan.host.find((step) => step.op === 'cgroup')?.path ?? null

class RunCommand {
  readonly #kernel: Kernel
  readonly #io: CommandIo
  readonly #wish: RunWish
  readonly #registry: Registry
  readonly #spawner: Spawner

  constructor(kernel: Kernel, io: CommandIo, wish: RunWish, spawner: Spawner) {
    this.#kernel = kernel
    this.#io = io
    this.#wish = wish
    this.#registry = new Registry(kernel)
    this.#spawner = spawner
  }

  #request(stdio: readonly [Fd, Fd, Fd]): RunRequest {
    const wish = { ...this.#wish, cgroupParent: cgroupParent(this.#wish, this.#kernel) }
    const takenRanges = this.#registry.entries().flatMap((entry) => entry.idMap?.uids ?? [])
    return makeRequest(this.#kernel, wish, { env: this.#io.env, terminal: wantsTerminal(wish, this.#kernel), stdio, takenRanges })
  }

  dryRun(): number {
    const request = this.#request([toFd(0), toFd(1), toFd(2)])
    const plan = readRunPlan(this.#kernel, this.#spawner, request)
    this.#io.stdout(this.#wish.json ? `${safeJson(runPlanToJson(plan))}\n` : `${describeRunPlan(plan).map(printable).join('\n')}\n`)
    return EXIT_OK
  }

  /** Takes the name, starts the command and writes down what it is. `guard` is started once the name is ours. */
  #start(request: RunRequest, guard: () => (() => void) | null): { readonly child: RunningChild; readonly endGuard: (() => void) | null } {
    const entry = entryOf(this.#kernel, request)
    this.#registry.claim(entry)
    let endGuard: (() => void) | null = null
    try {
      endGuard = guard()
      const child = startRun(this.#kernel, this.#spawner, request)
      const process = markOf(this.#kernel, child.pid)
      this.#registry.update(request.name, () => ({
        ...entry, process, cgroup: cgroupOf(child.plan), plan: child.plan.name, supervisor: this.#wish.detach ? null : entry.supervisor,
      }))
      return { child, endGuard }
    } catch (error) {
      endGuard?.()
      this.#registry.release(entry)
      throw error
    }
  }

  async inForeground(surroundings: Surroundings): Promise<number> {
    const request = this.#request([toFd(0), toFd(1), toFd(2)])
    const { name, cgroupParent, terminal } = request
    const mounted = cgroup2Mount(this.#kernel)
    const cgroup = cgroupParent === null || mounted === null ? null : `${mounted}${cgroupParent}/${name}`
    const guard = (): (() => void) | null =>
      cgroup === null ? null : startGuard(this.#kernel, { pidfd: null, cgroup, entry: this.#registry.path(name), terminal: terminal ? surroundings.streams.inputFd : null })
    try {
      const status = await supervise(this.#kernel, surroundings, () => {
        const { child, endGuard } = this.#start(request, guard)
        return { child, endGuard, master: child.handle('terminal') }
      })
      return shellStatus(status)
    } finally {
      this.#registry.forget(name, this.#kernel.getpid())
    }
  }

  #openOutput(): Fd {
    const path = this.#wish.output ?? '/dev/null'
    try {
      return this.#kernel.open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
    } catch (error) {
      throw new Error(`Cannot write to --output '${path}': ${errorLine(error)}`, { cause: error })
    }
  }

  detached(): number {
    const input = this.#kernel.open('/dev/null', O_RDONLY)
    const output = this.#openOutput()
    const request = this.#request([input, output, output])
    const { child } = this.#start(request, () => null)
    this.#kernel.close(input)
    this.#kernel.close(output)
    this.#io.stdout(this.#wish.json ? `${safeJson(startedJson(request, child))}\n` : `${request.name}\n`)
    // The pidfd and the rest go with this process.
    return child.pid > 0 ? EXIT_OK : EXIT_SYSTEM
  }
}

export const runCommand: Command = {
  name: 'run',
  summary: 'run a command in another root, as a container or a service',
  usage: runUsage,
  help: runHelp,
  async run(args, io) {
    let wish: RunWish | null = null
    let spawner: Spawner | null = null
    try {
      wish = parseRunOptions(args)
      const kernel = io.kernel()
      if (kernel.getuid() !== 0) throw new RunRefused({ reason: 'no-permission', detail: `Cannot run in '${wish.root}': user id 0 is needed`, remedy: 'run as root' })
      spawner = new Spawner(kernel)
      const command = new RunCommand(kernel, io, wish, spawner)
      if (wish.dryRun) return command.dryRun()
      return wish.detach ? command.detached() : await command.inForeground(processSurroundings())
    } catch (error) {
      return tellFailure('run', io, wish?.json ?? asksJson(args), error)
    } finally {
      spawner?.close()
    }
  },
}
