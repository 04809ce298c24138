// What /shutdown does: the way out of a machine whose root has been left, or back into it.
//
// systemd-shutdown pivots to /run/initramfs, puts the old root at /oldroot and execs /shutdown as PID 1 with the verb
// as first argument; our own commands exec it in the running root. Either way: into the initramfs, the old root down,
// then reboot(2), or forward again for the verb 'return'. PID 1 must not exit, whatever happens.  docs/shutdown.md.
// Man pages: systemd-shutdown(8), bootup(7), reboot(2).

import { lastValue, parseCommandLine } from '../facts/cmdline.ts'
import { OLD_ROOT_DIRECTORY } from '../facts/return-types.ts'
import { attempt, errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { enterInitramfs, isInitramfs } from '../return/enter.ts'
import { goForward, RETURN_FILE } from '../return/go-forward.ts'
import { ensureApiMounts } from './api-mounts.ts'
import { parseShutdownArguments, parseTimeSpan } from './arguments.ts'
import type { RequestedVerb, ShutdownVerb } from './arguments.ts'
import { callReboot, emergencyEnd, settle, waitForever } from './reboot-machine.ts'
import { shutdownHooks } from './dracut-hooks.ts'
import { createSay, INFO, PROBLEM, SUMMARY, takeConsole } from './say.ts'
import type { Say } from './say.ts'
import { takeDown } from './take-down.ts'
import type { TakeDownReport, TakeDownRequest } from './take-down.ts'
import { openWatchdog } from './watchdog.ts'
import type { Watchdog } from './watchdog.ts'

const STEP_MS = 10_000
const TIMEOUT_MS = 90_000
/** Processes of a running system that nobody has asked to end before. */
const GRACE_MS = 3000

type Environment = Readonly<Record<string, string | undefined>>

/** What to do if this program itself fails: nothing that needs a working one. */
export function emergencyVerb(args: readonly string[]): ShutdownVerb {
  const { verb } = parseShutdownArguments(args, {})
  return verb === 'return' ? 'reboot' : verb
}

/** The request that `fulcrum return` leaves for systemd's call, JSON; taken away, so that the next one means what it says. */
function takeReturnRequest(kernel: Pick<Kernel, 'readText' | 'unlink'>): { readonly shell: boolean } | null {
  const text = attempt(() => kernel.readText(RETURN_FILE))
  if (text === null) return null
  attempt(() => kernel.unlink(RETURN_FILE))
  try {
    return { shell: Reflect.get(Object(JSON.parse(text)), 'shell') === true }
  } catch {
    return { shell: false }
  }
}

/** `fulcrum.shutdown_timeout=` of the command line, which a person has set, or what the caller says. */
function timeoutOf(kernel: Pick<Kernel, 'readText'>, given: number | null): number {
  const line = attempt(() => kernel.readText('/proc/cmdline'))
  const text = line === null ? undefined : lastValue(parseCommandLine(line), 'fulcrum.shutdown_timeout')
  const us = text === undefined ? undefined : parseTimeSpan(text)
  if (us !== undefined && us > 0 && Number.isFinite(us)) return us / 1000
  return given ?? TIMEOUT_MS
}

const plural = (n: number, one: string, many = `${one}s`): string[] => (n === 0 ? [] : [`${n} ${n === 1 ? one : many}`])

/** 'the old root is down in 143 ms: 3 mounts, 1 swap; left: …'. */
export function summaryLine(report: TakeDownReport): string {
  const count = (how: string): number => report.done.filter((it) => it.how === how).length
  const parts = [
    ...plural(count('unmount'), 'mount'), ...plural(count('swapoff'), 'swap'), ...plural(count('release'), 'device'),
  ]
  const took = `${(report.tookUs / 1000).toFixed(0)} ms`
  const what = parts.length === 0 ? 'nothing' : parts.join(', ')
  return report.left.length === 0 ? `old root taken down in ${took}: ${what}` : `old root taken down in ${took}, not all of it: ${what}; left: ${report.left.join('; ')}`
}

/** Two goes at it as one. */
function together(first: TakeDownReport, second: TakeDownReport): TakeDownReport {
  return {
    done: [...first.done, ...second.done], left: second.left, hung: first.hung || second.hung, rounds: first.rounds + second.rounds,
    tookUs: first.tookUs + second.tookUs,
  }
}

interface Way {
  readonly kernel: Kernel
  readonly say: Say
  readonly watchdog: Watchdog
  readonly verb: RequestedVerb
  readonly shell: boolean
  readonly timeoutMs: number | null
}

function goDown({ kernel, say, watchdog, verb, shell, timeoutMs }: Way): void {
  const print = (line: string): void => say(line, INFO)
  for (const problem of ensureApiMounts(kernel, OLD_ROOT_DIRECTORY)) say(`${problem}, ignoring`, PROBLEM)
  const comesFromRoot = !isInitramfs(kernel)
  if (comesFromRoot) enterInitramfs(kernel, print)
  watchdog.feed()
  const hooks = shutdownHooks(kernel, verb, watchdog, (line) => say(line, PROBLEM))
  if (verb !== 'return') hooks.before()
  const request: TakeDownRequest = {
    oldRoot: OLD_ROOT_DIRECTORY, keepDevices: verb === 'return', graceMs: comesFromRoot ? GRACE_MS : 0,
    stepMs: STEP_MS, timeoutMs: timeoutOf(kernel, timeoutMs), tick: watchdog.feed, tickMs: watchdog.intervalMs, print: say,
  }
  const first = takeDown(kernel, request)
  // What a hook of the image has let go of may have been what kept the rest.
  const report = verb !== 'return' && hooks.after() && first.left.length > 0 ? together(first, takeDown(kernel, { ...request, graceMs: 0 })) : first
  say(summaryLine(report), SUMMARY)
  if (verb === 'return') {
    watchdog.disarm()
    return goForward(kernel, { shell }, print)
  }
  const writable = settle(kernel, report.hung, watchdog.feed)
  if (writable.length > 0) say(`Cannot make ${writable.join(', ')} read-only: data that was not written yet is lost`, PROBLEM)
  watchdog.feed()
  try {
    callReboot(kernel, verb, (line) => say(line, PROBLEM))
  } catch (error) {
    say(`Cannot ${verb}: ${errorLine(error)}; the machine can be switched off now`, SUMMARY)
  }
}

/** Does all of it. To be called as PID 1 only. Never returns, never throws. */
export function runShutdown(kernel: Kernel, args: readonly string[], env: Environment, print: (line: string) => void): never {
  const given = parseShutdownArguments(args, env)
  takeConsole(kernel)
  const say = createSay(kernel, print, given)
  try {
    const watchdog = openWatchdog(kernel, given.watchdog)
    if (watchdog.note !== null) say(watchdog.note, watchdog.note.startsWith('Cannot') ? PROBLEM : INFO)
    for (const note of given.notes) say(`${note}, ignoring`, PROBLEM)
    const request = takeReturnRequest(kernel)
    // Another verb is of another mind: somebody has asked for the end of the machine since.
    const asked = given.verb === 'reboot' ? request : null
    goDown({ kernel, say, watchdog, verb: asked === null ? given.verb : 'return', shell: asked?.shell ?? given.shell, timeoutMs: given.timeoutMs })
  } catch (error) {
    return emergencyEnd(kernel, emergencyVerb(args), errorLine(error), print)
  }
  // reboot(2) was refused, or returned because the machine is a container that is ending.
  return waitForever(kernel)
}
