// udev, where the image carries it (the feature 'udev'): started before devices are looked for, ended before the switch.
//
// PID 1 itself needs none of it: it follows the kernel's events. But cryptsetup, lvm and multipath wait for udev where
// it runs, rules of the image name devices, and links below /dev/disk lead to them.  systemd-udevd(8), udevadm(8)

import { attempt, errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { BootState } from './boot-state.ts'
import { findTool, runTool } from './tool.ts'

const DAEMONS: readonly string[] = ['/lib/systemd/systemd-udevd', '/bin/systemd-udevd', '/lib/udev/udevd', '/bin/udevd']
/** Where the daemon listens: libdevmapper looks there too. */
const CONTROL = '/run/udev/control'
const START_MS = 20_000
const END_MS = 10_000

export function isUdevRunning(kernel: Pick<Kernel, 'exists'>): boolean {
  return kernel.exists(CONTROL)
}

/** Starts the daemon; false where there is none, or it runs already. What fails is told: a boot goes on without it. */
export function startUdev({ kernel, trace, log }: BootState): boolean {
  const daemon = DAEMONS.find((path) => kernel.exists(path))
  if (daemon === undefined || isUdevRunning(kernel)) return false
  const run = (): ReturnType<Kernel['run']> =>
    kernel.run(daemon, ['--daemon', '--resolve-names=never'], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, timeoutMs: START_MS, stdio: 'inherit' })
  const { code, error, signal } = trace.measure('udev', 'start', run, (result) => ({ status: result.code ?? 'none' }))
  if (code === 0) return true
  log.warn(`Cannot start '${daemon}': ${error ?? (signal === null ? `exit status ${code}` : `ended by ${signal}`)}, ignoring`)
  return false
}

/** Runs udevadm; what fails is told. */
function udevadm(state: BootState, args: readonly string[], timeoutMs: number): void {
  if (findTool(state.kernel, 'udevadm') === undefined) return
  try {
    runTool(state, 'udevadm', args, { timeoutMs })
  } catch (error) {
    state.log.warn(`${errorLine(error)}, ignoring`)
  }
}

/** Lets the daemon see what is there already. Nobody waits for it: what it makes comes as events and links. */
export function triggerUdev(state: BootState): void {
  udevadm(state, ['trigger', '--type=subsystems', '--action=add'], START_MS)
  udevadm(state, ['trigger', '--type=devices', '--action=add'], START_MS)
}

/** Ends the daemon when it has done what is queued, and takes away what it has written down but for what is to last. */
export function stopUdev(state: BootState): void {
  udevadm(state, ['settle', '--timeout=5'], END_MS)
  udevadm(state, ['control', '--exit'], END_MS)
  udevadm(state, ['info', '--cleanup-db'], END_MS)
  // Left behind it would make libdevmapper wait for a daemon that is not there.
  attempt(() => state.kernel.unlink(CONTROL))
}
