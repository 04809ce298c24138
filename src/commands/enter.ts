// `fulcrum enter`: a shell, or any command, in what runs by `fulcrum run`.
//
// With the namespaces, cgroup, user and capabilities that it was started with: what enters can do no more than what is in
// there.  docs/run.md, setns(2)

import { resolveUser } from '../facts/run/users.ts'
import type { RunUser } from '../facts/run/users.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { planEnter } from '../plan/run/enter.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import { processSurroundings } from '../run/process-surroundings.ts'
import { readTextInRoot } from '../run/read-in-root.ts'
import { Registry } from '../run/registry.ts'
import type { RunEntry } from '../run/registry.ts'
import { shellStatus, supervise } from '../run/supervise.ts'
import { openTarget } from '../run/target.ts'
import type { Target } from '../run/target.ts'
import { openTargetTerminal } from '../run/target-terminal.ts'
import { SpawnError } from '../spawn/spawn-error.ts'
import { Spawner } from '../spawn/spawner.ts'
import type { RunningChild } from '../spawn/spawner-types.ts'
import { RunRefused } from '../spawn/start-run.ts'
import type { Command } from './command.ts'
import type { CommandIo } from './command.ts'
import { UsageError, parseOptionList } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'
import { DEFAULT_PATH } from './run-request.ts'
import { findRunning, tellFailure } from './run-target.ts'

interface EnterWish {
  readonly name: string
  /** Null: the user's shell. */
  readonly command: readonly string[] | null
  readonly user: string | null
  readonly env: readonly string[]
  readonly workingDirectory: string
  readonly terminal: 'auto' | 'yes' | 'no'
}

const SPECS: readonly OptionSpec[] = [
  { name: 'user', kind: 'value', short: 'u' },
  { name: 'env', kind: 'value', short: 'E', also: ['setenv'] },
  { name: 'chdir', kind: 'value', also: ['workdir', 'working-directory'] },
  { name: 'tty', kind: 'optional', short: 't' },
]

function parse(args: readonly string[]): EnterWish {
  const { options, words, command } = parseOptionList(args, SPECS, 1)
  const last = (name: string): string | null | undefined => options.findLast((it) => it.name === name)?.value
  const [name] = words
  if (name === undefined) throw new UsageError('Cannot enter anything: expected NAME')
  const tty = options.some((it) => it.name === 'tty') ? (last('tty') ?? 'yes') : 'auto'
  if (tty !== 'auto' && tty !== 'yes' && tty !== 'no') throw new UsageError(`Cannot understand --tty '${tty}': expected 'auto', 'yes', 'no'`)
  const workingDirectory = last('chdir') ?? '/'
  if (!workingDirectory.startsWith('/')) throw new UsageError(`Cannot understand --chdir '${workingDirectory}': expected an absolute path in the root`)
  const env = options.filter((it) => it.name === 'env').map((it) => it.value ?? '')
  const nameless = env.find((it) => !/^[^=]+(=|$)/.test(it))
  if (nameless !== undefined) throw new UsageError(`Cannot understand --env '${nameless}': expected NAME=VALUE, or NAME for the value that it has here`)
  return { name, command: command === null || command.length === 0 ? null : command, user: last('user') ?? null, env, workingDirectory, terminal: tty }
}

/** By the files of its own root, whose links lead nowhere else. */
function userIn(kernel: Kernel, target: Target, entry: RunEntry, asked: string | null): RunUser {
  const root = `/proc/self/fd/${target.root}`
  const found = resolveUser(asked ?? `${entry.user.uid}`, readTextInRoot(kernel, root, '/etc/passwd'), readTextInRoot(kernel, root, '/etc/group'))
  if (typeof found === 'string') throw new UsageError(found)
  return asked === null ? { ...found, gid: entry.user.gid, groups: entry.user.groups } : found
}

