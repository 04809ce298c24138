// The plans of services as text, engine by engine, and every refusal.

import t from 'tap'
import { bindOf, runFacts, serviceRequest } from '../../facts/run/request-for-tests.ts'
import type { RunFacts, ServiceRequest } from '../../facts/run/run-types.ts'
import type { Refusal } from '../../facts/refusal.ts'
import { commandTail } from './command-tail.ts'
import type { RunPlan } from './run-plan.ts'
import { planService } from './service.ts'
import { showStep } from './show-step.ts'

const older: RunFacts = { ...runFacts, features: { ...runFacts.features, openTreeNamespace: false } }

function planned(changes: Partial<ServiceRequest>, facts: RunFacts = runFacts): RunPlan {
  const { plan, refusal } = planService({ ...serviceRequest, ...changes }, facts)
  if (plan === null) throw new Error(refusal.detail)
  return plan
}

/** Host steps and the calls before the tail that all have. */
function text(changes: Partial<ServiceRequest>, facts: RunFacts = runFacts): string[] {
  const plan = planned(changes, facts)
  const tail = commandTail({ ...serviceRequest, ...changes }, '/usr/bin/true').length
  return [...plan.host.map((step) => `host ${showStep(step)}`), ...plan.calls.slice(0, -tail).map(({ shown }) => shown)]
}

const SLAVE = 'mount(NULL, "/", NULL, MS_REC|MS_SLAVE, NULL)'
const SHARE = 'mount(NULL, "/", NULL, MS_REC|MS_SHARED, NULL)'

t.test('pivot: the copy of the namespace, the root over "/", and the old root out of the way', async (t) => {
  const plan = planned({ engine: 'pivot' })
  t.match(plan, { name: 'service-pivot', reason: 'asked for', clone: 0x20000, intoCgroup: null, main: null, notes: [] })
  t.strictSame(text({ engine: 'pivot' }), [
    SLAVE, 'mount("/srv/web", "/", NULL, MS_BIND|MS_REC, NULL)', 'chdir("/..")', 'pivot_root(".", ".")', 'umount2(".", MNT_DETACH)', SHARE,
  ])
})

t.test('move: the same without the way out, said so in the notes', async (t) => {
  t.strictSame(text({ engine: 'move' }), [SLAVE, 'mount("/srv/web", "/", NULL, MS_BIND|MS_REC, NULL)', 'chdir("/..")', 'chroot(".")', SHARE])
  t.match(planned({ engine: 'move' }).notes, [/every mount event costs twice/])
})

t.test('namespace: one call makes it', async (t) => {
  t.strictSame(text({ engine: 'namespace' }), [
    'host open_tree("/srv/web", OPEN_TREE_NAMESPACE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) = namespace', 'setns(namespace, CLONE_NEWNS)', SLAVE, SHARE,
  ])
  t.match(planned({ engine: 'namespace' }), { clone: 0, name: 'service-namespace', reason: 'asked for' })
})

t.test('auto: namespace where there is one, else pivot out of the template', async (t) => {
  t.equal(planned({}).name, 'service-namespace')
  t.equal(planned({}, older).name, 'service-pivot-template')
  t.strictSame(text({}, older), [
    'host openat(AT_FDCWD, "/proc/self/mountinfo", 0) = host-mounts',
    'host open_tree("/srv/web", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) = root',
    'host mount_setattr(root, AT_RECURSIVE, {set=0, clr=0, propagation=MS_SLAVE})',
    'host open("/proc/PID/ns/mnt" of the kept small namespace) = template',
    'setns(template, CLONE_NEWNS)', 'unshare(CLONE_NEWNS)',
    'move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH)', 'fchdir(root)', 'pivot_root(".", ".")', 'umount2(".", MNT_DETACH)',
    'poll({host-mounts, POLLPRI}, 1, 0)', 'close(-1) because the mounts of the host have changed', SHARE,
  ])
})

