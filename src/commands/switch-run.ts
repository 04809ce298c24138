// What switch_root, run-init and `fulcrum switch` share: facts, plan, execution, undo, exec.
//
// The boot does the same with a rescue console behind it (boot/boot.ts). Here a failure is undone as far as that
// goes and said on standard error; the caller goes on where it was.

import { handOver, inheritedDescriptors, recordStartState } from '../boot/hand-over.ts'
import type { StartState } from '../boot/hand-over.ts'
import { readImageConfig } from '../boot/image-config.ts'
import { executePlan, executeUndo, StepError, type Handles } from '../execute/execute.ts'
import { Trace } from '../execute/trace.ts'
import { safeJson } from '../facts/mounts/printable.ts'
import { inRoot } from '../facts/paths.ts'
import type { Refusal } from '../facts/refusal.ts'
import { readSwitchFacts } from '../facts/switch-facts.ts'
import { errorLine, isErrno, SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { describePlan, type Plan } from '../plan/step.ts'
import { planSwitch } from '../plan/switch.ts'
import type { SwitchRequest } from '../facts/switch-types.ts'
import { planUndo } from '../plan/undo.ts'
import type { CommandIo } from './command.ts'
import { failureJson, refusalJson } from './failure.ts'
import { openProcView } from './proc-view.ts'
import { asBoot, beforeSwitch, createBootSide, recordSwitch } from './switch-boot.ts'
import type { BeforeSwitch, BootSide } from './switch-boot.ts'

/** Exit statuses of one tool. */
export interface Statuses {
  readonly refused: number
  readonly failed: number
  /** exec failed: ENOENT, and anything else. */
  readonly execMissing: number
  readonly execFailed: number
}

export interface SwitchCall {
  /** The tool, in front of each message. */
  readonly name: string
  readonly request: SwitchRequest
  readonly statuses: Statuses
  /** Plan and check, change nothing. */
  readonly dryRun: boolean
  /** What a dry run prints, and notes of the plan otherwise. */
  readonly show: 'nothing' | 'text' | 'json'
  /** Does at the switch what our own boot does: command line, processes, record. */
  readonly asBoot?: boolean
}

function planText(plan: Plan, show: SwitchCall['show']): string {
  if (show === 'nothing') return ''
  if (show === 'text') return `${describePlan(plan).join('\n')}\n`
  return `${JSON.stringify({ ...plan, lines: describePlan(plan) }, null, 2)}\n`
}

/** Where `path` of the user leads: absolute and without symbolic links, as mountinfo spells it. Throws SyscallError. */
export function resolveNewRoot(kernel: Kernel, path: string): string {
  return kernel.realpath(path)
}

/** The environment as it is, for tools that hand theirs on. */
export function currentEnv(io: CommandIo): Record<string, string> {
  return Object.fromEntries(Object.entries(io.env).filter((pair): pair is [string, string] => pair[1] !== undefined))
}

/** Plans and does the switch; returns an exit status when it did not come to exec. */
export function runSwitch(io: CommandIo, call: SwitchCall): number {
  const { name, statuses } = call
  const say = (line: string): void => io.stderr(`${name}: ${line}\n`)
  /** The line itself is all that the original would say; the remedy is a second one. */
  const refuse = (refusal: Refusal): number => {
    say(refusal.detail)
    say(`remedy: ${refusal.remedy}`)
    if (call.show === 'json') io.stdout(`${safeJson(refusalJson(refusal))}\n`)
    return statuses.refused
  }
  const fail = (error: unknown, line = errorLine(error)): void => {
    say(line)
    if (call.show === 'json') io.stdout(`${safeJson(failureJson(error, line))}\n`)
  }
  const kernel = io.kernel()
  let start: StartState = { ...recordStartState(kernel), inherited: inheritedDescriptors(kernel) }
  let request = call.request
  let view
  let side: BootSide | null = null
  try {
    // Of an image of ours that another program boots; a process that is not PID 1 takes nothing from those who stay.
    const image = kernel.getpid() === 1 ? readImageConfig(kernel) : null
    request = { ...request, secrets: image?.secrets ?? [], newRoot: resolveNewRoot(kernel, request.newRoot) }
    view = openProcView(kernel, request.newRoot)
    const standsIn = image !== null && image.standInFor !== null && !call.dryRun
    // The defaults of the tool that is stood in for are not what the image wants.
    if (standsIn) request = { ...request, engine: 'auto', keep: request.keep === 'full' ? 'full' : null }
    if (standsIn || call.asBoot === true) {
      side = createBootSide(kernel, view.kernel, start, request.newRoot)
      start = side.start
      request = asBoot(side, request)
    }
  } catch (error) {
    const detail = `Cannot switch to '${request.newRoot}': ${errorLine(error)}`
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return refuse({ reason: 'new-root-missing', detail, remedy: 'mount the root file system there first' })
    fail(error, detail)
    return statuses.failed
  }

  let plan: Plan
  try {
    let result = planSwitch(request, readSwitchFacts(side === null ? view.unseen : view.kernel, request, process.arch))
    if (result.plan === null && side !== null && call.asBoot !== true) {
      // To be kept is a wish of the image, the switch is what the caller has asked for.
      say(`Cannot keep the initramfs as its image wants: ${result.refusal.detail}, ignoring`)
      request = { ...request, engine: call.request.engine, keep: call.request.keep }
      result = planSwitch(request, readSwitchFacts(view.kernel, request, process.arch))
    }
    if (result.plan === null) {
      view.release()
      return refuse(result.refusal)
    }
    plan = result.plan
  } catch (error) {
    fail(error, `Cannot find out what there is to switch: ${errorLine(error)}`)
    view.release()
    return statuses.failed
  }
  // What a boot does at its end needs /proc; init gets it then, and none that it would not have had otherwise.
  if (side === null || call.dryRun) view.release()
  if (call.dryRun) {
    io.stdout(planText(plan, call.show))
    return 0
  }
  const { console } = request
  if (console !== null && !kernel.exists(inRoot(request.newRoot, console)) && !kernel.exists(console)) {
    say(`Cannot open console '${console}' in the new root: it does not exist, ignoring`)
  }
  if (call.show === 'json') io.stdout(planText(plan, 'json'))
  else if (call.show === 'text') plan.notes.forEach(side === null ? say : side.log.info)
  return carryOut(kernel, plan, { ...call, request }, side, { say, fail }, start, () => view.release())
}

/** Both to a person; `fail` also to a program that has asked for JSON. */
interface Voice {
  say(line: string): void
  fail(error: unknown): void
}

function carryOut(
  kernel: Kernel, plan: Plan, call: SwitchCall, side: BootSide | null, { say, fail }: Voice, start: StartState, release: () => void,
): number {
  const trace = side?.trace ?? new Trace(() => kernel.monotonicUs())
  const handles: Handles = new Map()
  let before: BeforeSwitch | null = null
  const undo = (completed: number): void => {
    if (completed > plan.pointOfNoReturn) {
      say('the old root is gone already: nothing can be undone')
      return
    }
    const failures = executeUndo(kernel, planUndo(plan, completed), trace, handles)
    for (const line of failures) say(`Cannot undo: ${line}, ignoring`)
    if (failures.length === 0) say('undone: everything is mounted as it was')
    before?.undo()
    if (side !== null) release()
  }
  try {
    if (side !== null) before = beforeSwitch(side, call.request.newRoot, plan)
    executePlan(kernel, plan, trace, handles)
  } catch (error) {
    fail(error)
    if (!(error instanceof StepError)) throw error
    undo(error.completed)
    return call.statuses.failed
  }
  if (plan.exec === null) throw new Error('Cannot hand over: the plan has no exec')
  if (side !== null && before !== null) recordSwitch(side, before, plan)
  try {
    return handOver(kernel, plan.exec, start)
  } catch (error) {
    // A test's kernel leaves execve by throwing something else.
    if (!(error instanceof SyscallError)) throw error
    fail(error)
    undo(plan.steps.length)
    return isErrno(error, 'ENOENT') ? call.statuses.execMissing : call.statuses.execFailed
  }
}
