// PID 1 leaves the running root: ends its processes, enters the initramfs, becomes its /shutdown.
//
// PID 1 is here because an init script ended with `exec fulcrum shutdown poweroff`, or because it was replaced
// (replace-init.ts). From the first signal on there is no system to go back to, so what fails is told and the
// machine still does what was asked for, as well as it can from here. PID 1 never exits.

import { handOver, recordStartState } from '../boot/hand-over.ts'
import { SIGUSR1 } from '../abi/process.ts'
import { kernelEnvironment } from '../facts/init-arguments.ts'
import { errorLine, SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { rebootMachine, waitForever } from '../shutdown/reboot-machine.ts'
import type { ShutdownVerb } from '../shutdown/reboot-machine.ts'
import { takeConsole } from '../shutdown/say.ts'
import { runShutdown } from '../shutdown/shutdown.ts'
import { endRootProcesses } from './end-root-processes.ts'
import { enterInitramfs, planEnter, ReturnRefused } from './enter.ts'

export type LeaveVerb = ShutdownVerb | 'return'

export interface LeaveRequest {
  readonly verb: LeaveVerb
  /** For 'return': stop in the initramfs. */
  readonly shell: boolean
  /** How long processes may take to end after SIGTERM, milliseconds. */
  readonly timeoutMs: number
}

const SYNC_TIMEOUT_MS = 30_000

/** Words for /shutdown of the initramfs, argv[0] included. */
export function shutdownArgv({ verb, shell }: Pick<LeaveRequest, 'verb' | 'shell'>): string[] {
  return ['/shutdown', verb, ...(shell ? ['--shell'] : [])]
}

function endProcesses(kernel: Kernel, timeoutMs: number, print: (line: string) => void): void {
  try {
    const reports = endRootProcesses(kernel, timeoutMs)
    for (const { pid, name, outcome, detail } of reports) {
      if (outcome === 'survived') print(`Cannot end process ${pid} (${name}): ${detail ?? 'unknown'}, ignoring`)
      if (outcome === 'killed') print(`process ${pid} (${name}) did not end in ${timeoutMs} ms: killed`)
    }
  } catch (error) {
    print(`Cannot end the processes of the root: ${errorLine(error)}, ignoring`)
  }
}

/** The end of a machine that cannot go back: file systems read-only, then reboot(2). */
function endHere(kernel: Kernel, verb: LeaveVerb, print: (line: string) => void): never {
  const word = verb === 'return' ? 'reboot' : verb
  print(`The machine will ${word} from its root, with file systems that were made read-only and not unmounted`)
  try {
    rebootMachine(kernel, word)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    print(`Cannot ${word}: ${errorLine(error)}; the machine can be switched off now`)
  }
  return waitForever(kernel)
}

/** To be called as PID 1 in a running root, or where PID 1 could not be replaced. Never returns. */
export function leaveRoot(kernel: Kernel, request: LeaveRequest, print: (line: string) => void): never {
  // Node opens its inspector on SIGUSR1, which anybody may send to PID 1.
  kernel.resetSignal(SIGUSR1)
  const start = recordStartState(kernel)
  // Those of an init that was replaced are anybody's.
  takeConsole(kernel)
  const { verb } = request
  try {
    // Asked before anything is ended: the reason is told while the system still is what it is about.
    const { refusal } = planEnter(kernel)
    if (refusal !== null) print(`${refusal.detail}; ${refusal.remedy}`)
    endProcesses(kernel, request.timeoutMs, print)
    if (kernel.bounded({ call: 'sync' }, { timeoutMs: SYNC_TIMEOUT_MS }) === 'hung') print(`Cannot sync: no answer in ${SYNC_TIMEOUT_MS} ms, ignoring`)
    enterInitramfs(kernel, refusal === null ? print : () => undefined)
  } catch (error) {
    if (!(error instanceof ReturnRefused)) print(errorLine(error))
    return endHere(kernel, verb, print)
  }
  // Without PID 1's place there is nothing to be handed over: this program takes the root down itself.
  if (kernel.getpid() !== 1) return runShutdown(kernel, [verb], {}, print)
  try {
    return handOver(kernel, { op: 'exec', path: '/shutdown', argv: shutdownArgv(request), env: kernelEnvironment, kind: 'plain' }, start)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    print(errorLine(error))
    return endHere(kernel, verb, print)
  }
}
