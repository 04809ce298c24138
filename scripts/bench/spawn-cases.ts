// What `npm run bench -- spawn` compares: each program's fastest way to run a command with the same isolation.
// Everybody gets the same: a root of its own, a fresh /proc, the command as PID 1 where there is a PID namespace; no
// cgroup, no seccomp filter, no session keyring, no init, nothing of the network but its loopback device.
// What a program cannot leave out stays, and docs/performance.md says what that is. Pure: words in a list.
// unshare(1), bwrap(1), crun(1), systemd-nspawn(1)

/** Namespaces by the names of /proc/self/ns. */
export const SETS = {
  two: ['mnt', 'pid'],
  five: ['mnt', 'pid', 'ipc', 'uts', 'cgroup'],
  seven: ['mnt', 'pid', 'ipc', 'uts', 'cgroup', 'net', 'user'],
} as const
export type SetName = keyof typeof SETS

export const SET_NAMES: readonly SetName[] = ['two', 'five', 'seven']

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
}

/** The folder of an OCI bundle: crun takes command and namespaces from its config.json. */
export function bundleFolder(set: SetName, payload: Payload, slot: string): string {
  return `${BENCH}/bundles/${set}-${payload}-${slot}`
}

const OCI_NAMES: Readonly<Record<string, string>> = { mnt: 'mount', net: 'network' }

/** config.json of an OCI bundle: the namespaces, /proc, and nothing that the other programs do not do. */
export function crunConfig(root: string, set: SetName, payload: Payload): string {
  const namespaces: readonly string[] = SETS[set]
  const ids = [{ containerID: 0, hostID: 0, size: 65536 }]
  return JSON.stringify({
    ociVersion: '1.0.0',
    process: { terminal: false, user: { uid: 0, gid: 0 }, args: PAYLOADS[payload], env: ['PATH=/bin'], cwd: '/', noNewPrivileges: true },
    root: { path: root, readonly: false },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: {
      namespaces: namespaces.map((name) => ({ type: OCI_NAMES[name] ?? name })),
      ...(namespaces.includes('user') ? { uidMappings: ids, gidMappings: ids } : {}),
    },
  })
}

function unshare(namespaces: readonly string[], payload: readonly string[]): string[] {
  const flags = namespaces.flatMap((name) => (name === 'mnt' ? ['--mount'] : name === 'pid' ? ['--pid', '--fork'] : [`--${name}`]))
  const maps = namespaces.includes('user') ? ['--map-users=0:0:65536', '--map-groups=0:0:65536'] : []
  return ['/usr/bin/unshare', ...flags, ...maps, '--mount-proc', `--root=${ROOT}`, ...payload]
}

function bwrap(namespaces: readonly string[], payload: readonly string[]): string[] {
  const flags = namespaces.filter((name) => name !== 'mnt').map((name) => `--unshare-${name}`)
  const ids = namespaces.includes('user') ? ['--uid', '0', '--gid', '0'] : []
  return ['/usr/bin/bwrap', '--bind', ROOT, '/', '--proc', '/proc', ...flags, ...ids, '--as-pid-1', ...payload]
}

function crun(set: SetName, payload: Payload): string[] {
  return ['/usr/bin/crun', '--cgroup-manager=disabled', 'run', '--no-new-keyring', '-b', bundleFolder(set, payload, '%i'), 'b%n']
}

function nspawn(namespaces: readonly string[], payload: readonly string[]): string[] {
  const more = namespaces.includes('net') ? ['--private-network', '--private-users=identity'] : []
  return ['/usr/bin/systemd-nspawn', '--quiet', '--register=no', '--keep-unit', `--directory=${ROOT}`, '--machine=b%n', '--pipe',
    '--link-journal=no', '--resolv-conf=off', '--timezone=off', ...more, ...payload]
}

/** The environment of every program: systemd-nspawn sets no seccomp filter up then, which nobody else does. */
export const ENVIRONMENT = ['PATH=/usr/bin', 'SYSTEMD_SECCOMP=0'] as const

/** The peers that can give exactly these namespaces, after the floor: the command alone, in no namespace at all. */
export function peerCases(set: SetName, payload: Payload): SpawnCase[] {
  const command = PAYLOADS[payload]
  const cases = [
    ...(payload === 'true' ? [{ name: 'exec only', words: [`${ROOT}/bin/true`] }] : []),
    { name: 'unshare', words: unshare(SETS[set], command) },
    { name: 'bwrap', words: bwrap(SETS[set], command) },
    { name: 'crun', words: crun(set, payload) },
    // It has no switch for fewer than five.
    ...(set === 'two' ? [] : [{ name: 'systemd-nspawn', words: nspawn(SETS[set], command) }]),
  ]
  return cases.map((it) => ({ ...it, kind: 'program' }))
}
