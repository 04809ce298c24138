// The options of `fulcrum run`, parsed.
//
// Names are those that bwrap, systemd-nspawn, podman and unshare have for the same thing; what is looked up in the root
// (users, programs) is not decided here. Pure.  docs/man/fulcrum-run.1

import { CAPABILITY_NAMES, capabilityNumber } from '../abi/capabilities.ts'
import type { Bind, ContainerRequest, IdRange, Limits, RunEngine } from '../facts/run/run-types.ts'
import { UsageError, parseOptionList } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'

/** Where the user namespace gets its ids from. */
export type UserMapping = { readonly from: 'none' | 'automatic' } | { readonly from: 'given'; readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] }

export interface RunWish {
  readonly kind: 'service' | 'container'
  readonly engine: RunEngine
  /** Null: made up. */
  readonly name: string | null
  readonly root: string
  readonly command: readonly string[]
  readonly binds: readonly Bind[]
  readonly readOnly: boolean
  readonly volatile: ContainerRequest['volatile']
  /** 'USER', 'UID', 'USER:GROUP'; looked up in the root. */
  readonly user: string | null
  /** In order; a value of null is taken from our own environment. */
  readonly env: readonly (readonly [name: string, value: string | null])[]
  readonly clearEnv: boolean
  readonly workingDirectory: string | null
  readonly hostname: string | null
  readonly mapping: UserMapping
  readonly network: 'host' | 'none'
  readonly limits: Limits
  /** Null: all. */
  readonly capabilities: readonly string[] | null
  readonly noNewPrivileges: boolean
  readonly terminal: 'auto' | 'yes' | 'no'
  readonly init: boolean
  readonly detach: boolean
  /** File that a detached command writes to. */
  readonly output: string | null
  readonly json: boolean
  readonly dryRun: boolean
  /** Below the cgroup2 mount; null: no cgroup. */
  readonly cgroupParent: string | null
  /** It was asked for, and is not the default. */
  readonly cgroupGiven: boolean
}

/** What a container keeps without --cap-add: what podman gives. Without device limits CAP_MKNOD would open every disk. */
export const CONTAINER_CAPABILITIES: readonly string[] = [
  'chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'net_bind_service', 'setfcap', 'setgid', 'setpcap', 'setuid', 'sys_chroot',
]
/** Letters, digits, '.', '_', '-'; at most 63, and no dot in front: a file and a cgroup are called so. */
export const NAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/

const SPECS: readonly OptionSpec[] = [
  { name: 'service', kind: 'flag' },
  { name: 'container', kind: 'flag' },
  { name: 'name', kind: 'value' },
  { name: 'engine', kind: 'value' },
  { name: 'bind', kind: 'value' },
  { name: 'bind-ro', kind: 'value', also: ['ro-bind'] },
  { name: 'mount-api', kind: 'flag' },
  { name: 'read-only', kind: 'flag' },
  { name: 'volatile', kind: 'optional' },
  { name: 'user', kind: 'value', short: 'u' },
  { name: 'env', kind: 'value', short: 'E', also: ['setenv'] },
  { name: 'clear-env', kind: 'flag', also: ['clearenv'] },
  { name: 'chdir', kind: 'value', also: ['workdir', 'working-directory'] },
  { name: 'hostname', kind: 'value' },
  { name: 'private-users', kind: 'optional' },
  { name: 'map-users', kind: 'value' },
  { name: 'map-groups', kind: 'value' },
  { name: 'network', kind: 'value' },
  { name: 'memory', kind: 'value' },
  { name: 'pids', kind: 'value' },
  { name: 'cpus', kind: 'value' },
  { name: 'cpu-weight', kind: 'value' },
  { name: 'cgroup-parent', kind: 'value' },
  { name: 'cap-add', kind: 'value' },
  { name: 'cap-drop', kind: 'value' },
  { name: 'no-new-privileges', kind: 'optional' },
  { name: 'tty', kind: 'optional', short: 't' },
  { name: 'no-init', kind: 'flag' },
  { name: 'detach', kind: 'flag', short: 'd' },
  { name: 'output', kind: 'value' },
  { name: 'dry-run', kind: 'flag', short: 'n' },
  { name: 'json', kind: 'flag' },
]

