// The boot: what PID 1 does from its first line to the exec of the real init.
//
// A straight sequence of phases (docs/architecture.md), each of which can throw a BootFailure; the loop
// around it opens the rescue console and tries again with the settings that come back. Synchronous
// throughout; PID 1 never leaves this file but by exec or reboot.  bootup(7).

import { toFd } from '../kernel/kernel.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { O_NOCTTY, O_RDWR } from '../abi/process.ts'
import { MNT_DETACH } from '../abi/mount.ts'
import { executePlan, executeUndo } from '../execute/execute.ts'
import { Trace } from '../execute/trace.ts'
import { parseCommandLine } from '../facts/cmdline.ts'
import { initArguments } from '../facts/init-arguments.ts'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { readSwitchFacts } from '../facts/switch-facts.ts'
import { errorLine } from '../kernel/errors.ts'
import { planPrepare } from '../plan/prepare.ts'
import { describePlan } from '../plan/step.ts'
import type { Plan } from '../plan/step.ts'
import { planSwitch } from '../plan/switch.ts'
import type { SwitchRequest } from '../plan/switch-types.ts'
import { planUndo } from '../plan/undo.ts'
import { VERSION } from '../version.ts'
import { mountApiFilesystems, mountProc } from './api-mounts.ts'
import { SYSROOT } from './boot-state.ts'
import type { BootContext, BootState } from './boot-state.ts'
import { BootFailure, errorFailure, inPhase, refusalFailure, toFailure } from './boot-failure.ts'
import { summaryLines, writeRecord } from './boot-record.ts'
import type { BootSummary } from './boot-record.ts'
import { handOver } from './hand-over.ts'
import { runHooks } from './hooks.ts'
import { readImageConfig } from './image-config.ts'
import type { Log } from './log.ts'
import { readParameters } from './parameters.ts'
import type { BootParameters, BreakPoint } from './parameters.ts'
import type { Failure } from './rescue/failure.ts'
import { rescueFrom } from './rescue-context.ts'
import { createDevices } from './root-search.ts'

function announceProblems(state: BootState, problems: readonly { detail: string }[]): void {
  for (const problem of problems) state.log.warn(problem.detail)
}

/** Stops for rd.break=, then runs the hooks of the point. */
function point(state: BootState, at: BreakPoint): void {
  if (state.parameters.breaks.includes(at) && !state.passed.has(at)) {
    state.passed.add(at)
    rescueFrom(state, { point: at, plan: state.lastPlan, stepIndex: null, error: null, refusal: null, report: [] })
  }
  const env = { ROOT: state.parameters.root ?? '' }
  for (const run of state.trace.measure('hooks', at, () => runHooks(state.kernel, at, env), (runs) => ({ hooks: runs.map((r) => r.hook) }))) {
    if (run.problem !== null) state.log.warn(`Cannot run hook '${run.hook}': ${run.problem}, ignoring`)
  }
}

/** The bind trick, unless the command line asks for MS_MOVE. A kernel that refuses it still boots by 'move'. */
function prepare(kernel: Kernel, trace: Trace, log: Log, parameters: BootParameters): boolean {
  if (parameters.engine === 'move') return false
  const plan = planPrepare(parseMountInfo(kernel.readText('/proc/self/mountinfo')))
  if (plan === null) return false
  try {
    executePlan(kernel, plan, trace, new Map())
    return true
  } catch (error) {
    log.warn(`${errorLine(error)}; the switch will be by MS_MOVE, ignoring`)
    return false
  }
}

/** Descriptors 0 to 2 on devtmpfs: those of the kernel's making belong to the initramfs and pin it. */
function takeConsole(kernel: Kernel, log: Log): void {
  try {
    const fd = kernel.open('/dev/console', O_RDWR | O_NOCTTY)
    for (const standard of [0, 1, 2]) kernel.dup2(fd, toFd(standard))
    if (fd > 2) kernel.close(fd)
  } catch (error) {
    log.warn(`Cannot open the console: ${errorLine(error)}, ignoring`)
  }
}

/**
 * Everything up to the first module: proc, command line, bind trick, API mounts, console. Never throws: what
 * fails is kept in `startProblem`, because a rescue console needs a state to work on.
 */
