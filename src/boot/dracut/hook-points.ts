// Where in a boot the points of dracut are, and udev with them.
//
// cmdline | modules | pre-udev, udev, pre-trigger, trigger | initqueue, pre-mount, mount (root-by-hooks.ts) | pre-pivot,
// cleanup, the end of udev. What there is neither hooks nor udev for costs one look each.  docs/dracut-hooks.md

import type { BootState } from '../boot-state.ts'
import { BootFailure } from '../boot-failure.ts'
import { isUdevRunning, startUdev, stopUdev, triggerUdev } from '../udev.ts'
import { forgetShared } from '../passphrases.ts'
import { createHookShell, rootVariables } from './hook-shell.ts'
import { withHookVariables } from './root-by-hooks.ts'

/** Hooks of cmdline, and what they say about the root. Throws BootFailure. */
export function beginHooks(state: BootState): void {
  state.hookShell = createHookShell(state)
  if (state.hookShell === null) return
  state.hookShell.run('cmdline')
  state.parameters = withHookVariables(state.parameters, state.hookShell.variables())
}

/**
 * The boot goes on after a stop: what was set there is a part of the hooks' command line, and newer than what a hook
 * has said about the root. After a failure everything runs again from 'cmdline'.
 */
export function tellHooks(state: BootState, settings: Readonly<Record<string, string | true>>): void {
  const { hookShell } = state
  if (hookShell === null) return
  hookShell.setLine(state.line)
  const { root, rflags, fstype, netroot } = rootVariables(state.parameters)
  const isSet = (...words: readonly string[]): boolean => words.some((word) => word in settings)
  hookShell.set({
    ...(isSet('root') ? { root } : {}), ...(isSet('rootflags', 'ro', 'rw') ? { rflags } : {}),
    ...(isSet('rootfstype') ? { fstype } : {}), ...(isSet('netroot') ? { netroot } : {}),
  })
  state.parameters = withHookVariables(state.parameters, hookShell.variables())
}

/** The daemon, where the image has it, with the hooks around it. Throws BootFailure only for a hook. */
export function beginUdev(state: BootState): void {
  state.hookShell?.run('pre-udev')
  const isNew = startUdev(state)
  state.hookShell?.run('pre-trigger')
  if (isNew) triggerUdev(state)
}

/** The last hooks before the switch. Throws BootFailure. */
export function endHooks(state: BootState): void {
  state.hookShell?.run('pre-pivot')
  state.hookShell?.run('cleanup')
  forgetShared(state.kernel)
  if (isUdevRunning(state.kernel)) stopUdev(state)
}

/** Hooks that tell a person more about a failure. One that says die itself changes nothing. */
export function runEmergencyHooks({ hookShell, kernel }: BootState): void {
  try {
    hookShell?.run('emergency')
    if (hookShell !== null) forgetShared(kernel)
  } catch (error) {
    if (!(error instanceof BootFailure)) throw error
  }
}
