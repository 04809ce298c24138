// Hooks written for dracut, run at their points by a shell of the image.
//
// The shell library (initrd-builder/dracut-hooks) sources all hooks of a point in one shell and keeps their variables
// in a file; here is what starts it, and what it leaves for PID 1. An image without that library costs one look.
// docs/dracut-hooks.md, dracut.modules(7)

import type { CommandLine } from '../../facts/cmdline.ts'
import { attempt, errorLine } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { BootState } from '../boot-state.ts'
import { errorFailure, refusalFailure } from '../boot-failure.ts'
import type { BootParameters } from '../parameters.ts'
import type { HookShell } from './hook-types.ts'
import { formatVariables, parseVariables } from './hook-variables.ts'

const RUNNER = '/lib/fulcrum/run-hooks'
export const HOOKS_STATE = '/run/fulcrum/hooks'
/** The hooks that the image itself has in the queue. */
const FIRST_HOOKS = '/run/fulcrum/hooks-of-image'
/** As the library looks for hooks; /usr/lib is /lib in an image. */
const DIRECTORIES: readonly string[] = ['/var/lib/dracut/hooks', '/etc/dracut/hooks', '/lib/dracut/hooks']
const QUEUES: readonly string[] = ['initqueue', 'initqueue/settled', 'initqueue/online', 'initqueue/finished', 'initqueue/timeout']
/** All hooks of a point together: one may ask for a passphrase, but PID 1 must not wait for ever. */
const POINT_TIMEOUT_MS = 600_000
/** A hook has stopped the boot; one pass of the initqueue was not the last. */
const STOPPED = 77
const UNFINISHED = 10

/** The line as it holds now: what a person has set since is behind the kernel's words. */
function lineText({ words, initWords }: CommandLine): string {
  return [...words, ...(initWords.length === 0 ? [] : [{ raw: '--' }, ...initWords])].map((word) => word.raw).join(' ')
}

function hasHooks(kernel: Pick<Kernel, 'readdir'>, point: string): boolean {
  return DIRECTORIES.some((directory) => attempt(() => kernel.readdir(`${directory}/${point}`))?.some((name) => name.endsWith('.sh')) === true)
}

/** Files of the queue and of 'emergency': hooks make such as they run. */
function madeHooks(kernel: Pick<Kernel, 'readdir'>): string[] {
  const points = [...QUEUES, 'emergency'].map((point) => `/var/lib/dracut/hooks/${point}`)
  return points.flatMap((point) => (attempt(() => kernel.readdir(point)) ?? []).filter((name) => name.endsWith('.sh')).map((name) => `${point}/${name}`))
}

/** What hooks of an earlier try, or of a boot before a return, have queued is of no use to this one: they queue it again. */
function forgetMadeHooks(kernel: Pick<Kernel, 'readdir' | 'readText' | 'writeFile' | 'unlink'>): void {
  const first = attempt(() => kernel.readText(FIRST_HOOKS))?.split('\n') ?? null
  if (first === null) kernel.writeFile(FIRST_HOOKS, madeHooks(kernel).join('\n'))
  else for (const path of madeHooks(kernel)) if (!first.includes(path)) attempt(() => kernel.unlink(path))
}

function writeLine(kernel: Pick<Kernel, 'writeFile'>, line: CommandLine): void {
  kernel.writeFile(`${HOOKS_STATE}/cmdline`, `${lineText(line)}\n`)
}

/** What cannot be written for the hooks stops nothing. */
function write(log: BootState['log'], act: () => void): void {
  try {
    act()
  } catch (error) {
    log.warn(`${errorLine(error)}, ignoring`)
  }
}

/** What the parameters are in the words of hooks. */
export function rootVariables({ root, rootFlags, readOnly, rootFstypes, network }: BootParameters): { readonly root: string; readonly rflags: string; readonly fstype: string; readonly netroot: string } {
  return {
    root: root ?? '', rflags: [rootFlags, readOnly ? 'ro' : 'rw'].filter((flag) => flag !== '').join(','),
    fstype: rootFstypes.length === 0 ? 'auto' : rootFstypes.join(','), netroot: network.netroot ?? '',
  }
}

