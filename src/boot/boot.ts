// The boot: what PID 1 does from its first line to the exec of the real init.
//
// A straight sequence of phases (docs/architecture.md), each of which can throw a BootFailure; the loop
// around it opens the rescue console and tries again with the settings that come back. Synchronous
// throughout; PID 1 never leaves this file but by exec or reboot.  bootup(7).

import { MNT_DETACH } from '../abi/mount.ts'
import { executePlan, executeUndo } from '../execute/execute.ts'
import { initArguments } from '../facts/init-arguments.ts'
import { readSwitchFacts } from '../facts/switch-facts.ts'
import { errorLine } from '../kernel/errors.ts'
import { describePlan } from '../plan/step.ts'
import type { Plan } from '../plan/step.ts'
import { planSwitch } from '../plan/switch.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { INITRAMFS_DIRECTORY, SYSROOT } from '../facts/switch-types.ts'
import type { Keep, SwitchRequest } from '../facts/switch-types.ts'
import { planUndo } from '../plan/undo.ts'
import { initramfsDevices, readBootRecord } from '../processes/read-origin.ts'
import { VERSION } from '../version.ts'
import type { BootContext, BootState } from './boot-state.ts'
import { BootFailure, errorFailure, inPhase, refusalFailure, toFailure } from './boot-failure.ts'
import { summaryLines, writeRecord } from './boot-record.ts'
import type { BootSummary } from './boot-record.ts'
import { beginHooks, beginUdev, endHooks, runEmergencyHooks } from './dracut/hook-points.ts'
import { endProcessesBeforeSwitch } from './end-processes.ts'
import { handOver } from './hand-over.ts'
import { runHooks } from './hooks.ts'
import { keepLeftFiles } from './left-files.ts'
import { hideSecrets } from './network/parse-netroot.ts'
import type { BreakPoint } from './parameters.ts'
import type { Failure } from './rescue/failure.ts'
import { rescueFrom } from './rescue-context.ts'
import { rootByHook, sysrootMountId } from './root-by-hook.ts'
import { createDevices } from './root-search.ts'
import { tellUdev } from './storage/udev-database.ts'
import { checkStart, startAgain, startUp } from './start-up.ts'

/** Thrown by a stop whose answer was 'retry': the boot begins anew with what was set, nothing failed. */
class Retry extends Error {}

/** Stops as asked. 'continue' goes on from here, 'retry' begins anew. */
function stop(state: BootState, at: BreakPoint, report: readonly string[]): void {
  const action = rescueFrom(state, { point: at, plan: state.lastPlan, stepIndex: null, error: null, refusal: null, report })
  if (action === 'retry') throw new Retry(`retry from '${at}'`)
}

/** Stops for rd.break=, then runs the hooks of the point. */
function point(state: BootState, at: BreakPoint): void {
  const isReturnStop = at === 'pre-mount' && state.returned?.stop === true
  if ((isReturnStop || state.parameters.breaks.includes(at)) && !state.passed.has(at)) {
    state.passed.add(at)
    stop(state, at, [])
  }
  const env = { ROOT: state.parameters.root ?? '', RETURNS: String(state.returned?.returns ?? 0) }
  const announce = (hook: string): void => state.log.info(`hook ${hook}`)
  const runs = state.trace.measure('hooks', at, () => runHooks(state.kernel, at, env, announce), (all) => ({ hooks: all.map((r) => r.hook) }))
  for (const run of runs) {
    if (run.problem !== null) state.log.warn(`Cannot run hook '${run.hook}': ${run.problem}, ignoring`)
  }
}

const RESCUE_PAUSE_MS = 1000

const INIT_CANDIDATES: readonly string[] = ['/sbin/init', '/etc/init', '/bin/init', '/bin/sh']

