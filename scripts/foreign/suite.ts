// What a suite of others is to `npm run foreign`, what came of one of its tests, and how that is read from its log.
//
// Pure: types and text. The scripts of the suites end at the first thing that goes wrong (`set -e`), so a machine that
// another one follows, or the end of a test that passed, has passed.

/** With the program that the suite is of, or with ours in its place. */
export type Way = 'original' | 'fulcrum'

/** `skip`: the suite says itself that it cannot run here. `not finished`: cut short by us, neither passed nor failed. */
export type Result = 'pass' | 'fail' | 'skip' | 'not finished'

/** One virtual machine that a test boots. */
export interface Machine {
  readonly name: string
  readonly result: Result
  /** Without the time that it waited for the lock on QEMU. */
  readonly seconds: number
  /** Whether fulcrum was seen at work. */
  readonly seen: boolean
}

export interface Outcome {
  readonly test: string
  readonly way: Way
  readonly result: Result
  /** Why it is not a pass; null for one. */
  readonly reason: string | null
  readonly seconds: number
  readonly machines: readonly Machine[]
  /** What the test said. */
  readonly log: string
  /** Whether fulcrum was seen at work; null where the test does not show it. */
  readonly seen: boolean | null
}

export interface RunOptions {
  readonly limitMinutes: number
}

export interface Suite {
  readonly name: string
  readonly what: string
  readonly tests: readonly string[]
  /** Of the suite, such as '112-7'. Fetches it. Throws Error when it cannot be had. */
  version(): string
  /** Runs one test to its end or its limit. Throws Error when the suite cannot be had. */
  run(test: string, way: Way, options: RunOptions): Promise<Outcome>
}

/** A line of a test, and when it came, in seconds since the beginning. */
export interface LogLine {
  readonly at: number
  readonly text: string
}

/** How a run ended: by itself, at our limit, or because we were interrupted. */
export type RunEnd = { readonly kind: 'exit', readonly status: number } | { readonly kind: 'limit', readonly minutes: number } | { readonly kind: 'interrupted' }

/** What the script in front of QEMU says when it has the lock. */
export const MACHINE_STARTS = 'foreign: the machine starts'
/** What our switch says at its end. */
const SWITCHED = /fulcrum: root \S+ \(.*engine (pivot|move)/
const QEMU = /^run-qemu: .*qemu-system/

export function resultOf(end: RunEnd): Result {
  if (end.kind !== 'exit') return 'not finished'
  return end.status === 0 ? 'pass' : end.status === 77 ? 'skip' : 'fail'
}

/** The name that the suite gives a machine, or what distinguishes its kernel command line. */
function nameOf(command: string, before: readonly LogLine[], number: number): string {
  const announced = before.map(({ text }) => /^(?:CLIENT TEST|MAKEROOT) START: (.*?)\s*$/.exec(text)?.[0]).findLast((it) => it !== undefined)
  if (announced !== undefined) return announced.replace(/^CLIENT TEST START: /, '').replace(/^MAKEROOT START: /, 'disk of ').trim()
  if (command.includes('initramfs.makeroot')) return 'disk'
  if (command.includes('-daemonize')) return 'server'
  const distinct = /-append .*?(?:panic=-1) ((?:ip|BOOTIF|root=iscsi)\S*(?: ip=\S+)?)/.exec(command)?.[1]
  return distinct ?? `machine ${number}`
}

/** The machines that a test has booted, in their order. `result` is that of the test. */
export function machinesOf(lines: readonly LogLine[], result: Result, seconds: number): Machine[] {
  const starts = lines.flatMap(({ text }, index) => QEMU.test(text) ? [index] : [])
  return starts.map((start, number) => {
    const next = starts[number + 1]
    const own = lines.slice(start, next)
    const announced = lines.slice(number === 0 ? 0 : starts[number - 1], start)
    const down = own.find(({ text }) => /reboot: (Power down|Restarting)/.test(text))?.at
    const ended = down ?? (next === undefined ? seconds : lines[next]?.at ?? seconds)
    const began = own.find(({ at, text }) => at < ended && text.includes(MACHINE_STARTS))?.at ?? own[0]?.at ?? 0
    return {
      name: nameOf(lines[start]?.text ?? '', announced, number + 1), result: next === undefined ? result : 'pass',
      seconds: ended - began, seen: own.some(({ text }) => SWITCHED.test(text)),
    }
  })
}

/** Why a test did not pass, as far as it says so itself. */
export function reasonOf(end: RunEnd, lines: readonly LogLine[], machines: readonly Machine[]): string | null {
  const at = machines.length === 0 ? 'before its first machine' : `in machine ${machines.length}, '${machines.at(-1)?.name ?? ''}'`
  if (end.kind === 'interrupted') return `interrupted ${at}`
  if (end.kind === 'limit') return `our limit of ${end.minutes} min was reached ${at}`
  if (end.status === 0) return null
  const tail = lines.slice(-200).map(({ text }) => text)
  if (tail.some((text) => /terminating on signal \d+ from pid \d+ \(.*timeout/.test(text))) return `the suite's limit for a machine was reached ${at}`
  const said = tail.findLast((text) => /^(E: |Error|run-qemu: Could|Could not|dracut\[[FE]\])/.test(text))
  return `${said?.trim() ?? `exit status ${end.status}`} ${at}`
}

/** All that is told of a run. `isBoot` is false where no machine is booted, and nothing shows whose program it was. */
export function outcomeOf(what: Pick<Outcome, 'test' | 'way' | 'log'>, run: { readonly end: RunEnd, readonly lines: readonly LogLine[], readonly seconds: number }, isBoot: boolean): Outcome {
  const result = resultOf(run.end)
  const machines = machinesOf(run.lines, result, run.seconds)
  return { ...what, result, reason: reasonOf(run.end, run.lines, machines), seconds: run.seconds, machines, seen: isBoot ? machines.some(({ seen }) => seen) : null }
}
