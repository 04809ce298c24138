// What `npm run bench -- spawn` compares: each program's fastest way to run a command with the same isolation.
// Everybody gets the same: a root of its own, a fresh /proc (but not in the set `one`), the command as PID 1 of a PID namespace; no
// cgroup, no seccomp filter, no session keyring, no init, nothing of the network but its loopback device. In the set
// `container` also /dev, /sys, /run, /tmp, few capabilities. Pure: words in a list.
// What a program cannot leave out stays, and docs/performance-spawn.md says what that is.
// unshare(1), bwrap(1), crun(1), systemd-nspawn(1)

import { CONTAINER_CAPABILITIES } from '../../src/commands/run-options.ts'

/** Namespaces by the names of /proc/self/ns. `container` is `seven` with what a container is expected to have besides. */
export const SETS = {
  one: ['mnt'],
  two: ['mnt', 'pid'],
  five: ['mnt', 'pid', 'ipc', 'uts', 'cgroup'],
  seven: ['mnt', 'pid', 'ipc', 'uts', 'cgroup', 'net', 'user'],
  container: ['mnt', 'pid', 'ipc', 'uts', 'cgroup', 'net', 'user'],
} as const
export type SetName = keyof typeof SETS

export const SET_NAMES: readonly SetName[] = ['one', 'two', 'five', 'seven', 'container']

/** How many roots there are: as many as run at once, because systemd-nspawn locks its own. */
export const SLOTS = 8

/** Where everything of the bench lies, in both places. */
export const BENCH = '/bench'

/** The roots, by slot. The driver replaces %i by the slot, and %n by another number each time. */
export const ROOT = `${BENCH}/root%i`

/** What runs in the root: nothing, or a look around. */
export const PAYLOADS = {
  true: ['/bin/true'],
  probe: ['/bin/sh', '-c', 'for name in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$name; done; echo pid $$; wc -l < /proc/self/mountinfo'],
} as const
export type Payload = keyof typeof PAYLOADS

/** One line of the table. */
export interface SpawnCase {
  readonly name: string
  /** A server spawns by itself, as often as it is asked (spawn-library.ts). */
  readonly kind: 'program' | 'server'
  readonly words: readonly string[]
  /** A hundred times slower than the others: in a guest once is enough. */
  readonly slow?: boolean
}

/** The folder of an OCI bundle: crun takes command and namespaces from its config.json. */
export function bundleFolder(set: SetName, payload: Payload, slot: string): string {
  return `${BENCH}/bundles/${set}-${payload}-${slot}`
}

const OCI_NAMES: Readonly<Record<string, string>> = { mnt: 'mount', net: 'network' }

const PROC = { destination: '/proc', type: 'proc', source: 'proc' }

/** What `crun spec` writes besides, without its cgroup mount; and /run and /tmp. */
const CONTAINER_MOUNTS = [
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'] },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'] },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/run', type: 'tmpfs', source: 'run', options: ['nosuid', 'nodev', 'mode=755'] },
  { destination: '/tmp', type: 'tmpfs', source: 'tmp', options: ['nosuid', 'nodev', 'mode=1777'] },
]
const CAPABILITIES = CONTAINER_CAPABILITIES.map((name) => `CAP_${name.toUpperCase()}`)
const MASKED = ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/sched_debug', '/proc/scsi', '/sys/firmware']
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** A service has no /proc but that of its root; to look around one is needed. */
function hasProc(set: SetName, payload: Payload): boolean {
  return set !== 'one' || payload === 'probe'
}

/** config.json of an OCI bundle: the namespaces, /proc, and nothing that the other programs do not do. */
export function crunConfig(root: string, set: SetName, payload: Payload): string {
  const namespaces: readonly string[] = SETS[set]
  const ids = [{ containerID: 0, hostID: 0, size: 65536 }]
  const full = set === 'container'
  const capabilities = { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES }
  return JSON.stringify({
    ociVersion: '1.0.0',
    process: {
      terminal: false, user: { uid: 0, gid: 0 }, args: PAYLOADS[payload], env: ['PATH=/bin'], cwd: '/', noNewPrivileges: true,
      ...(full ? { capabilities } : {}),
    },
    root: { path: root, readonly: false },
    mounts: [...(hasProc(set, payload) ? [PROC] : []), ...(full ? CONTAINER_MOUNTS : [])],
    linux: {
      namespaces: namespaces.map((name) => ({ type: OCI_NAMES[name] ?? name })),
      ...(namespaces.includes('user') ? { uidMappings: ids, gidMappings: ids } : {}),
      ...(full ? { maskedPaths: MASKED, readonlyPaths: READ_ONLY } : {}),
    },
  })
}

function unshare(set: SetName, payload: Payload): string[] {
  const namespaces: readonly string[] = SETS[set]
  const flags = namespaces.flatMap((name) => (name === 'mnt' ? ['--mount'] : name === 'pid' ? ['--pid', '--fork'] : [`--${name}`]))
  const maps = namespaces.includes('user') ? ['--map-users=0:0:65536', '--map-groups=0:0:65536'] : []
  const proc = hasProc(set, payload) ? ['--mount-proc'] : []
  return ['/usr/bin/unshare', ...flags, ...maps, ...proc, `--root=${ROOT}`, ...PAYLOADS[payload]]
}