/** The request for the planner, as the command line has it. */
export function switchRequest(state: BootState): SwitchRequest {
  const { args, env } = initArguments(state.argv, state.env, state.givenLine)
  const { parameters } = state
  return {
    newRoot: SYSROOT,
    // Each switch by MS_MOVE from an initramfs that was returned to would leave a concealed mount more.
    engine: state.returned !== null && parameters.engine === 'move' ? 'auto' : parameters.engine,
    keep: parameters.keep ?? state.image.keep ?? (state.hookShell?.needsShutdown() === true ? 'full' : null),
    secrets: [...new Set([...state.image.secrets, ...parameters.secrets])],
    init: parameters.init === null ? INIT_CANDIDATES : [parameters.init],
    initArgs: args,
    env,
    console: null,
    dropCapabilities: [],
    timestamps: parameters.timestamps,
    requirePid1: true,
  }
}

function makeSwitchPlan(state: BootState): Plan {
  const request = switchRequest(state)
  const facts = state.trace.measure('facts', 'switch', () => readSwitchFacts(state.kernel, request, state.arch))
  const { plan, refusal } = planSwitch(request, facts)
  if (plan === null) throw refusalFailure('pre-switch', refusal, null, [])
  return plan
}

/** Runs the plan; a failure is undone as far as that goes, and says how far. */
function switchRoot(state: BootState, plan: Plan): void {
  try {
    executePlan(state.kernel, plan, state.trace, state.handles)
  } catch (error) {
    const failure = toFailure('switch', error)
    throw new BootFailure({ ...failure, report: undo(state, plan, failure.stepIndex ?? 0) }, errorLine(error))
  }
}

function undo(state: BootState, plan: Plan, completed: number): string[] {
  const steps = planUndo(plan, completed)
  if (completed > plan.pointOfNoReturn) return ['Cannot undo: the contents of the initramfs are deleted, and "/" is the new root']
  if (steps.length === 0) return []
  const failures = executeUndo(state.kernel, steps, state.trace, state.handles)
  return failures.length === 0 ? [`undone: ${steps.length} steps, everything is as it was before the switch`] : failures.map((line) => `Cannot undo: ${line}`)
}

/** Whether the initramfs is there after this plan. */
function keepOf(plan: Plan): Keep {
  return plan.keep ?? 'full'
}

/** The initramfs's own device first, then those of what is mounted in it and stays behind. */
function readInitramfsDevices(state: BootState): readonly string[] {
  const { kernel } = state
  const now = initramfsDevices(readOwnMounts(kernel), kernel.stat('/').dev)
  // After a return "/" may be the compressed copy of the first one, whose processes still live.
  const before = state.returned === null ? [] : (readBootRecord(kernel)?.initramfsDevices ?? [])
  return [...new Set([...now, ...before])].map(String)
}

/** How this program was started, but for what we told ourselves. */
function startRecord({ argv, env, returned }: BootState): Pick<BootSummary, 'initArgv' | 'initEnv' | 'returns'> {
  const given = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined && !pair[0].startsWith('FULCRUM_'))
  return { initArgv: argv, initEnv: Object.fromEntries(given.map(([key, value]) => [key, /password$/i.test(key) ? '***' : hideSecrets(value)])), returns: returned?.returns ?? 0 }
}

function finish(state: BootState, plan: Plan, root: BootSummary['root'], devices: readonly string[]): never {
  const { kernel, trace, log } = state
  const exec = plan.exec
  if (exec === null) throw new Error('Cannot hand over: the plan has no exec')
  const keep = keepOf(plan)
  // A copy is a file system of its own, which is there since the switch.
  const all = keep === 'slim' ? [...new Set([...devices, String(kernel.stat(INITRAMFS_DIRECTORY).dev)])] : devices
  const summary: BootSummary = {
    version: VERSION,
    kernelRelease: state.kernelRelease,
    commandLine: hideSecrets(state.givenLine.text),
    initUs: Number(state.start.monotonicUs),
    handOverUs: Number(kernel.monotonicUs()),
    root,
    prepared: state.prepared,
    plan,
    keep,
    rescues: state.rescues,
    initramfsDevice: all[0] ?? '',
    initramfsDevices: all,
    ...startRecord(state),
  }
  const problem = writeRecord(kernel, summary, trace)
  if (problem !== null) log.warn(problem)
  for (const line of summaryLines(summary, trace)) log.info(line)
  try {
    return handOver(kernel, exec, state.start)
  } catch (error) {
    const failure = toFailure('exec', error)
    throw new BootFailure({ ...failure, plan, stepIndex: plan.steps.length, report: undo(state, plan, plan.steps.length) }, errorLine(error))
  }
}

