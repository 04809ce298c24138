// What `fulcrum shutdown` and `fulcrum return` share: from a running root, under whatever init, to /shutdown of the
// kept initramfs.
//
// systemd is asked, where it runs: it stops its services in order and comes back by itself. Any other PID 1 is
// replaced, and does the rest in its place (return/leave-root.ts). docs/return.md.

import { attempt, errorLine, isErrno, SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { describePlan } from '../plan/step.ts'
import { plainExe } from '../processes/process-facts.ts'
import { isInitramfs, planEnter } from '../return/enter.ts'
import { RETURN_FILE } from '../return/go-forward.ts'
import { leaveChroot } from '../return/leave-chroot.ts'
import { leaveRoot, shutdownArgv } from '../return/leave-root.ts'
import type { LeaveVerb } from '../return/leave-root.ts'
import { replaceInit, replaceInitHere } from '../return/replace-init.ts'
import { findSilentRoot } from '../return/silent-root.ts'
import type { SilentRoot } from '../return/silent-root.ts'
import { runShutdown } from '../shutdown/shutdown.ts'
import { EXIT_OK, EXIT_REFUSED, EXIT_SYSTEM, type CommandIo } from './command.ts'
import { HelpRequest, parseOptionList, UsageError } from './option-list.ts'

export interface LeaveOptions {
  readonly force: boolean
  readonly dryRun: boolean
  readonly shell: boolean
  readonly timeoutS: number
  /** What is no option. */
  readonly words: readonly string[]
}

export const DEFAULT_LEAVE_OPTIONS: LeaveOptions = { force: false, dryRun: false, shell: false, timeoutS: 10, words: [] }

/** What parseLeaveOptions answers for --help behind other words. */
export const HELP_ASKED = 'Cannot help as PID 1'

/** The options of both commands, or what is wrong with them. */
export function parseLeaveOptions(args: readonly string[]): LeaveOptions | string {
  try {
    const { options, words, command } = parseOptionList(args, [
      { name: 'force', kind: 'flag', short: 'f' }, { name: 'dry-run', kind: 'flag', short: 'n' }, { name: 'shell', kind: 'flag' }, { name: 'timeout', kind: 'value' },
    ])
    const has = (name: string): boolean => options.some((it) => it.name === name)
    const timeout = options.findLast((it) => it.name === 'timeout')?.value ?? String(DEFAULT_LEAVE_OPTIONS.timeoutS)
    if (!/^\d{1,6}$/.test(timeout)) return `Cannot understand --timeout '${timeout}': expected seconds`
    return { force: has('force'), dryRun: has('dry-run'), shell: has('shell'), timeoutS: Number(timeout), words: [...words, ...(command ?? [])] }
  } catch (error) {
    // PID 1 has nobody to help: it takes what it has.
    if (error instanceof HelpRequest) return HELP_ASKED
    if (error instanceof UsageError) return error.message
    throw error
  }
}

/** sd_booted(3), and PID 1 is it: systemctl(1) can be asked. */
function runsSystemd(kernel: Kernel): boolean {
  // An upgrade may have deleted the file that it still executes.
  const exe = attempt(() => kernel.readlink('/proc/1/exe'))
  return kernel.exists('/run/systemd/system') && exe !== null && plainExe(exe).endsWith('/systemd')
}

const SYSTEMCTL = ['/usr/bin/systemctl', '/bin/systemctl']

function askSystemd(kernel: Kernel, verb: LeaveVerb, shell: boolean, say: (line: string) => void): number {
  const systemctl = SYSTEMCTL.find((path) => kernel.exists(path))
  if (systemctl === undefined) {
    say("Cannot ask systemd: there is no systemctl; --force does without")
    return EXIT_SYSTEM
  }
  // systemd knows no return: the file makes /shutdown turn the reboot into one.
  if (verb === 'return') kernel.writeFile(RETURN_FILE, `${JSON.stringify({ shell })}\n`, 0o600)
  const word = verb === 'return' ? 'reboot' : verb
  const result = kernel.run(systemctl, [word], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, stdio: 'inherit' })
  if (result.code === 0) return EXIT_OK
  if (verb === 'return') attempt(() => kernel.unlink(RETURN_FILE))
  say(`Cannot ask systemd: '${systemctl} ${word}' ended with ${result.error ?? result.signal ?? `status ${result.code}`}`)
  return EXIT_SYSTEM
}