function environment(wish: EnterWish, entry: RunEntry, user: RunUser, terminal: boolean, own: CommandIo['env']): Record<string, string> {
  const env: Record<string, string> = { PATH: DEFAULT_PATH, HOME: user.home }
  if (user.name !== null) Object.assign(env, { USER: user.name, LOGNAME: user.name })
  if (user.shell !== null) env['SHELL'] = user.shell
  if (terminal) env['TERM'] = own['TERM'] ?? 'linux'
  if (entry.kind === 'container') env['container'] = 'fulcrum'
  for (const given of wish.env) {
    const at = given.indexOf('=')
    const value = at < 0 ? own[given] : given.slice(at + 1)
    if (value !== undefined) env[at < 0 ? given : given.slice(0, at)] = value
  }
  return env
}

/** Without a slash the last directory of PATH is to blame as little as the others. */
function startIn(spawner: Spawner, plan: RunPlan, name: string): RunningChild {
  try {
    return spawner.start(plan)
  } catch (error) {
    const program = plan.calls.findLast(({ role }) => role === 'command')?.args[1]
    const [word] = Array.isArray(program) ? program : []
    if (!(error instanceof SpawnError) || error.role !== 'command' || error.cause.code !== 'ENOENT' || word === undefined || word.includes('/')) throw error
    throw new RunRefused({ reason: 'command-not-found', detail: `Cannot run '${word}' in '${name}': it is in none of the directories of PATH there`, remedy: 'name a program that is in the root' })
  }
}

async function enter(kernel: Kernel, io: CommandIo, wish: EnterWish): Promise<number> {
  const entry = findRunning(kernel, new Registry(kernel), wish.name)
  const target = openTarget(kernel, entry)
  const spawner = new Spawner(kernel)
  const isAtTerminal = wish.terminal === 'yes' || (wish.terminal === 'auto' && kernel.tcgetattr(toFd(0)) !== null && kernel.tcgetattr(toFd(1)) !== null)
  let master: number | null = null
  try {
    const user = userIn(kernel, target, entry, wish.user)
    const terminal = isAtTerminal ? openTargetTerminal(kernel, target.root) : null
    master = terminal?.master ?? null
    const plan = planEnter({
      name: entry.name, command: wish.command ?? [user.shell ?? '/bin/sh'], env: environment(wish, entry, user, isAtTerminal, io.env),
      workingDirectory: wish.workingDirectory, user: { uid: user.uid, gid: user.gid, groups: user.groups },
      capabilities: entry.capabilities, noNewPrivileges: entry.noNewPrivileges, stdio: [0, 1, 2], terminalPeer: terminal?.peer ?? null,
    }, target)
    const status = await supervise(kernel, processSurroundings(), () => {
      const child = startIn(spawner, plan, entry.name)
      if (terminal !== null) kernel.close(terminal.peer)
      return { child, master: terminal?.master ?? null, endGuard: null }
    })
    return shellStatus(status)
  } finally {
    if (master !== null) kernel.close(toFd(master))
    target.close()
    spawner.close()
  }
}

export const enterCommand: Command = {
  name: 'enter',
  summary: 'run a shell or a command in a container or a service',
  usage: ['fulcrum enter [options] NAME [[--] COMMAND [ARG…]]'],
  help: `Runs a command, or the shell of the user, in all namespaces, the root and the cgroup of what runs by this name,
with its user and capabilities. Ends with the status of the command, or 128 and the signal.

  -u, --user USER[:GROUP]
                names of the root, or numbers; default: the user that it was started with
  -E, --env NAME[=VALUE]
                adds to the environment; without a value that of here
  --chdir DIR   working directory, in the root
  -t, --tty[=auto|yes|no]
                a terminal for the command; auto: when this is started at one. Ctrl-] three times kills it
`,
  async run(args, io) {
    try {
      const wish = parse(args)
      return await enter(io.kernel(), io, wish)
    } catch (error) {
      return tellFailure('enter', io, false, error)
    }
  },
}
