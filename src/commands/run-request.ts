// From the options of `fulcrum run` to the request that is planned: paths, users, environment, ids.
//
// What is read of the root is read here, before anything is started.  docs/run.md

import type { ContainerRequest, IdRange, RunRequest } from '../facts/run/run-types.ts'
import { resolveUser } from '../facts/run/users.ts'
import type { RunUser } from '../facts/run/users.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { pickRange } from '../plan/run/id-range.ts'
import { readTextInRoot } from '../run/read-in-root.ts'
import type { ReadDoors } from '../run/read-in-root.ts'
import { UsageError } from './option-list.ts'
import type { RunWish } from './run-options.ts'

export type RequestDoors = ReadDoors & Pick<Kernel, 'realpath' | 'getpid'>

/** Where programs are looked for in a root. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const ROOT_USER: RunUser = { uid: 0, gid: 0, groups: [], home: '/root', name: 'root', shell: null }

/** What of the outside a request depends on. */
export interface RequestContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly terminal: boolean
  readonly stdio: readonly [number, number, number]
  /** Of what runs already. */
  readonly takenRanges: readonly IdRange[]
}

/** A name for what was given none: that of the root's directory, or of the program for a service, and our pid. */
export function madeUpName(wish: Pick<RunWish, 'kind' | 'command'>, root: string, pid: number): string {
  const from = wish.kind === 'container' && root !== '/' ? root : (wish.command[0] ?? '')
  const base = (from.split('/').findLast((part) => part !== '') ?? 'run').replaceAll(/[^A-Za-z0-9_.-]/g, '_').replace(/^[.-]+/, '')
  return `${(base === '' ? 'run' : base).slice(0, 50)}-${pid}`
}

function environment(wish: RunWish, user: RunUser, context: RequestContext): Record<string, string> {
  const env: Record<string, string> = {}
  if (!wish.clearEnv) {
    Object.assign(env, { PATH: DEFAULT_PATH, HOME: user.home })
    if (user.name !== null) Object.assign(env, { USER: user.name, LOGNAME: user.name })
    if (user.shell !== null) env['SHELL'] = user.shell
    if (context.terminal) env['TERM'] = context.env['TERM'] ?? 'linux'
    // What systemd and others look at to see where they are: systemd.exec(5), "container=".
    if (wish.kind === 'container') env['container'] = 'fulcrum'
  }
  for (const [name, given] of wish.env) {
    const value = given ?? context.env[name]
    if (value !== undefined) env[name] = value
  }
  return env
}

function idMap(wish: RunWish, name: string, taken: readonly IdRange[]): ContainerRequest['idMap'] {
  const { mapping } = wish
  if (mapping.from === 'none') return null
  if (mapping.from === 'given') return { uids: mapping.uids, gids: mapping.gids }
  const range = pickRange(name, taken)
  if (range === null) throw new UsageError('Cannot find a free range of ids: name one with --private-users=BASE')
  return { uids: [range], gids: [range] }
}

/** The request. Throws UsageError for a user that is not there, SyscallError for a root that cannot be looked at. */
export function makeRequest(kernel: RequestDoors, wish: RunWish, context: RequestContext): RunRequest {
  const found = attempt(() => kernel.realpath(wish.root))
  const root = found ?? (wish.root.startsWith('/') ? wish.root : kernel.realpath(wish.root))
  const name = wish.name ?? madeUpName(wish, root, kernel.getpid())
  const passwd = readTextInRoot(kernel, root, '/etc/passwd')
  let user = ROOT_USER
  const looked = resolveUser(wish.user ?? '0', passwd, readTextInRoot(kernel, root, '/etc/group'))
  if (wish.user !== null && typeof looked === 'string') throw new UsageError(looked)
  if (typeof looked !== 'string') user = { ...looked, home: looked.name === null && looked.uid === 0 ? ROOT_USER.home : looked.home }
  const base = {
    name, root, command: wish.command, env: environment(wish, user, context), workingDirectory: wish.workingDirectory ?? '/',
    user: { uid: user.uid, gid: user.gid, groups: user.groups },
    binds: wish.binds, readOnly: wish.readOnly, capabilities: wish.capabilities, noNewPrivileges: wish.noNewPrivileges,
    limits: wish.limits, cgroupParent: wish.cgroupParent, stdio: context.stdio, terminal: context.terminal, session: true,
  }
  const { engine } = wish
  if (wish.kind === 'service') return { ...base, kind: 'service', engine }
  if (engine === 'move') throw new UsageError("Cannot use --engine 'move' with a container")
  return {
    ...base, kind: 'container', engine, hostname: wish.hostname ?? name.replaceAll('_', '-').slice(0, 63), idMap: idMap(wish, name, context.takenRanges),
    network: wish.network, volatile: wish.volatile, init: wish.init,
  }
}
