// planContainer: which children, which mounts, in which order, and what is refused.
//
// What the calls do is tested where there are kernels: src/spawn/container.ns.test.ts, qemu-tests/containers.qemu.test.ts.

import t from 'tap'
import type { ContainerRequest, RunFacts } from '../../facts/run/run-types.ts'
import { bindOf, runFacts, serviceRequest } from '../../facts/run/request-for-tests.ts'
import { planContainer } from './container.ts'
import { idMapText, onHost } from './id-map.ts'
import type { RunPlan } from './run-plan.ts'

const container: ContainerRequest = {
  ...serviceRequest, kind: 'container', engine: 'auto', root: '/srv/box', capabilities: ['chown', 'kill'], hostname: 'box', idMap: null, network: 'none', volatile: 'no', init: true,
}
const idMap = { uids: [{ inside: 0, outside: 100000, count: 65536 }], gids: [{ inside: 0, outside: 200000, count: 65536 }] }
const present = Object.fromEntries(['/', '/proc', '/sys', '/dev', '/run', '/tmp', '/usr', '/var'].map((path) => [path, 'directory' as const]))
const facts: RunFacts = {
  ...runFacts, present, features: {
    ...runFacts.features, openTreeNamespace: false,
    kernelFiles: [
      { path: '/proc/acpi', type: 'directory', treatment: 'masked' }, { path: '/proc/keys', type: 'file', treatment: 'masked' },
      { path: '/proc/sys', type: 'directory', treatment: 'read-only' }, { path: '/sys/firmware', type: 'directory', treatment: 'masked' },
    ],
  },
}

function planned(wish: Partial<ContainerRequest>, changed: Partial<RunFacts> = {}): RunPlan {
  const { plan, refusal } = planContainer({ ...container, ...wish }, { ...facts, ...changed })
  if (plan === null) throw new Error(refusal.detail)
  return plan
}
const refused = (wish: Partial<ContainerRequest>, changed: Partial<RunFacts> = {}): unknown => planContainer({ ...container, ...wish }, { ...facts, ...changed }).refusal
const shown = (plan: RunPlan): string[] => plan.calls.map(({ shown }) => shown)
const at = (plan: RunPlan, pattern: RegExp): number => shown(plan).findIndex((it) => pattern.test(it))