function startUp(context: BootContext): BootState {
  const { kernel, log } = context
  const trace = new Trace(() => kernel.monotonicUs())
  let startProblem: unknown = null
  const guarded = <T>(fallback: T, body: () => T): T => {
    try {
      return body()
    } catch (error) {
      startProblem ??= error
      return fallback
    }
  }
  guarded(undefined, () => trace.measure('api-mounts', '/proc', () => mountProc(kernel)))
  const givenLine = parseCommandLine(guarded('', () => kernel.readText('/proc/cmdline')))
  const { values: parameters, problems } = readParameters(givenLine)
  log.setLevel(parameters.logLevel)
  const prepared = guarded(false, () => trace.measure('prepare', 'bind trick', () => prepare(kernel, trace, log, parameters), (done) => ({ done })))
  const failures = guarded([], () => trace.measure('api-mounts', '/sys /dev /run', () => mountApiFilesystems(kernel)))
  takeConsole(kernel, log)
  const kernelRelease = guarded('unknown', () => kernel.readText('/proc/sys/kernel/osrelease').trim())
  log.info(`version ${VERSION} on Linux ${kernelRelease}`)
  for (const failure of failures) log.warn(`${failure}, ignoring`)
  const image = readImageConfig(kernel)
  if (image.problem !== null) log.warn(image.problem)
  const state: BootState = {
    ...context, trace, image, kernelRelease, givenLine, line: givenLine, parameters, prepared, startProblem, wholenessTold: false,
    devices: null, lastPlan: null, rescues: 0, passed: new Set(), handles: new Map(),
  }
  announceProblems(state, problems)
  return state
}

/** What must be said once before the first try: a start that failed, an image that is not whole. */
function checkStart(state: BootState): void {
  const { startProblem } = state
  state.startProblem = null
  if (startProblem !== null) throw errorFailure('start', startProblem, [])
  if (state.image.isWhole || state.wholenessTold) return
  state.wholenessTold = true
  const memory = state.kernel.readText('/proc/meminfo').split('\n').slice(0, 3).map((line) => line.replace(/\s+/g, ' '))
  throw refusalFailure('start', {
    reason: 'image-truncated',
    detail: 'Cannot trust this initramfs: its last file is missing, so the kernel did not unpack all of it',
    remedy: "give the machine more memory, or build a smaller image (--host-only, fewer features); 'retry' goes on with what is there",
  }, null, [...memory, "the kernel's own message: 'dmesg' (Initramfs unpacking failed)"])
}

const INIT_CANDIDATES: readonly string[] = ['/sbin/init', '/etc/init', '/bin/init', '/bin/sh']

/** The request for the planner, as the command line has it. */
export function switchRequest(state: BootState): SwitchRequest {
  const { args, env } = initArguments(state.argv, state.env, state.givenLine)
  const { parameters } = state
  return {
    newRoot: SYSROOT,
    engine: parameters.engine,
    keep: parameters.keep,
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
  if (steps.length === 0) return []
  const failures = executeUndo(state.kernel, steps, state.trace, state.handles)
  return failures.length === 0 ? [`undone: ${steps.length} steps, everything is as it was before the switch`] : failures.map((line) => `Cannot undo: ${line}`)
}

function finish(state: BootState, plan: Plan, root: BootSummary['root'], initramfsDevice: string): never {
  const { kernel, trace, log } = state
  const exec = plan.exec
  if (exec === null) throw new Error('Cannot hand over: the plan has no exec')
  const summary: BootSummary = {
    version: VERSION,
    kernelRelease: state.kernelRelease,
    commandLine: state.givenLine.text,
    initUs: Number(state.start.monotonicUs),
    handOverUs: Number(kernel.monotonicUs()),
    root,
    prepared: state.prepared,
    plan,
    keep: plan.pointOfNoReturn < plan.steps.length ? 'none' : 'full',
    rescues: state.rescues,
    initramfsDevice,
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
  const { kernel, log, trace } = state
  checkStart(state)
  point(state, 'cmdline')
  const devices = (state.devices ??= inPhase('modules', () => createDevices(state)))
  inPhase('modules', () => devices.loadListed())
  point(state, 'pre-mount')
  const root = devices.mountRoot()
  devices.mountUsr()
  point(state, 'mount')
  const initramfsDevice = kernel.stat('/').dev.toString()
  const plan = inPhase('pre-switch', () => makeSwitchPlan(state))
  state.lastPlan = plan
  for (const line of describePlan(plan)) log.debug(line)
  if (state.parameters.dryRun) {
    rescueFrom(state, { point: 'pre-switch', plan, stepIndex: null, error: null, refusal: null, report: ['dry run: nothing was done', ...describePlan(plan)] })
  }
  point(state, 'pre-switch')
  // A break or a hook may have changed mounts: the plan is made of facts that are true now.
  const current = inPhase('pre-switch', () => makeSwitchPlan(state))
  state.lastPlan = current
  trace.note('switch', current.name, { reason: current.reason })
  switchRoot(state, current)
  return finish(state, current, root, initramfsDevice)
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
}

/** Tries for ever: each failure opens the rescue console. Nothing that is thrown leaves this loop. */
function bootLoop(state: BootState, first: Failure | null): never {
  let failure = first
  for (;;) {
    try {
      if (failure !== null) {
        state.rescues += 1
        rescueFrom(state, failure)
        reset(state)
      }
      attempt(state)
    } catch (thrown) {
      failure = toFailure('boot', thrown)
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