const HOST_NAME = /^(?=.{1,64}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/

/** hostname(7), and what sethostname(2) takes. */
function parseHostname(value: string | null): string {
  if (value !== null && HOST_NAME.test(value)) return value
  throw wrong('hostname', value, "at most 64 letters, digits and '-', with dots between the parts")
}

function wrong(option: string, value: string | null, expected: string): UsageError {
  return new UsageError(`Cannot understand --${option} '${value ?? ''}': expected ${expected}`)
}

function oneOf<T extends string>(option: string, value: string | null, known: readonly T[]): T {
  const found = known.find((it) => it === value)
  if (found === undefined) throw wrong(option, value, known.map((it) => `'${it}'`).join(', '))
  return found
}

function yesNo(option: string, value: string | null): boolean {
  return value === null || oneOf(option, value, ['yes', 'no']) === 'yes'
}

const MAX_ID = 0xfffffffe

/** 'INSIDE:OUTSIDE:COUNT', as unshare(1) has it. */
function parseRange(option: string, value: string | null): IdRange {
  const [inside = NaN, outside = NaN, count = NaN, ...more] = (value ?? '').split(':').map((part) => (/^\d{1,10}$/.test(part) ? Number(part) : NaN))
  const fits = more.length === 0 && count >= 1 && inside + count - 1 <= MAX_ID && outside + count - 1 <= MAX_ID
  if (!fits) throw wrong(option, value, 'INSIDE:OUTSIDE:COUNT, for instance 0:100000:65536')
  return { inside, outside, count }
}

/** 'no', 'yes', 'pick', 'BASE' or 'BASE:COUNT', as systemd-nspawn has it. */
function parsePrivateUsers(value: string | null): UserMapping {
  if (value === null || value === 'yes' || value === 'pick') return { from: 'automatic' }
  if (value === 'no') return { from: 'none' }
  const [, base, count = '65536'] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(value) ?? []
  if (base === undefined) throw wrong('private-users', value, "'yes', 'no', or BASE[:COUNT], for instance 100000:65536")
  const range = parseRange('private-users', `0:${base}:${count}`)
  return { from: 'given', uids: [range], gids: [range] }
}

/** 'SOURCE[:TARGET[:OPTIONS]]'; '\:' is a colon. */
export function parseBind(option: string, value: string | null, readOnly: boolean): Bind {
  const [source = '', target = source, options = '', ...more] = (value ?? '').split(/(?<!\\):/).map((part) => part.replaceAll('\\:', ':'))
  const words = options.split(',').filter((word) => word !== '')
  const unknown = words.find((word) => !['ro', 'rw', 'rbind', 'norbind', 'idmap', 'noidmap'].includes(word))
  if (!source.startsWith('/') || !target.startsWith('/') || more.length > 0 || unknown !== undefined) {
    throw wrong(option, value, 'SOURCE[:TARGET[:OPTIONS]] with absolute paths and the options ro, rw, rbind, norbind, idmap, noidmap')
  }
  return { source, target, readOnly: (readOnly && !words.includes('rw')) || words.includes('ro'), recursive: !words.includes('norbind'), ...(words.includes('idmap') ? { idMapped: true } : {}) }
}

/** What --mount-api shows of the host, unless the root is the host's own; a --bind to the same place takes precedence. */
function apiBinds(root: string, binds: readonly Bind[]): Bind[] {
  const wanted = root === '/' ? [] : ['/dev', '/proc', '/sys'].filter((path) => !binds.some(({ target }) => target === path))
  return wanted.map((path) => ({ source: path, target: path, readOnly: false, recursive: true }))
}

const UNITS = ['', 'K', 'M', 'G', 'T']

/** '64M', '1.5G', '1048576'; in powers of 1024. */
function parseSize(option: string, value: string | null): number {
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)([KMGT]?)(?:i?B)?$/i.exec(value ?? '') ?? []
  const bytes = Math.floor(Number(number) * 1024 ** UNITS.indexOf(unit.toUpperCase()))
  if (number === undefined || bytes < 1 || !Number.isSafeInteger(bytes)) throw wrong(option, value, 'bytes, or a number with K, M, G or T behind it')
  return bytes
}

