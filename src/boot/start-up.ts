// The start of the boot: everything before the first module.
//
// proc, the command line, the bind trick, the API mounts, the console. None of it may throw, because a
// rescue console needs a state to work on; what fails is kept and told by the first try, and done again
// for the next one.  bootup(7); docs/architecture.md has the order and why.

import { O_NOCTTY, O_RDWR } from '../abi/process.ts'
import { executePlan, executeUndo, StepError } from '../execute/execute.ts'
import { Trace } from '../execute/trace.ts'
import { parseCommandLine } from '../facts/cmdline.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { errorLine } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { planPrepare } from '../plan/prepare.ts'
import { planUndo } from '../plan/undo.ts'
import { VERSION } from '../version.ts'
import { mountApiFilesystems, mountProc } from './api-mounts.ts'
import { errorFailure, refusalFailure } from './boot-failure.ts'
import type { BootContext, BootState } from './boot-state.ts'
import { readImageConfig } from './image-config.ts'
import type { Log } from './log.ts'
import { readParameters } from './parameters.ts'
import type { BootParameters } from './parameters.ts'

/** The bind trick, unless the command line asks for MS_MOVE. A kernel that refuses it still boots by 'move'. */
function prepare(kernel: Kernel, trace: Trace, log: Log, parameters: BootParameters): boolean {
  if (parameters.engine === 'move') return false
  const plan = planPrepare(readOwnMounts(kernel))
  if (plan === null) return false
  try {
    executePlan(kernel, plan, trace, new Map())
    return true
  } catch (error) {
    const completed = error instanceof StepError ? error.completed : 0
    const isInPlace = completed > plan.steps.findIndex((step) => step.op === 'mount' && step.source === '.')
    if (isInPlace) {
      log.warn(`${errorLine(error)}, ignoring`)
      return true
    }
    log.warn(`${errorLine(error)}; the switch will be by MS_MOVE, ignoring`)
    // What was moved to the bind has to come back, /proc above all.
    for (const line of executeUndo(kernel, planUndo(plan, completed), trace, new Map())) log.warn(`Cannot undo: ${line}, ignoring`)
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

/** uname -r. KERNEL: without CONFIG_PROC_SYSCTL only /proc/version has it, as the third word. */
function readRelease(kernel: Kernel): string {
  if (kernel.exists('/proc/sys/kernel/osrelease')) return kernel.readText('/proc/sys/kernel/osrelease').trim()
  return kernel.exists('/proc/version') ? (kernel.readText('/proc/version').split(' ')[2] ?? 'unknown') : 'unknown'
}

/** Never throws: what fails is kept in `startProblem`. Can be run again, what is done already stays. */
export function startUp(context: BootContext): BootState {
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
  const kernelRelease = guarded('unknown', () => readRelease(kernel))
  log.info(`version ${VERSION} on Linux ${kernelRelease}`)
  for (const failure of failures) log.warn(`${failure}, ignoring`)
  const image = readImageConfig(kernel)
  for (const problem of [...(image.problem === null ? [] : [image.problem]), ...problems.map((p) => p.detail)]) log.warn(problem)
  return {
    ...context, trace, image, kernelRelease, givenLine, line: givenLine, parameters, prepared, startProblem, wholenessTold: false,
    devices: null, hookShell: null, lastPlan: null, rescues: 0, passed: new Set(), handles: new Map(),
  }
}

/** For the next try: a start that failed is done again, and keeps what was set at the console. */
export function startAgain(state: BootState): BootState {
  if (state.startProblem === null) return state
  const again = startUp(state)
  const settings = state.line.words.slice(state.givenLine.words.length)
  const line = { ...again.givenLine, words: [...again.givenLine.words, ...settings] }
  const parameters = readParameters(line).values
  state.log.setLevel(parameters.logLevel)
  return { ...again, line, parameters, rescues: state.rescues, passed: state.passed, wholenessTold: state.wholenessTold }
}

function memoryLines(kernel: Kernel): string[] {
  if (!kernel.exists('/proc/meminfo')) return []
  return kernel.readText('/proc/meminfo').split('\n').slice(0, 3).map((line) => line.replace(/\s+/g, ' '))
}

/** What must be said before a try: a start that failed, and once that the image is not whole. Throws BootFailure. */
export function checkStart(state: BootState): void {
  if (state.startProblem !== null) throw errorFailure('start', state.startProblem, [])
  if (state.image.isWhole || state.wholenessTold) return
  state.wholenessTold = true
  throw refusalFailure('start', {
    reason: 'image-truncated',
    detail: 'Cannot trust this initramfs: its last file is missing, so the kernel did not unpack all of it',
    remedy: "give the machine more memory, name the root on the kernel command line (without root= an initramfs may fill half the memory only), or build a smaller image (--host-only, fewer features); 'retry' goes on with what is there",
  }, null, [...memoryLines(state.kernel), "the kernel's own message: 'dmesg' (Initramfs unpacking failed)"])
}