/** The words with which PID 1 is started in its own place. */
function wordsForInit(verb: LeaveVerb, { shell, timeoutS }: LeaveOptions): string[] {
  return [...(verb === 'return' ? ['return', ...(shell ? ['--shell'] : [])] : ['shutdown', verb]), '--timeout', String(timeoutS)]
}

/** As PID 1: the running root is left at once, and never returned to. Null when "/" is the initramfs itself. */
export function leaveAsInit(kernel: Kernel, verb: LeaveVerb, options: LeaveOptions, say: (line: string) => void): null {
  const { shell } = options
  // PID 1 must not exit for an error here: then it is where it is.
  if (attempt(() => leaveChroot(kernel)) !== true && isInitramfs(kernel)) return null
  return leaveRoot(kernel, { verb, shell, timeoutMs: options.timeoutS * 1000 }, say)
}

/** From a root that does not answer: nothing of it can be ended in order, and nothing is asked of it. */
function leaveSilent(kernel: Kernel, root: SilentRoot, verb: LeaveVerb, options: LeaveOptions, say: (line: string) => void): number {
  if (!options.force || options.dryRun) root.forget()
  if (!options.force) {
    say('Cannot ask the running root: the server that it is on does not answer; --force does without')
    return EXIT_SYSTEM
  }
  say('the server of the running root does not answer: the initramfs is entered without it')
  if (options.dryRun) return EXIT_OK
  root.enter()
  try {
    replaceInitHere(kernel, shutdownArgv({ verb, shell: options.shell }))
    return EXIT_OK
  } catch (error) {
    say(`Cannot replace PID 1: ${errorLine(error)}, going on beside it`)
    return runShutdown(kernel, [verb], {}, say)
  }
}

/** As any other process of a running root. Returns an exit status, or goes on in place of PID 1 where that may not be replaced. */
export function leaveAsOther(io: CommandIo, name: string, verb: LeaveVerb, options: LeaveOptions): number {
  const kernel = io.kernel()
  const say = (line: string): void => io.stderr(`${name}: ${line}\n`)
  if (kernel.getuid() === 0) {
    const silent = isInitramfs(kernel) ? findSilentRoot(kernel) : null
    if (silent !== null) return leaveSilent(kernel, silent, verb, options, say)
    leaveChroot(kernel)
  }
  const { plan, refusal } = planEnter(kernel)
  if (plan === null) {
    say(refusal.detail)
    say(`remedy: ${refusal.remedy}`)
    return EXIT_REFUSED
  }
  const systemd = !options.force && runsSystemd(kernel)
  if (options.dryRun) {
    io.stdout(systemd ? `systemd is asked to ${verb === 'return' ? 'reboot' : verb}, and comes back through /run/initramfs/shutdown\n`
      : `PID 1 becomes fulcrum of the initramfs, ends what runs in the root, and enters by this plan:\n${describePlan(plan).join('\n')}\n`)
    return EXIT_OK
  }
  if (systemd) return askSystemd(kernel, verb, options.shell, say)
  try {
    replaceInit(kernel, wordsForInit(verb, options))
    return EXIT_OK
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    say(`Cannot replace PID 1: ${errorLine(error)}`)
    // A shutdown can do without PID 1, going forward cannot.
    if (verb === 'return' || !isErrno(error, 'EPERM', 'ENOSYS', 'EACCES')) return EXIT_SYSTEM
  }
  say('going on beside PID 1, which keeps the root busy: it will be made read-only and not unmounted')
  return leaveRoot(kernel, { verb, shell: false, timeoutMs: options.timeoutS * 1000 }, say)
}