function parseCount(option: string, value: string | null, from: number, to: number): number {
  const number = /^\d{1,10}$/.test(value ?? '') ? Number(value) : NaN
  if (!(number >= from && number <= to)) throw wrong(option, value, `a number from ${from} to ${to}`)
  return number
}

/** CPUs, '1.5', as microseconds of a period of 100 000. */
function parseCpus(value: string | null): number {
  const cpus = /^\d{1,4}(\.\d{1,3})?$/.test(value ?? '') ? Number(value) : NaN
  // The kernel takes no quota below 1000 microseconds.
  if (!(cpus >= 0.01)) throw wrong('cpus', value, 'a number of processors of at least 0.01, for instance 1.5')
  return Math.round(cpus * 100_000)
}

function capabilityList(option: string, value: string | null): readonly string[] {
  return (value ?? '').split(',').flatMap((word) => {
    if (word.toLowerCase() === 'all') return CAPABILITY_NAMES
    const number = capabilityNumber(word)
    const name = number === undefined ? undefined : CAPABILITY_NAMES[number]
    if (name === undefined) throw wrong(option, word, "names of capabilities(7) with commas between them, or 'all'")
    return [name]
  })
}

/** The command line of `fulcrum run`. Throws UsageError. */
export function parseRunOptions(args: readonly string[]): RunWish {
  const { options, words, command } = parseOptionList(args, SPECS, 1)
  const last = (name: string): { readonly value: string | null } | undefined => options.findLast((it) => it.name === name)
  const has = (name: string): boolean => last(name) !== undefined
  const all = (name: string): (string | null)[] => options.filter((it) => it.name === name).map((it) => it.value)
  const value = <T>(name: string, parse: (value: string | null) => T, otherwise: T): T => {
    const given = last(name)
    return given === undefined ? otherwise : parse(given.value)
  }
  const [root] = words
  if (root === undefined) throw new UsageError('Cannot run: expected ROOT and a command')
  if (command === null || command.length === 0 || command[0] === '') throw new UsageError(`Cannot run in '${root}': expected a command behind it`)
  if (has('service') && has('container')) throw new UsageError('Cannot be both: --service and --container')
  const kind = has('service') ? 'service' : 'container'

  let capabilities = kind === 'container' ? CONTAINER_CAPABILITIES : CAPABILITY_NAMES
  for (const option of options.filter((it) => it.name === 'cap-add' || it.name === 'cap-drop')) {
    const named = capabilityList(option.name, option.value)
    capabilities = CAPABILITY_NAMES.filter((name) => (named.includes(name) ? option.name === 'cap-add' : capabilities.includes(name)))
  }

  const uids = all('map-users').map((it) => parseRange('map-users', it))
  const gids = all('map-groups').map((it) => parseRange('map-groups', it))
  if (uids.length + gids.length > 0 && has('private-users')) throw new UsageError('Cannot do both: --private-users is a map already, --map-users and --map-groups are another')
  if (uids.length === 0 && gids.length > 0) throw new UsageError('Cannot map groups only: give --map-users as well')
  const given: UserMapping = { from: 'given', uids, gids: gids.length === 0 ? uids : gids }
  const mapping = uids.length > 0 ? given : value('private-users', parsePrivateUsers, { from: 'none' })

  const env = all('env').map((text): readonly [string, string | null] => {
    const [, name, assigned = null] = /^([^=]+)(?:=(.*))?$/s.exec(text ?? '') ?? []
    if (name === undefined) throw wrong('env', text, 'NAME=VALUE, or NAME for the value that it has here')
    return [name, assigned]
  })

  const name = value('name', (it) => it, null)
  if (name !== null && !NAME_PATTERN.test(name)) throw wrong('name', name, "at most 63 letters, digits, '.', '_' and '-', with no '.' or '-' in front")
  const workingDirectory = value('chdir', (it) => it, null)
  if (workingDirectory !== null && !workingDirectory.startsWith('/')) throw wrong('chdir', workingDirectory, 'an absolute path in the root')

  const binds = options.filter((it) => it.name === 'bind' || it.name === 'bind-ro').map((it) => parseBind(it.name, it.value, it.name === 'bind-ro'))
  const wish: RunWish = {
    kind, name, root, command, workingDirectory, env, mapping,
    engine: value('engine', (it) => oneOf('engine', it, ['auto', 'pivot', 'move', 'namespace'] as const), 'auto'),
    binds: has('mount-api') ? [...apiBinds(root, binds), ...binds] : binds,
    readOnly: has('read-only'),
    volatile: value('volatile', (it) => oneOf('volatile', it ?? 'yes', ['no', 'yes', 'state', 'overlay'] as const), 'no'),
    user: value('user', (it) => it, null),
    clearEnv: has('clear-env'),
    hostname: value('hostname', parseHostname, null),
    network: value('network', (it) => oneOf('network', it, ['host', 'none'] as const), kind === 'service' ? 'host' : 'none'),
    limits: {
      memoryMax: value('memory', (it) => parseSize('memory', it), null),
      pidsMax: value('pids', (it) => parseCount('pids', it, 1, 4_194_304), null),
      cpuMaxUs: value('cpus', parseCpus, null),
      cpuWeight: value('cpu-weight', (it) => parseCount('cpu-weight', it, 1, 10_000), null),
    },
    capabilities: capabilities.length === CAPABILITY_NAMES.length ? null : capabilities,
    noNewPrivileges: value('no-new-privileges', (it) => yesNo('no-new-privileges', it), kind === 'container'),
    terminal: value('tty', (it) => oneOf('tty', it ?? 'yes', ['auto', 'yes', 'no'] as const), 'auto'),
    init: !has('no-init'),
    detach: has('detach'),
    output: value('output', (it) => it, null),
    json: has('json'),
    dryRun: has('dry-run'),
    cgroupParent: value('cgroup-parent', (it) => (it === 'none' ? null : it), '/fulcrum'),
    cgroupGiven: has('cgroup-parent'),
  }
  checkTogether(wish, has)
  return wish
}