function makeState(state: BootState): void {
  const { kernel, parameters, line } = state
  for (const directory of ['/run/fulcrum', HOOKS_STATE]) if (!kernel.exists(directory)) kernel.mkdir(directory, 0o700)
  for (const name of kernel.readdir(HOOKS_STATE)) attempt(() => kernel.unlink(`${HOOKS_STATE}/${name}`))
  forgetMadeHooks(kernel)
  writeLine(kernel, line)
  kernel.writeFile(`${HOOKS_STATE}/variables`, formatVariables(rootVariables(parameters)))
}

/** What stopped the boot, as a failure. */
function throwIfStopped(state: BootState, at: string): void {
  const text = attempt(() => state.kernel.readText(`${HOOKS_STATE}/stopped`))
  if (text === null) return
  attempt(() => state.kernel.unlink(`${HOOKS_STATE}/stopped`))
  const [kind = '', ...message] = text.trimEnd().split('\n')
  const said = message.join('\n')
  const detail = kind === 'die' ? `Cannot go on: a hook of '${at}' gave up: ${said}` : `Cannot go on: a hook of '${at}' asks for a shell: ${said}`
  throw refusalFailure(at, { reason: 'hook-stopped', detail, remedy: "mend what it says, then 'retry': all hooks run again" }, null, [])
}

/** Null when the image has no such hooks. Throws BootFailure when their state cannot be written. */
export function createHookShell(state: BootState): HookShell | null {
  const { kernel, log, trace, parameters } = state
  if (!kernel.exists(RUNNER)) return null
  try {
    makeState(state)
  } catch (error) {
    throw errorFailure('cmdline', error, [])
  }
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/lib/fulcrum/bin', HOME: '/', TERM: 'linux', NEWROOT: '/sysroot', hookdir: '/var/lib/dracut/hooks', FULCRUM_HOOKS_STATE: HOOKS_STATE,
    RDRETRY: String(Math.ceil((parameters.rootTimeoutMs ?? 180_000) / 1000)), FULCRUM_QUIET: parameters.logLevel === 'quiet' ? 'yes' : 'no', FULCRUM_HOOKS_VERBOSE: 'yes',
    FULCRUM_ASK_TIMEOUT: String(Math.ceil((parameters.block.luks.timeoutMs ?? 0) / 1000)),
  }
  const call = (at: string, args: readonly string[], isSilent = false): number | null => {
    const run = (): ReturnType<Kernel['run']> =>
      kernel.run(RUNNER, args, { env: isSilent ? { ...env, FULCRUM_HOOKS_VERBOSE: 'no' } : env, stdio: 'inherit', timeoutMs: POINT_TIMEOUT_MS })
    const { code, error, signal } = trace.measure('dracut-hooks', args.join(' '), run, (result) => ({ status: result.code ?? 'none' }))
    throwIfStopped(state, at)
    if (code !== 0 && code !== UNFINISHED && code !== STOPPED) {
      log.warn(`Cannot run all hooks of '${at}': ${error ?? (signal === null ? `exit status ${code}` : `ended by ${signal}`)}, ignoring`)
    }
    return code
  }
  const variables = (): ReadonlyMap<string, string> => parseVariables(attempt(() => kernel.readText(`${HOOKS_STATE}/variables`)) ?? '')
  return {
    run(point, argument) {
      // The library itself has something to do at 'cmdline': what rootfs-block of dracut does.
      if (point === 'cmdline' || hasHooks(kernel, point)) call(point, ['run', point, ...(argument === undefined ? [] : [argument])])
    },
    runHandler: (program, device) => void call('netroot', ['handler', program, device]),
    setLine: (line) => write(log, () => writeLine(kernel, line)),
    mount() {
      if (!hasHooks(kernel, 'mount')) return false
      call('mount', ['mount'])
      return true
    },
    hasQueue: () => QUEUES.some((point) => hasHooks(kernel, point)),
    hasWork: () => kernel.exists('/var/lib/dracut/hooks/initqueue/work'),
    pass: (isLate) => call('initqueue', isLate ? ['queue', 'timeout'] : ['queue'], true) !== UNFINISHED,
    unfinished: () => attempt(() => kernel.readText(`${HOOKS_STATE}/unfinished`))?.trim() ?? null,
    variables,
    set: (added) => write(log, () => {
      const all = attempt(() => kernel.readText(`${HOOKS_STATE}/variables`)) ?? ''
      kernel.writeFile(`${HOOKS_STATE}/variables`, `${all}${formatVariables(added)}`)
    }),
    needsShutdown: () => kernel.exists(`${HOOKS_STATE}/need-shutdown`),
  }
}
