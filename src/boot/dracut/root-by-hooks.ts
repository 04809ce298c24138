// What hooks written for dracut say about the root: root=, its options, and the mount itself.
//
// At 'cmdline' they may name another root, or say that it is theirs (rootok): then nothing of PID 1's looks for it, the
// initqueue runs until all of 'finished' answer 0, and a hook of 'mount' or 'pre-mount' mounts it.  docs/dracut-hooks.md

import { parseRootSpec, rootSpecText } from '../../facts/block/root-spec.ts'
import type { RootSpec } from '../../facts/block/root-spec.ts'
import type { BootState } from '../boot-state.ts'
import { inPhase, refusalFailure } from '../boot-failure.ts'
import type { BootFailure } from '../boot-failure.ts'
import type { BootParameters } from '../parameters.ts'
import { rootByHook, sysrootMountId } from '../root-by-hook.ts'
import { waitForRoot } from '../devices/index.ts'
import type { ModuleLoader } from '../devices/index.ts'
import type { MountedRoot } from '../storage/context.ts'

/** dracut's loop over the hooks of 'mount'. */
const MOUNT_TRIES = 20
const MOUNT_PAUSE_MS = 100

function specOf(text: string, fstypes: readonly string[]): RootSpec | null {
  return parseRootSpec(text, fstypes.length === 1 ? (fstypes[0] ?? null) : null).spec
}

function sameRoot(a: string | null, b: string): boolean {
  if (a === b) return true
  const [one, other] = [a === null ? null : specOf(a, []), specOf(b, [])]
  return one !== null && other !== null && rootSpecText(one) === rootSpecText(other)
}

/** The parameters as the hooks of 'cmdline' have left them. */
export function withHookVariables(parameters: BootParameters, variables: ReadonlyMap<string, string>): BootParameters {
  const root = variables.get('root') ?? ''
  const fstype = variables.get('fstype') ?? 'auto'
  const netroot = variables.get('netroot') ?? ''
  const flags = (variables.get('rflags') ?? '').split(',').filter((flag) => flag !== '')
  const access = flags.findLast((flag) => flag === 'ro' || flag === 'rw')
  return {
    ...parameters,
    root: root === '' || sameRoot(parameters.root, root) ? parameters.root : root,
    rootFstypes: fstype === 'auto' || fstype === '' ? parameters.rootFstypes : fstype.split(','),
    rootFlags: flags.filter((flag) => flag !== 'ro' && flag !== 'rw').join(','),
    network: netroot === '' || netroot === parameters.network.netroot ? parameters.network : { ...parameters.network, netroot },
    readOnly: access === undefined ? parameters.readOnly : access === 'ro',
  }
}

/** Whether a hook has said that the root is its own (rootok), and it is none that PID 1 knows. A bare word may be a tag. */
export function isRootOfHooks({ parameters, hookShell }: BootState): boolean {
  if (hookShell === null || parameters.root === null) return false
  const rootok = hookShell.variables().get('rootok') ?? ''
  const spec = specOf(parameters.root, parameters.rootFstypes)
  return rootok !== '' && rootok !== '0' && (spec === null || (spec.kind === 'tag' && spec.fstype === null))
}

/** Whether PID 1 can tell by itself when the root is there. */
export function isRootKnown(state: BootState): boolean {
  const { root, rootFstypes } = state.parameters
  return !isRootOfHooks(state) && (root === null || specOf(root, rootFstypes) !== null)
}

/** The hooks of pre-mount and mount; the root if one of them has mounted it. `source` is the device, once it is known. */
export function mountByHooks(state: BootState, source: string | null): MountedRoot | null {
  const { kernel, hookShell } = state
  if (hookShell === null) return null
  const before = sysrootMountId(kernel)
  if (source !== null) hookShell.set({ root: `block:${source}`, rootok: '1' })
  const isTheirs = isRootOfHooks(state)
  hookShell.run('pre-mount')
  for (let tries = isTheirs ? MOUNT_TRIES : 1; tries > 0; tries -= 1) {
    const isTried = hookShell.mount()
    const mounted = rootByHook(kernel, before)
    if (mounted !== null) return mounted
    if (!isTried) break
    if (tries > 1) kernel.sleepMs(MOUNT_PAUSE_MS)
  }
  if (!isTheirs) return null
  throw refusalFailure('mount', {
    reason: 'root-not-mounted',
    detail: `Cannot mount the root: a hook took root='${state.parameters.root ?? ''}' for its own (rootok), and none has mounted anything on '/sysroot'`,
    remedy: "look at the hooks of 'mount', or choose another with root=… and 'retry'",
  }, null, [])
}

/** When the time is over and a hook of 'finished' still says no: that, as a failure; else null. */
export function unfinishedFailure({ hookShell }: BootState, point: string, report: readonly string[]): BootFailure | null {
  const hook = hookShell?.unfinished() ?? null
  if (hook === null) return null
  return refusalFailure(point, {
    reason: 'hooks-unfinished',
    detail: `Cannot go on: hook '${hook}' did not become true in time`,
    remedy: "look at what it waits for ('blk' shows the devices), then 'retry'; rd.timeout= sets the time",
  }, null, report)
}

/** A root that PID 1 cannot look for by itself: the initqueue runs, then it is mounted by a hook. Null if none does. */
export function rootFromHooks(state: BootState, loader: ModuleLoader): MountedRoot | null {
  const { hookShell, kernel, parameters, log } = state
  if (hookShell === null || isRootKnown(state)) return null
  return inPhase('root-device', () => {
    if (hookShell.hasQueue()) {
      const wait = { timeoutMs: parameters.rootTimeoutMs, rootdelayMs: parameters.rootDelayMs, queue: hookShell, onProgress: (line: string): void => log.warn(line) }
      const result = state.trace.measure('root-device', 'hooks', () => waitForRoot(kernel, loader, { kind: 'hooks' }, wait), (r) => ({ outcome: r.outcome }))
      const failure = result.outcome === 'timeout' ? unfinishedFailure(state, 'root-device', result.report) : null
      if (failure !== null) throw failure
    }
    return mountByHooks(state, null)
  })
}
