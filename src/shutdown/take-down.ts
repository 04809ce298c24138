// Takes an old root down, in rounds: what is mounted and stacked is read, a pure planner names what can go and in
// which order, it is done, and again, until nothing is left or a round changes nothing.
//
// A hung device delays and never blocks: each call has a limit, the whole has one, and what did not answer is left
// alone with what lies below it. Everything else becomes clean.  docs/shutdown.md.

import { MNT_DETACH, MNT_FORCE, UMOUNT_NOFOLLOW } from '../abi/mount.ts'
import { topMountAt } from '../facts/mountinfo.ts'
import { isBelow } from '../facts/paths.ts'
import { isSilent } from '../facts/silent-mount.ts'
import { attempt, errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { actOn, wipeKey } from './act.ts'
import type { ActOptions, Outcome } from './act.ts'
import { planRound } from './plan-round.ts'
import type { Round, RoundStep } from './plan-round.ts'
import { DETAIL, INFO, PROBLEM } from './say.ts'
import { readStack } from './read-stack.ts'
import { readStacks, readVictims } from './read-victims.ts'
import type { MountStack } from './read-victims.ts'
import { mountsInScope } from './stack-facts.ts'
import type { StackFacts } from './stack-facts.ts'

export interface TakeDownRequest {
  /** Where the old root is mounted: '/oldroot'. */
  readonly oldRoot: string
  /** The verb 'return': block devices, their servers and processes of the initramfs stay. */
  readonly keepDevices: boolean
  /** How long processes may take for SIGTERM, milliseconds; 0 where somebody has asked them already. */
  readonly graceMs: number
  /** Limit of one step and of all together, milliseconds. */
  readonly stepMs: number
  readonly timeoutMs: number
  /** Called at least every `tickMs`: feeds the watchdog. */
  readonly tick: () => void
  readonly tickMs: number
  /** `level` as in syslog(3): 4 for a problem, 6 for what was let go of, 7 for the rest. */
  readonly print: (line: string, level: number) => void
}

/** One thing that was done. */
export interface TakenDown {
  readonly what: string
  readonly how: RoundStep['action']['do']
  readonly tookUs: number
}

export interface TakeDownReport {
  readonly done: readonly TakenDown[]
  /** What is still there, each with the reason. Empty: all is gone. */
  readonly left: readonly string[]
  /** Some device did not answer: a sync(2) of everything would not come back. */
  readonly hung: boolean
  readonly rounds: number
  readonly tookUs: number
}

/** What the kernel does after the last close (a loop device, a killed process) takes a moment. */
const WAITS_MS: readonly number[] = [10, 50, 100, 300]
const MAX_ROUNDS = 40
const MIN_STEP_MS = 500

const verbs: Readonly<Record<RoundStep['action']['do'], string>> = {
  kill: 'killed', swapoff: 'swap off', 'read-only': 'read-only', unmount: 'unmounted', release: 'let go of', end: 'ended',
}
const attempts: Readonly<Record<RoundStep['action']['do'], string>> = {
  kill: 'kill', swapoff: 'switch off swap', 'read-only': 'make read-only', unmount: 'unmount', release: 'let go of', end: 'end',
}

function ms(us: number): string {
  return us < 10_000 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1000).toFixed(0)} ms`
}

class TakeDown {
  readonly #kernel: Kernel
  readonly #request: TakeDownRequest
  readonly #startUs: bigint
  readonly #hung = new Set<string>()
  readonly #survivors = new Set<string>()
  readonly #done: TakenDown[] = []
  readonly #doneKeys = new Set<string>()
  /** The last problem of each step, by its key. */
  readonly #problems = new Map<string, string>()
  /** Of an old root whose server does not answer: what was detached. */
  #detached: string | null = null
  #stacks: readonly MountStack[] | null = null
  #desperate = false
  #wasComplete = false
  #rounds = 0

  constructor(kernel: Kernel, request: TakeDownRequest) {
    this.#kernel = kernel
    this.#request = request
    this.#startUs = kernel.monotonicUs()
  }

  #leftMs(): number {
    return this.#request.timeoutMs - Number(this.#kernel.monotonicUs() - this.#startUs) / 1000
  }

  #options(): ActOptions {
    const { tick, tickMs, graceMs, stepMs } = this.#request
    return {
      tick, tickMs, desperate: this.#desperate,
      graceMs: this.#rounds <= 1 ? graceMs : 0,
      stepMs: () => Math.round(Math.max(MIN_STEP_MS, Math.min(stepMs, this.#leftMs()))),
      onSurvivor: (key) => void this.#survivors.add(key),
    }
  }

  /** After a round in which all was done, who runs is asked only if something is left nevertheless: it costs the most. */
  #read(): StackFacts {
    const { oldRoot, keepDevices } = this.#request
    const stack = { ...readStack(this.#kernel, oldRoot), processes: [] }
    if (this.#wasComplete && this.#plan(stack).left.length === 0) return stack
    this.#stacks ??= readStacks(this.#kernel, stack.mounts, mountsInScope(stack, keepDevices), oldRoot)
    return { ...stack, processes: readVictims(this.#kernel, stack.mounts, this.#stacks, keepDevices) }
  }

  #tell(step: RoundStep, { result, problem }: Outcome, tookUs: number): void {
    const { print } = this.#request
    if (result === 'done') {
      this.#problems.delete(step.key)
      if (this.#doneKeys.has(step.key)) return
      const how = step.action.do
      this.#done.push({ what: step.what, how, tookUs })
      // An unmount says it all; that it was made read-only before is for who wants every step.
      const isDetail = how === 'read-only' || (step.action.do === 'unmount' && step.action.isTree)
      print(`${verbs[how]} ${step.what}, ${ms(tookUs)}`, isDetail ? DETAIL : INFO)
      if (problem !== null) print(`Cannot kill ${problem}, ignoring`, PROBLEM)
      return
    }
    this.#problems.set(step.key, problem ?? 'unknown')
    const line = `Cannot ${attempts[step.action.do]} ${step.what}: ${problem ?? 'unknown'}`
    if (result === 'hung') print(`${line}; left alone, with what is below it`, PROBLEM)
    else print(result === 'slow' ? `${line}; it still writes, waiting again` : line, result === 'slow' ? PROBLEM : DETAIL)
  }

  /** Whether anything was done that was not done before. */
  #execute(steps: readonly RoundStep[]): boolean {
    const undone = new Set<string>()
    const options = this.#options()
    let progress = false
    this.#wasComplete = false
    for (const step of steps) {
      this.#request.tick()
      if (this.#leftMs() <= 0) return progress
      if (step.after.some((key) => undone.has(key))) {
        undone.add(step.key)
        continue
      }
      const start = this.#kernel.monotonicUs()
      const outcome = actOn(this.#kernel, step, options)
      this.#tell(step, outcome, Number(this.#kernel.monotonicUs() - start))
      if (outcome.result === 'hung') this.#hung.add(step.key)
      // A read-only superblock is one when mountinfo says so, not when it was asked once.
      if (outcome.result === 'slow' || (outcome.result === 'done' && !this.#doneKeys.has(step.key))) progress = true
      if (outcome.result === 'done') this.#doneKeys.add(step.key)
      else undone.add(step.key)
    }
    this.#wasComplete = undone.size === 0
    return progress
  }

  #sleep(waitMs: number): void {
    const { tick, tickMs } = this.#request
    for (let left = waitMs; left > 0; left -= tickMs) {
      tick()
      this.#kernel.sleepMs(Math.min(left, tickMs))
    }
  }

  #plan(facts: StackFacts): Round {
    return planRound(facts, { hung: this.#hung, survivors: this.#survivors }, { keepDevices: this.#request.keepDevices, desperate: this.#desperate })
  }

  /** Whether nothing can be looked up in the old root: each path through it would wait for a server that is gone. */
  #isSilent({ mounts }: StackFacts): boolean {
    const { oldRoot } = this.#request
    return isSilent(this.#kernel, topMountAt(mounts, oldRoot), oldRoot, this.#options())
  }

  /**
   * With what is mounted below it, in one step that looks nothing up: a file system on a disk there, which nobody uses any
   * more, is unmounted by that.
   */
  #detach({ mounts }: StackFacts): void {
    const { oldRoot, print } = this.#request
    const below = mounts.filter(({ mountPoint }) => mountPoint !== oldRoot && isBelow(mountPoint, oldRoot)).length
    const umount = (flags: number): 'done' | 'hung' =>
      this.#kernel.bounded({ call: 'umount2', target: oldRoot, flags: flags | UMOUNT_NOFOLLOW }, { ...this.#options(), timeoutMs: this.#options().stepMs() })
    // Ends what waits for the server; that it is busy is no matter.
    attempt(() => umount(MNT_FORCE))
    this.#detached = `${oldRoot}: its server does not answer, detached with ${below} ${below === 1 ? 'mount' : 'mounts'} below it`
    try {
      if (umount(MNT_DETACH) === 'hung') this.#hung.add(oldRoot)
    } catch (error) {
      print(`Cannot detach ${oldRoot}: ${errorLine(error)}`, PROBLEM)
    }
  }

  /** The rounds. Returns what is left in the end. */
  #rest(): Round & { readonly facts: StackFacts } {
    let idle = 0
    for (;;) {
      const facts = this.#read()
      const round = this.#plan(facts)
      if (round.left.length === 0 || this.#rounds >= MAX_ROUNDS || this.#leftMs() <= 0) return { ...round, facts }
      this.#rounds += 1
      if (this.#rounds === 1 && this.#isSilent(facts)) {
        this.#execute(round.steps.filter(({ action }) => action.do === 'kill'))
        this.#detach(facts)
        continue
      }
      if (this.#execute(round.steps)) {
        idle = 0
        continue
      }
      const wait = round.steps.length === 0 ? undefined : WAITS_MS[idle]
      idle += 1
      if (wait !== undefined && !this.#desperate) this.#sleep(wait)
      else if (!this.#desperate) this.#desperate = true
      else return { ...round, facts }
    }
  }

  /** What nothing has helped against: out of sight, so that its path is free, and keys of encrypted devices wiped. */
  #giveUp({ steps, facts }: Round & { readonly facts: StackFacts }): void {
    const { print, keepDevices, oldRoot } = this.#request
    const hidden = steps.flatMap(({ action }) => (action.do === 'unmount' ? [action.mount] : []))
    for (const mount of hidden) {
      // It would take a mount that hangs along, and wait for it.
      if (this.#hung.size > 0 && mount.mountPoint === oldRoot) continue
      try {
        this.#kernel.bounded({ call: 'umount2', target: mount.mountPoint, flags: MNT_DETACH | UMOUNT_NOFOLLOW }, { ...this.#options(), timeoutMs: this.#options().stepMs() })
      } catch (error) {
        print(`Cannot detach ${mount.mountPoint}: ${errorLine(error)}`, DETAIL)
      }
    }
    if (keepDevices) return
    for (const device of facts.devices) {
      if (device.isOwn || device.way.kind !== 'dm' || !device.way.uuid.startsWith('CRYPT-')) continue
      const problem = wipeKey(this.#kernel, this.#options(), device)
      print(problem === null ? `wiped the key of ${device.node}, which could not be removed` : `Cannot wipe the key of ${device.node}: ${problem}`, PROBLEM)
    }
  }

  #problemOf(round: Round, what: string): string {
    const step = round.steps.find((it) => it.what === what)
    const own = step === undefined ? undefined : this.#problems.get(step.key)
    return own === undefined ? what : `${what}: ${own}`
  }

  run(): TakeDownReport {
    const rest = this.#rest()
    const remains = rest.left.map((what) => this.#problemOf(rest, what))
    if (remains.length > 0) this.#giveUp(rest)
    const left = [...(this.#detached === null ? [] : [this.#detached]), ...remains]
    return { done: this.#done, left, hung: this.#hung.size > 0 || this.#detached !== null, rounds: this.#rounds, tookUs: Number(this.#kernel.monotonicUs() - this.#startUs) }
  }
}

/** Takes it down as far as it goes. Throws SyscallError only when /proc cannot be read at all. */
export function takeDown(kernel: Kernel, request: TakeDownRequest): TakeDownReport {
  return new TakeDown(kernel, request).run()
}
