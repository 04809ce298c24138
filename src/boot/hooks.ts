// Hooks: executables of the image that run at the four points of the boot, in name order.
//
// For what fulcrum does not do itself: unlocking, assembling, starting a storage daemon. They are
// programs, not sourced shell text, so they can be anything and break nothing. A daemon that a hook
// leaves behind stays (its exe is then /run/rootfs/…). docs/man/fulcrum.7 has the contract.

import { isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { BreakPoint } from './parameters.ts'

export const HOOKS_DIRECTORY = '/etc/fulcrum/hooks'

/** What one hook did; `status` null when it could not be run or a signal ended it. */
export interface HookRun {
  readonly hook: string
  readonly status: number | null
  readonly problem: string | null
}

/**
 * Runs every executable of a point, its output on the console. A failure is reported, the next one runs. There is no
 * time limit, since a hook may ask for a passphrase: `announce` says before each what a person waits for.
 */
export function runHooks(
  kernel: Kernel,
  point: BreakPoint,
  env: Readonly<Record<string, string>>,
  announce: (hook: string) => void = () => undefined,
): HookRun[] {
  const directory = `${HOOKS_DIRECTORY}/${point}`
  let names: string[]
  try {
    names = kernel.readdir(directory).sort()
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
  return names.map((name) => {
    const hook = `${directory}/${name}`
    announce(hook)
    const result = kernel.run(hook, [], { env: { PATH: '/bin', HOME: '/', FULCRUM_POINT: point, NEWROOT: '/sysroot', ...env }, stdio: 'inherit' })
    const problem = result.code === 0 ? null : (result.error ?? (result.signal === null ? `exit status ${result.code}` : `ended by ${result.signal}`))
    return { hook, status: result.code, problem }
  })
}