/** What each option alone could not know. */
function checkTogether(wish: RunWish, has: (name: string) => boolean): void {
  const containerOnly = ['hostname', 'private-users', 'map-users', 'network', 'volatile', 'no-init'].find((name) => has(name))
  if (wish.kind === 'service' && containerOnly !== undefined) throw new UsageError(`Cannot use --${containerOnly} with --service: a service has no namespaces but that of its mounts`)
  if (wish.kind === 'container' && has('mount-api')) throw new UsageError('Cannot use --mount-api with a container: it has /dev, /proc and /sys of its own')
  if (wish.kind === 'container' && wish.engine === 'move') throw new UsageError("Cannot use --engine 'move' with a container: it is for comparing services")
  if (wish.detach && wish.terminal === 'yes') throw new UsageError('Cannot use --tty with --detach: nobody would be at the terminal')
  if (wish.output !== null && !wish.detach) throw new UsageError('Cannot use --output without --detach')
  if (wish.json && !wish.dryRun && !wish.detach) throw new UsageError('Cannot use --json without --dry-run or --detach: standard output is that of the command')
  if (wish.cgroupParent !== null && !/^(\/[^/]+)+$/.test(wish.cgroupParent)) throw new UsageError(`Cannot understand --cgroup-parent '${wish.cgroupParent}': expected an absolute path below the cgroup2 mount, or 'none'`)
  if (wish.cgroupParent !== null && wish.cgroupParent.split('/').some((part) => part === '..' || part === '.')) throw new UsageError(`Cannot understand --cgroup-parent '${wish.cgroupParent}': '.' and '..' are no cgroups`)
}