/** One try, from the modules to the exec. Ends by exec or by a BootFailure. */
function attempt(state: BootState): never {
  const { log, trace } = state
  checkStart(state)
  point(state, 'cmdline')
  beginHooks(state)
  const devices = (state.devices ??= inPhase('modules', () => createDevices(state)))
  inPhase('modules', () => devices.loadListed())
  beginUdev(state)
  const before = sysrootMountId(state.kernel)
  point(state, 'pre-mount')
  const root = devices.overlay(rootByHook(state.kernel, before) ?? devices.mountRoot())
  devices.mountUsr()
  devices.forgetSecrets()
  tellUdev(state)
  point(state, 'mount')
  const plan = inPhase('pre-switch', () => makeSwitchPlan(state))
  state.lastPlan = plan
  for (const line of describePlan(plan)) log.debug(line)
  for (const note of plan.notes) log.warn(note)
  if (state.parameters.dryRun && !state.parameters.rescueShell) {
    // Nobody can be asked, and to go on would be the opposite of what was asked for.
    throw errorFailure('pre-switch', new Error('fulcrum.dry_run: nothing was done, and rd.shell=0 lets nobody continue'), describePlan(plan))
  }
  if (state.parameters.dryRun) {
    stop(state, 'pre-switch', ['dry run: nothing was done', ...describePlan(plan)])
  }
  point(state, 'pre-switch')
  endHooks(state)
  // A break or a hook may have changed mounts: the plan is made of facts that are true now.
  const current = inPhase('pre-switch', () => makeSwitchPlan(state))
  state.lastPlan = current
  if (current.exec !== null) devices.proveInit(current.exec.path)
  const initramfs = inPhase('pre-switch', () => readInitramfsDevices(state))
  endProcessesBeforeSwitch(state, keepOf(current))
  if (keepOf(current) === 'full') keepLeftFiles(state.kernel, SYSROOT)
  trace.note('switch', current.name, { reason: current.reason })
  switchRoot(state, current)
  return finish(state, current, root, initramfs)
}

/** Brings the initramfs back to where an attempt begins. */
function reset(state: BootState): void {
  for (const target of [`${SYSROOT}/usr`, SYSROOT]) {
    try {
      if (state.kernel.stat(target).dev !== state.kernel.stat('/').dev) state.kernel.umount2(target, target === SYSROOT ? 0 : MNT_DETACH)
    } catch {
      // Not mounted, or busy: the next mount says so.
    }
  }
  state.devices?.takeBack()
}

/** The console for a failure. One that cannot even be told must not make PID 1 spin, nor keep it from trying again. */
function openRescue(state: BootState, failure: Failure): void {
  try {
    runEmergencyHooks(state)
    rescueFrom(state, failure)
  } catch (error) {
    state.log.warn(`Cannot run the rescue console: ${errorLine(error)}; trying to boot again`)
    state.kernel.sleepMs(RESCUE_PAUSE_MS)
  }
}

/** Tries for ever: each failure opens the rescue console. Nothing that is thrown leaves this loop. */
function bootLoop(first: BootState, firstFailure: Failure | null): never {
  let state = first
  let failure = firstFailure
  for (;;) {
    if (failure !== null) {
      state.rescues += 1
      state.devices?.forgetSecrets()
      openRescue(state, failure)
    }
    try {
      if (failure !== null) {
        state = startAgain(state)
        reset(state)
      }
      failure = null
      attempt(state)
    } catch (thrown) {
      if (thrown instanceof Retry) reset(state)
      else failure = toFailure('boot', thrown)
    }
  }
}

/** Boots; on failure the rescue console, then again. */
export function bootForever(context: BootContext): never {
  return bootLoop(startUp(context), null)
}

/** The last resort: the program died or came back where it must not. */
export function rescueAfterCrash(context: BootContext, why: string): never {
  return bootLoop(startUp(context), { point: 'crash', plan: null, stepIndex: null, error: new Error(why), refusal: null, report: [] })
}