function bwrap(set: SetName, payload: Payload): string[] {
  const namespaces: readonly string[] = SETS[set]
  const flags = namespaces.filter((name) => name !== 'mnt').map((name) => `--unshare-${name}`)
  const ids = namespaces.includes('user') ? ['--uid', '0', '--gid', '0'] : []
  const pid = namespaces.includes('pid') ? ['--as-pid-1'] : []
  const proc = hasProc(set, payload) ? ['--proc', '/proc'] : []
  const full = set === 'container' ? ['--dev', '/dev', '--mqueue', '/dev/mqueue', '--ro-bind', '/sys', '/sys', '--tmpfs', '/run', '--tmpfs', '/tmp', '--cap-drop', 'ALL'] : []
  return ['/usr/bin/bwrap', '--bind', ROOT, '/', ...proc, ...full, ...flags, ...ids, ...pid, ...PAYLOADS[payload]]
}

function crun(set: SetName, payload: Payload): string[] {
  return ['/usr/bin/crun', '--cgroup-manager=disabled', 'run', '--no-new-keyring', '-b', bundleFolder(set, payload, '%i'), 'b%n']
}

function nspawn(namespaces: readonly string[], payload: readonly string[]): string[] {
  const more = namespaces.includes('net') ? ['--private-network', '--private-users=identity'] : []
  return ['/usr/bin/systemd-nspawn', '--quiet', '--register=no', '--keep-unit', `--directory=${ROOT}`, '--machine=b%n', '--pipe',
    '--link-journal=no', '--resolv-conf=off', '--timezone=off', ...more, ...payload]
}

export const EXEC_ONLY = 'exec only'

/** The environment of every program: systemd-nspawn sets no seccomp filter up then, which nobody else does. */
export const ENVIRONMENT = ['PATH=/usr/bin', 'SYSTEMD_SECCOMP=0'] as const

/** Who gives these namespaces and neither more nor less, by set. systemd-nspawn always makes a whole container. */
const ABLE: Readonly<Record<SetName, readonly string[]>> = {
  one: ['unshare', 'bwrap', 'crun'],
  two: ['unshare', 'bwrap', 'crun'],
  five: ['unshare', 'bwrap', 'crun', 'systemd-nspawn'],
  seven: ['unshare', 'bwrap', 'crun'],
  container: ['bwrap', 'crun', 'systemd-nspawn'],
}

/** The peers of a set, after the floor: the command alone, in no namespace at all. */
export function peerCases(set: SetName, payload: Payload): SpawnCase[] {
  const cases = [
    { name: 'unshare', words: unshare(set, payload) },
    { name: 'bwrap', words: bwrap(set, payload) },
    { name: 'crun', words: crun(set, payload) },
    { name: 'systemd-nspawn', words: nspawn(SETS[set], PAYLOADS[payload]) },
  ].filter(({ name }) => ABLE[set].includes(name))
  const floor = payload === 'true' ? [{ name: EXEC_ONLY, words: [`${ROOT}/bin/true`] }] : []
  return [...floor, ...cases].map((it) => ({ ...it, kind: 'program', slow: it.name === 'systemd-nspawn' }))
}

/** Ours, in the ways that there are for a set (spawn-library.ts), and as a program. */
const WAYS: Readonly<Record<SetName, readonly string[]>> = {
  one: ['table', 'request', 'kept'], two: ['table', 'plan'], five: ['table', 'plan', 'request', 'kept'], seven: ['request', 'kept'], container: ['request', 'kept'],
}
const WAY_NAMES: Readonly<Record<string, string>> = {
  table: 'fulcrum call table', plan: 'fulcrum library, bare plan', request: 'fulcrum library', kept: 'fulcrum library, plan kept',
}

function fulcrumRun(set: SetName, payload: Payload): string[] {
  const namespaces: readonly string[] = SETS[set]
  const kind = set === 'one' ? ['--service'] : ['--container', '--no-init', '--network', namespaces.includes('net') ? 'none' : 'host']
  const maps = namespaces.includes('user') ? ['--map-users', '0:0:65536'] : []
  const proc = set === 'one' && payload === 'probe' ? ['--bind', '/proc'] : []
  return [`${BENCH}/fulcrum`, 'run', ...kind, ...maps, ...proc, '--cgroup-parent', 'none', '--tty=no', ROOT, '--', ...PAYLOADS[payload]]
}

/** The command line; there is none for two namespaces. */
export function ownPrograms(set: SetName, payload: Payload): SpawnCase[] {
  return set === 'two' ? [] : [{ name: 'fulcrum run', kind: 'program', slow: true, words: fulcrumRun(set, payload) }]
}

/** The command line, and processes that spawn. */
export function ownCases(set: SetName): SpawnCase[] {
  const servers = WAYS[set].map((way): SpawnCase => ({ name: WAY_NAMES[way] ?? way, kind: 'server', words: [`${BENCH}/node`, `${BENCH}/library.cjs`, way, set] }))
  return [...ownPrograms(set, 'true'), ...servers]
}