t.test('binds and a read-only root, by every engine', async (t) => {
  const facts = {
    ...older, present: { '/': 'directory', '/data': 'directory', '/etc/x': 'file' },
    sources: { '/home/data': { type: 'directory', path: '/mnt/data' }, '/x': { type: 'file', path: '/x' }, '/': { type: 'directory', path: '/' } },
  } as const
  const binds = [bindOf('/home/data', '/data'), bindOf('/x', '/etc/x', { readOnly: true, recursive: false }), bindOf('/', '/data', { recursive: false })]
  t.strictSame(text({ engine: 'pivot', binds, readOnly: true }, facts), [
    SLAVE, 'openat(AT_FDCWD, "/", O_PATH, 0)', 'mount("/srv/web", "/", NULL, MS_BIND|MS_REC, NULL)', 'chdir("/..")',
    'mount_setattr(AT_FDCWD, ".", AT_RECURSIVE, {set=MOUNT_ATTR_RDONLY, clr=0, propagation=0}, 32)', 'pivot_root(".", ".")', 'fchdir(old-root)',
    'mount("./mnt/data", "/data", NULL, MS_BIND|MS_REC, NULL)',
    'mount("./x", "/etc/x", NULL, MS_BIND, NULL)', 'mount_setattr(AT_FDCWD, "/etc/x", 0, {set=MOUNT_ATTR_RDONLY, clr=0, propagation=0}, 32)',
    'mount(".", "/data", NULL, MS_BIND, NULL)', 'umount2(".", MNT_DETACH)', SHARE,
  ])
  const byNamespace = text({ engine: 'namespace', binds, readOnly: true }, { ...facts, features: runFacts.features })
  t.match(byNamespace[0], /mountinfo.* = host-mounts/, 'events are watched from before the first copy')
  t.match(byNamespace[2], /open_tree\("\/home\/data", .*AT_RECURSIVE\) = bind-0/)
  t.equal(byNamespace[5], 'host mount_setattr(bind-1, 0, {set=MOUNT_ATTR_RDONLY, clr=0, propagation=MS_SLAVE})')
  t.strictSame(byNamespace.slice(8), [
    'setns(namespace, CLONE_NEWNS)', SLAVE, 'mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, {set=MOUNT_ATTR_RDONLY, clr=0, propagation=0}, 32)',
    'move_mount(bind-0, "", AT_FDCWD, "/data", MOVE_MOUNT_F_EMPTY_PATH)', 'move_mount(bind-1, "", AT_FDCWD, "/etc/x", MOVE_MOUNT_F_EMPTY_PATH)',
    'move_mount(bind-2, "", AT_FDCWD, "/data", MOVE_MOUNT_F_EMPTY_PATH)',
    'poll({host-mounts, POLLPRI}, 1, 0)', 'close(-1) because the mounts of the host have changed', SHARE,
  ])
  t.match(text({ binds, readOnly: true }, facts)[2], /mount_setattr\(root, AT_RECURSIVE, \{set=MOUNT_ATTR_RDONLY, .*MS_SLAVE\}/)
})

t.test('a call that jumps has a call to jump to, in every plan', async (t) => {
  for (const engine of ['auto', 'pivot', 'move', 'namespace'] as const) {
    const { calls } = planned({ engine, binds: [bindOf('/x', '/')] }, { ...runFacts, sources: { '/x': { type: 'directory', path: '/x' } } })
    for (const { ifZero } of calls) if (ifZero !== undefined) t.equal(calls.filter(({ label }) => label === ifZero).length, 1, engine)
  }
})

t.test('cgroup and terminal', async (t) => {
  const limits = { memoryMax: 1 << 20, pidsMax: 5, cpuMaxUs: 50_000, cpuWeight: 10 }
  const plan = planned({ cgroupParent: '/fulcrum', limits, terminal: true })
  t.strictSame(plan.host.at(-1), {
    op: 'cgroup', path: '/sys/fs/cgroup/fulcrum/web', as: 'cgroup',
    files: [['cpu.weight', '10'], ['cpu.max', '50000 100000'], ['memory.max', '1048576'], ['pids.max', '5']],
  })
  t.strictSame(plan.intoCgroup, { handle: 'cgroup' })
  t.strictSame(plan.keep, ['terminal'])
  t.match(plan.calls.map(({ shown }) => shown), /setsid\(\)/)
  t.match(planned({ cgroupParent: '/' }).host.at(-1), { path: '/sys/fs/cgroup/web', files: [] })
})

t.test('refusals', async (t) => {
  const refused = (changes: Partial<ServiceRequest>, facts: Partial<RunFacts> = {}): Refusal => {
    const { refusal } = planService({ ...serviceRequest, ...changes }, { ...runFacts, ...facts })
    if (refusal === null) throw new Error('not refused')
    t.match(refusal.detail, /^Cannot .*: .*[^.]$/)
    t.ok(refusal.remedy.length > 3)
    return refusal
  }
  t.match(refused({}, { uid: 1000 }), { reason: 'no-permission' })
  t.match(refused({}, { root: { ...runFacts.root, exists: false } }), { reason: 'new-root-missing' })
  t.match(refused({}, { root: { ...runFacts.root, isDirectory: false } }), { reason: 'new-root-not-directory' })
  t.match(refused({ workingDirectory: '/x' }), { reason: 'working-directory-missing', detail: /'\/x' is missing there/ })
  t.match(refused({}, { program: { problem: 'command-not-found', detail: 'it is not there' } }), { reason: 'command-not-found', detail: "Cannot run 'true' in '/srv/web': it is not there" })
  t.match(refused({ engine: 'namespace' }, older), { reason: 'kernel-too-old', detail: /OPEN_TREE_NAMESPACE, which is there since Linux 7\.0/ })
  t.match(refused({ engine: 'pivot' }, { hostRoot: 'absolute' }), { reason: 'pivot-impossible', detail: /initramfs/ })
  t.match(refused({ engine: 'pivot' }, { hostRoot: 'chroot' }), { reason: 'pivot-impossible', detail: /chroot/ })
  t.match(refused({ engine: 'move' }, { hostRoot: 'chroot' }), { reason: 'pivot-impossible', detail: /chroot/ })
  t.equal(planned({ engine: 'move' }, { ...runFacts, hostRoot: 'absolute' }).name, 'service-move', 'which move does not mind')
  const binds = [bindOf('/a', '/b')]
  t.match(refused({ binds }), { reason: 'bind-source-missing' })
  const sources = { '/a': { type: 'directory', path: '/a' } } as const
  t.match(refused({ binds }, { sources }), { reason: 'mount-point-missing', detail: /nothing to mount it on/ })
  t.match(refused({ binds }, { sources, present: { '/': 'directory', '/b': 'file' } }), { reason: 'mount-point-missing', detail: /the source is a directory, the target not a directory/ })
  t.match(refused({ limits: { ...serviceRequest.limits, pidsMax: 1 } }), { reason: 'cgroup-missing', detail: /by pids\.max/ })
  t.match(refused({ cgroupParent: '/x' }, { cgroup2: null }), { reason: 'cgroup-missing' })
  const limits = { ...serviceRequest.limits, memoryMax: 1 << 20, pidsMax: 5 }
  t.match(refused({ cgroupParent: '/x', limits }, { cgroupControllers: ['pids'] }), { reason: 'cgroup-missing', detail: /does not have the controller 'memory', which/ })
  t.match(refused({ cgroupParent: '/x' }, { features: { ...runFacts.features, cloneIntoCgroup: false } }), { reason: 'kernel-too-old' })
})
