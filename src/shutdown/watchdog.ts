// Keeps an armed watchdog fed while the machine goes down, and leaves it armed.
//
// systemd hands it over armed (RuntimeWatchdogSec=, RebootWatchdogSec=) and expects the same to be done: if the rest
// of the way hangs for ever, the machine is reset. Only who goes forward again ('return') disarms it.
// Documentation/watchdog/watchdog-api.rst, systemd-shutdown(8).

import { WDIOC_GETTIMEOUT, WDIOC_KEEPALIVE } from '../abi/watchdog.ts'
import { O_CLOEXEC, O_WRONLY } from '../abi/process.ts'
import { attempt, errorLine, isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

export interface Watchdog {
  /** To be called at least every `intervalMs`; feeds only as often as is useful. Never throws. */
  readonly feed: () => void
  readonly intervalMs: number
  /** For who does not stop the machine after all: 'V' says that its silence is meant. */
  readonly disarm: () => void
  /** What is fed, or why nothing is; for a line. */
  readonly note: string | null
}

const DEVICES: readonly string[] = ['/dev/watchdog0', '/dev/watchdog']
/** Without a watchdog somebody may still want to tick. */
const IDLE_INTERVAL_MS = 1000
/** A quarter of its time-out: one feeding may be late, and the next is still in time. */
const PARTS = 4

type Doors = Pick<Kernel, 'open' | 'close' | 'write' | 'ioctl' | 'monotonicUs'>

/** None, for those who go down without. */
export const noWatchdog: Watchdog = { feed: () => undefined, intervalMs: IDLE_INTERVAL_MS, disarm: () => undefined, note: null }

/** A problem is null where there is no such device at all: systemd names a time-out on machines without a watchdog, too. */
function firstOf(kernel: Doors, paths: readonly string[]): { readonly fd: Fd; readonly path: string } | { readonly problem: string | null } {
  let problem: string | null = null
  for (const path of paths) {
    try {
      return { fd: kernel.open(path, O_WRONLY | O_CLOEXEC), path }
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO')) problem ??= errorLine(error)
    }
  }
  return { problem }
}

/** Opens the watchdog and feeds it for the first time. `timeoutUs` is what systemd has set. */
export function openWatchdog(kernel: Doors, request: { readonly timeoutUs: number; readonly device: string | null } | null): Watchdog {
  if (request === null) return noWatchdog
  const opened = firstOf(kernel, [...(request.device === null ? [] : [request.device]), ...DEVICES])
  if ('problem' in opened) {
    const problem = opened.problem ?? (request.device === null ? null : `'${request.device}' does not exist`)
    return { ...noWatchdog, note: problem === null ? null : `Cannot feed the watchdog: ${problem}, ignoring` }
  }
  const { fd, path } = opened
  const told = new Uint8Array(4)
  const seconds = attempt(() => kernel.ioctl(fd, WDIOC_GETTIMEOUT, told)) === null ? 0 : new DataView(told.buffer).getInt32(0, true)
  const timeoutUs = seconds > 0 ? Math.min(request.timeoutUs, seconds * 1e6) : request.timeoutUs
  const intervalUs = Math.max(10_000, Math.floor(timeoutUs / PARTS))
  let last: bigint | null = null
  const feed = (): void => {
    const now = kernel.monotonicUs()
    if (last !== null && now - last < BigInt(Math.floor(intervalUs / 2))) return
    if (attempt(() => kernel.ioctl(fd, WDIOC_KEEPALIVE, 0)) !== null) last = now
  }
  feed()
  const disarm = (): void => {
    attempt(() => kernel.write(fd, 'V'))
    attempt(() => kernel.close(fd))
  }
  return { feed, disarm, intervalMs: Math.min(IDLE_INTERVAL_MS, Math.floor(intervalUs / 1000)), note: `feeding ${path}, which waits ${Math.round(timeoutUs / 1e6)} s` }
}
