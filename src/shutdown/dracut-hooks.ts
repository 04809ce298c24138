// Hooks written for dracut in /shutdown: 'pre-shutdown' before anything is ended, 'shutdown' in rounds at the end.
//
// The rounds are dracut's: those of 'shutdown' that have not answered 0 run again, at most 40 times, the last time with
// the word 'final'. A hook has a limit and all have one; the machine goes down whatever they do.  dracut.modules(7)

import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Watchdog } from './watchdog.ts'

const RUNNER = '/lib/fulcrum/run-hooks'
const STATE = '/run/fulcrum/hooks'
const DIRECTORIES: readonly string[] = ['/var/lib/dracut/hooks', '/etc/dracut/hooks', '/lib/dracut/hooks']
const ROUNDS = 40
const PAUSE_MS = 100
/** Not all have answered 0. */
const UNFINISHED = 10
/** Of one run of the hooks of a point, unless the watchdog wants to be fed earlier, and of all rounds together. */
const RUN_MS = 10_000
const ALL_MS = 30_000

export interface ShutdownHooks {
  /** The hooks of pre-shutdown. */
  before(): void
  /** The hooks of shutdown, until all answer 0. False when there are none, so that nothing can have changed. */
  after(): boolean
}

function hasHooks(kernel: Pick<Kernel, 'readdir'>, point: string): boolean {
  return DIRECTORIES.some((directory) => attempt(() => kernel.readdir(`${directory}/${point}`))?.some((name) => name.endsWith('.sh')) === true)
}

/** `problem` tells a person. Nothing is thrown for what a hook does. */
export function shutdownHooks(kernel: Kernel, verb: string, watchdog: Pick<Watchdog, 'feed' | 'intervalMs' | 'note'>, problem: (line: string) => void): ShutdownHooks {
  const isThere = kernel.exists(RUNNER)
  // dracut starts it as `shutdown ACTION`, and its hooks look at $ACTION and $1.
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/lib/fulcrum/bin', HOME: '/', TERM: 'linux', hookdir: '/var/lib/dracut/hooks', FULCRUM_HOOKS_STATE: STATE, FULCRUM_HOOKS_VERBOSE: 'yes', ACTION: verb }
  // The interval is a quarter of the watchdog's time.
  const timeoutMs = watchdog.note === null ? RUN_MS : Math.min(RUN_MS, watchdog.intervalMs * 3)
  const round = (point: string, ...more: readonly string[]): number | null => {
    watchdog.feed()
    const { code, error, signal } = kernel.run(RUNNER, ['round', point, ...more], { env, stdio: 'inherit', timeoutMs })
    watchdog.feed()
    if (code !== 0 && code !== UNFINISHED) problem(`Cannot run the hooks of '${point}': ${error ?? (signal === null ? `exit status ${code}` : `ended by ${signal}`)}, ignoring`)
    return code
  }
  return {
    before() {
      if (!isThere || !hasHooks(kernel, 'pre-shutdown')) return
      // What was said and done at the boot is of another life.
      for (const name of attempt(() => kernel.readdir(STATE)) ?? []) attempt(() => kernel.unlink(`${STATE}/${name}`))
      round('pre-shutdown')
    },
    after() {
      if (!isThere || !hasHooks(kernel, 'shutdown')) return false
      attempt(() => kernel.unlink(`${STATE}/done-shutdown`))
      const end = kernel.monotonicUs() + BigInt(ALL_MS) * 1000n
      for (let left = ROUNDS; left > 0; left -= 1) {
        const isLast = left === 1 || kernel.monotonicUs() >= end
        if (round('shutdown', ...(isLast ? ['final'] : [])) !== UNFINISHED) return true
        if (isLast) break
        kernel.sleepMs(PAUSE_MS)
      }
      problem("Cannot finish: a hook of 'shutdown' did not answer 0, ignoring")
      return true
    },
  }
}