t.test('one child without a user namespace', async (t) => {
  const plan = planned({})
  t.match(plan, { name: 'container-one-child', clone: 0x20000000 | 0x8000000 | 0x4000000 | 0x40000000, main: null, intoCgroup: null })
  t.match(plan.host.map(({ op }) => op), ['open-tree', 'set-attributes', 'template-namespace', 'init-program'])
  t.equal(at(plan, /CLONE_NEWUSER/), -1)
  t.ok(at(plan, /umount2\("\.", MNT_DETACH/) < at(plan, /mount\("tmpfs", "\/dev"/), 'nothing is mounted by path before the host is out of sight')
  t.ok(at(plan, /mount\("proc"/) < at(plan, /"\/proc\/keys"/), 'proc before its files')
})

t.test('one child with one: mounts, the user namespace, their copy', async (t) => {
  const plan = planned({ idMap })
  t.match(plan, { name: 'container-one-child-users', clone: 0x20000000, main: null })
  const order = [/mknodat/, /mount\("proc"/, /setns\(user, CLONE_NEWUSER\)/, /setresuid\(0, 0, 0\)/, /unshare\(CLONE_NEWNS\|.*CLONE_NEWNET/, /mount\("sysfs"/, /sethostname/, /execveat/].map((it) => at(plan, it))
  t.strictSame(order, [...order].sort((a, b) => a - b))
  t.notOk(order.includes(-1))
  t.match(plan.host[0], { op: 'user-namespace', uidMap: '0 100000 65536\n', gidMap: '0 200000 65536\n' })
  t.match(plan.host[2], { op: 'set-attributes', userNamespace: { handle: 'user' }, propagation: 0x40000 })
  t.ok(shown(plan).some((it) => /mkdirat\(AT_FDCWD, "\/dev\/pts"/.test(it)))
})

t.test('two where CAP_SYS_ADMIN is kept in it', async (t) => {
  for (const capabilities of [null, ['chown', 'sys_admin']]) {
    const plan = planned({ idMap, capabilities })
    t.match(plan, { name: 'container-two-children', clone: 0, main: 'inner' })
    const clone = at(plan, /CLONE_PARENT/)
    t.ok(at(plan, /setns\(user/) < clone && clone < at(plan, /mount\("proc"/))
    t.ok(at(plan, /move_mount\(pin-proc/) + 1 === at(plan, /mount\("proc"/) && at(plan, /mount\("proc"/) + 1 === at(plan, /umount2\("\/sys"/), 'a proc in sight only as long as it is needed')
  }
})

t.test('the namespace engine', async (t) => {
  const features = { ...facts.features, openTreeNamespace: true }
  const plan = planned({}, { features })
  t.ok(plan.host.some((step) => step.op === 'open-tree' && step.as === 'namespace'))
  t.equal(at(plan, /pivot_root/), -1)
  t.ok(at(planned({ engine: 'pivot' }, { features }), /pivot_root/) > 0)
  t.match(planned({ engine: 'namespace', volatile: 'overlay' }, { features }).notes, [/OPEN_TREE_NAMESPACE is not used/])
  t.match(refused({ engine: 'namespace' }), { reason: 'kernel-too-old' })
  t.match(refused({ workingDirectory: '/x' }), { reason: 'working-directory-missing', detail: /'\/x' is missing there/ }, 'nobody makes it, though the root can be written to')
})

t.test('volatile, read-only, and what the root lacks', async (t) => {
  t.match(shown(planned({ volatile: 'state' })).find((it) => it.includes('"/var"')), /^mount\("tmpfs"/)
  t.ok(at(planned({ readOnly: true }), /mount_setattr\(AT_FDCWD, "\/", AT_RECURSIVE, \{set=MOUNT_ATTR_RDONLY/) > 0)
  t.ok(at(planned({ volatile: 'overlay' }), /mount\("overlay", "root", "overlay", MS_NODEV, "lowerdir=lower,upperdir=upper,workdir=work"/) > 0)
  t.ok(at(planned({ volatile: 'yes' }), /symlinkat\("usr\/bin"/) > 0)
  const bare = { present: { '/': 'directory' as const } }
  t.ok(at(planned({}, bare), /mkdirat\(AT_FDCWD, "\/proc"/) > 0)
  const frozen = { ...bare, root: { ...facts.root, readOnly: true } }
  t.match(refused({}, frozen), { reason: 'mount-point-missing', detail: /no \/proc and cannot be written to/ })
  t.match(refused({ volatile: 'yes' }, frozen), { reason: 'mount-point-missing', detail: /no \/usr/ })
  t.ok(at(planned({ volatile: 'overlay' }, frozen), /mkdirat\(AT_FDCWD, "\/proc"/) > 0)
  const noTmp = planned({}, { root: frozen.root, present: { ...present, '/tmp': 'missing' } })
  t.match(noTmp.notes, [/there is no \/tmp/])
  t.equal(at(noTmp, /"\/tmp"/), -1)
})

t.test('the root of the host without what is mounted below it', async (t) => {
  const plan = planned({ root: '/' }, { root: { ...facts.root, isHostRoot: true } })
  t.match(plan.host[0], { op: 'open-tree', from: '/', flags: 1 })
  t.match(planned({}).host[0], { flags: 0x8001 })
  t.match(plan.notes, [/nothing is in it/])
})

t.test('binds: their places are made, in memory after it is there', async (t) => {
  const sources = { '/etc': { type: 'directory', path: '/etc' }, '/f': { type: 'file', path: '/f' } } as const
  const plan = planned({ idMap, readOnly: true, binds: [bindOf('/etc', '/mnt/a/b', { readOnly: true }), bindOf('/f', '/run/x/f', { idMapped: true })] }, { sources })
  t.ok(at(plan, /mkdirat\(AT_FDCWD, "\/mnt\/a\/b"/) < at(plan, /mount_setattr/))
  t.ok(at(plan, /mount\("tmpfs", "\/run"/) < at(plan, /mknodat\(AT_FDCWD, "\/run\/x\/f"/))
  t.ok(at(plan, /move_mount\(bind-1, "", AT_FDCWD, "\/run\/x\/f"/) < at(plan, /setns\(user/), 'before they are locked')
  t.match(plan.host.filter((step) => step.op === 'set-attributes').slice(1), [{ set: 1, userNamespace: null }, { set: 0, userNamespace: { handle: 'user' } }])
  t.equal(at(planned({ binds: [bindOf('/etc', '/tmp')] }, { sources }), /mount\("tmpfs", "\/tmp"/), -1, 'a bind takes the place of the tmpfs')
  t.equal(at(planned({ binds: [bindOf('/etc', '/dev')] }, { sources }), /mknodat|devpts/), -1)
})

t.test('a terminal is of the container\'s own devpts, which is there first', async (t) => {
  const plan = planned({ terminal: true, idMap, user: { uid: 7, gid: 7, groups: [] } })
  t.match(plan.host.slice(-4), [{ op: 'new-mount', fstype: 'devpts', options: [['ptmxmode', '0666'], ['mode', '0620'], ['gid', '200005']] }, { op: 'terminal', devpts: { handle: 'devpts' } }, {}, {}])
  t.ok(at(plan, /move_mount\(devpts, "", AT_FDCWD, "\/dev\/pts"/) < at(plan, /mount\("\/dev\/pts\/0", "\/dev\/console"/))
  t.match(plan.calls.find(({ call, args }) => call === 'fchownat' && args[1] === ''), { args: [{ handle: 'terminal-peer' }, '', 100007, -1] })
})

t.test('the network of the host', async (t) => {
  const plan = planned({ network: 'host' }, { resolvConf: '/run/resolv', present: { ...present, '/etc/resolv.conf': 'file' } })
  t.equal(plan.clone & 0x40000000, 0)
  t.equal(at(plan, /mount\("sysfs"|SIOCSIFFLAGS/), -1)
  t.match(plan.host.filter((step) => step.op === 'open-tree').map(({ from }) => from), ['/srv/box', '/run/resolv', '/sys'])
  t.equal(at(planned({ network: 'host' }, { resolvConf: '/run/resolv' }), /resolv/), -1, 'no such file in the root')
})

t.test('user namespaces that cannot be', async (t) => {
  t.match(refused({ idMap: { ...idMap, uids: [{ inside: 1, outside: 1, count: 9 }] } }), { reason: 'id-not-mapped', detail: /no user id 0/ })
  t.match(refused({ idMap, user: { uid: 0, gid: 70000, groups: [] } }), { reason: 'id-not-mapped', detail: /no group id 70000/ })
  const root = { ...facts.root, idmappable: false }
  t.match(refused({ idMap }, { root }), { reason: 'root-not-idmappable' })
  t.match(refused({ idMap }, { features: { ...facts.features, idmappedMounts: false } }), { reason: 'kernel-too-old' })
  const mapped = planned({ idMap }, { root: { ...root, alreadyMapped: true } })
  t.match(mapped.notes, [/belong to the container already/])
  t.match(mapped.host.find((step) => step.op === 'set-attributes'), { userNamespace: null })
})

t.test('what makes any run impossible', async (t) => {
  t.match(refused({}, { uid: 1 }), { reason: 'no-permission' })
  t.match(refused({}, { program: { problem: 'command-not-found', detail: 'it is not there' } }), { reason: 'command-not-found' })
  t.match(refused({ limits: { ...container.limits, pidsMax: 3 } }), { reason: 'cgroup-missing' })
  t.match(planned({ cgroupParent: '/x', limits: { ...container.limits, pidsMax: 3 } }), { intoCgroup: { handle: 'cgroup' } })
})

t.test('maps', async (t) => {
  const ranges = [{ inside: 0, outside: 1000, count: 1 }, { inside: 1, outside: 100001, count: 9 }]
  t.equal(idMapText(ranges), '0 1000 1\n1 100001 9\n')
  t.strictSame([0, 1, 9, 10].map((id) => onHost(ranges, id)), [1000, 100001, 100009, null])
})
