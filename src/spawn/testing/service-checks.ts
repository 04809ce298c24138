// What holds for services on every kernel: how many copies of a mount event arrive, that nothing flows back, and what is
// left beneath. The test of the seed (`mount --bind /opt /mnt` on the host) is among them, word by word.
//
// Runs on the host and in guests; `quiet` says that nobody else mounts anything there.  docs/services.md

import { MNT_DETACH, MS_BIND } from '../../abi/mount.ts'
import { SIGKILL } from '../../abi/process.ts'
import { bindOf } from '../../facts/run/request-for-tests.ts'
import type { RunEngine, ServiceRequest } from '../../facts/run/run-types.ts'
import { readRunFacts } from '../../facts/run/run-facts.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { calls } from '../../plan/run/calls.ts'
import type { Spawner } from '../spawner.ts'
import type { RunningChild } from '../spawner-types.ts'
import { readRunPlan, startRun } from '../start-run.ts'
import { countMounts, endWatchers, inNamespaceOf, mountsOf, nextMountId, sleeping, withWatcher } from './service-bed.ts'
import type { MountCount, ServiceBed } from './service-bed.ts'

/** Of GuestTap. */
export interface Checks {
  point(ok: boolean, name: string, notes?: readonly string[]): boolean
  same(name: string, got: unknown, wanted: unknown): boolean
  attempt(name: string, body: () => void): void
  note(text: string): void
}

export interface CheckContext {
  readonly kernel: Kernel
  readonly spawner: Spawner
  readonly bed: ServiceBed
  readonly tap: Checks
  readonly quiet: boolean
}

export const enginesOf = (spawner: Spawner): RunEngine[] => ['auto', 'pivot', 'move', ...(spawner.features.openTreeNamespace ? ['namespace' as const] : [])]

/** What one event does to a service: in its own mountinfo, and to the whole namespace. */
function eventOf({ kernel, quiet }: CheckContext, pid: number, source: string, target: string): { before: MountCount; during: MountCount; after: MountCount; created: number | null } {
  const before = countMounts(kernel, pid)
  const first = nextMountId(kernel)
  kernel.mount(source, target, null, MS_BIND, null)
  const last = nextMountId(kernel)
  const during = countMounts(kernel, pid)
  kernel.umount2(target, 0)
  const after = countMounts(kernel, pid)
  return { before, during, after, created: quiet && first !== null && last !== null ? Number(last - first) - 1 : null }
}

/** Both counts of the namespace, or what there is of them. */
const wide = ({ seen, all }: MountCount): readonly number[] => (all === null ? [seen] : [all, seen])

/** The event of the seed with a process that watches from the first root, and so sees what the switch leaves beneath. */
function seedTest(context: CheckContext, engine: 'pivot' | 'move' | 'namespace', root: string, target: string): void {
  const { kernel, spawner, tap } = context
  const name = `${engine}, root ${root === '/' ? '"/"' : 'a directory'}`
  const plan = readRunPlan(kernel, spawner, sleeping({ root, engine }))
  const host = mountsOf(kernel, 'self').length
  const child = spawner.start(engine === 'namespace' ? plan : withWatcher(plan))
  try {
    const { before, during, after, created } = eventOf(context, child.pid, '/opt', target)
    const copies = engine === 'move' ? 2 : 1
    tap.same(`${name}: the service sees the mount once`, [during.visible - before.visible, after], [1, before])
    tap.same(`${name}: copies namespace-wide`, wide(during).map((count, i) => count - (wide(before)[i] ?? 0)), wide(during).map(() => copies))
    const shadow = engine === 'move' ? host : 0
    tap.same(`${name}: mounts that no path of the service leads to`, wide(before).map((count) => count - before.visible), wide(before).map(() => shadow))
    if (created !== null) tap.same(`${name}: mounts made by the kernel, the host's own included`, created, copies + 1)
    tap.note(`${name}: visible ${before.visible}→${during.visible}, namespace-wide ${wide(before).join('/')}→${wide(during).join('/')}`)
  } finally {
    endWatchers(kernel, child.pid)
    child.signal(SIGKILL)
    child.wait()
  }
}

export function seedTests(context: CheckContext): void {
  const { kernel, bed, spawner, tap } = context
  for (const at of ['/opt', '/mnt']) if (!kernel.exists(at)) kernel.mkdir(at, 0o755)
  for (const engine of ['pivot', 'move', 'namespace'] as const) {
    if (engine === 'namespace' && !spawner.features.openTreeNamespace) continue
    tap.attempt(`${engine} on "/"`, () => seedTest(context, engine, '/', '/mnt'))
    tap.attempt(`${engine} on a directory`, () => seedTest(context, engine, bed.root, `${bed.root}/mnt`))
  }
}

function withService(context: CheckContext, changes: Partial<ServiceRequest>, body: (child: RunningChild) => void): void {
  const child = startRun(context.kernel, context.spawner, sleeping(changes))
  try {
    body(child)
  } finally {
    child.signal(SIGKILL)
    child.wait()
  }
}

/** Slave of the host's and peer of nobody there; own events stay inside, those of the host come at any depth. */
function propagation(context: CheckContext, engine: RunEngine, root: string): void {
  const { kernel, tap } = context
  const at = root === '/' ? '' : root
  withService(context, { root, engine, readOnly: false }, ({ pid, plan }) => {
    const name = `${engine} (${plan.name}), root ${root === '/' ? '"/"' : 'a directory'}`
    const host = mountsOf(kernel, 'self')
    const groups = new Set(host.map((mount) => mount.optional.shared))
    const own = mountsOf(kernel, pid)
    const wrong = own.filter(({ optional }) => optional.shared === undefined || groups.has(optional.shared) || !groups.has(optional.master))
    tap.same(`${name}: every mount is a slave of the host's and shared by itself`, wrong.map(({ mountPoint, optional }) => [mountPoint, optional]), [])
    tap.same(`${name}: the tree is that of the host`, own.map(({ mountPoint }) => `${at}${mountPoint === '/' && at !== '' ? '' : mountPoint}`).sort(), host.map(({ mountPoint }) => mountPoint).filter((point) => root === '/' || point === at || point.startsWith(`${at}/`)).sort())
    tap.same(`${name}: root and working directory`, ['root', 'cwd'].map((link) => kernel.readlink(`/proc/${pid}/${link}`)), ['/', '/'])

    const inside = root === '/' ? context.bed.root : ''
    const made = inNamespaceOf(kernel, pid, [calls.mount('own', `${inside}/tmp`, 'tmpfs', 0)])
    tap.same(`${name}: what the service mounts is in the service only`, [made, mountsOf(kernel, pid).length - own.length, mountsOf(kernel, 'self')], [0, 1, host])
    tap.same(`${name}: and what it unmounts`, [inNamespaceOf(kernel, pid, [calls.umount2(`${inside}/data/sub`, MNT_DETACH)]), mountsOf(kernel, pid).length - own.length, mountsOf(kernel, 'self')], [0, 0, host])

    const target = `${context.bed.root}/mnt`
    kernel.mount('outer', target, 'tmpfs', 0, null)
    kernel.mkdir(`${target}/in`, 0o755)
    kernel.mount('inner', `${target}/in`, 'tmpfs', 0, null)
    tap.same(`${name}: mounts on mounts that came later come too`, mountsOf(kernel, pid).filter(({ source }) => source === 'outer' || source === 'inner').map(({ source }) => source), ['outer', 'inner'])
    kernel.umount2(target, MNT_DETACH)
    tap.same(`${name}: and go`, mountsOf(kernel, pid).length, own.length)
  })
}

/** Binds with what is mounted below them, over a root that is read-only; events below their sources. */
function binds(context: CheckContext, engine: RunEngine): void {
  const { kernel, tap, bed } = context
  const all = [bindOf(`${bed.base}/src`, '/bound'), bindOf(`${bed.base}/src`, '/data', { readOnly: true }), bindOf(`${bed.base}/src`, '/tmp', { recursive: false })]
  withService(context, { root: bed.root, engine, binds: all, readOnly: true }, ({ pid, plan }) => {
    const name = `${engine} (${plan.name}), binds`
    const seen = new Map(mountsOf(kernel, pid).map((mount) => [mount.mountPoint, mount]))
    const optionOf = (point: string): string | undefined => seen.get(point)?.options[0]
    tap.same(`${name}: which are read-only`, ['/', '/bin', '/bound', '/bound/sub', '/data', '/tmp', '/tmp/sub'].map(optionOf), ['ro', 'ro', 'rw', 'rw', 'ro', 'rw', undefined])
    tap.same(`${name}: below the read-only one`, [...seen.values()].filter(({ mountPoint }) => mountPoint === '/data/sub').map(({ options }) => options[0]).slice(-1), ['ro'])
    const event = eventOf({ ...context, quiet: false }, pid, '/opt', `${bed.base}/src/sub`)
    // /bound/sub and /data/sub: the third bind is without the mount that it happens on.
    tap.same(`${name}: an event below the source comes once by each bind`, [event.during.visible - event.before.visible, event.after], [2, event.before])
    const host = mountsOf(kernel, 'self')
    inNamespaceOf(kernel, pid, [calls.mount('own', '/bound/sub', 'tmpfs', 0)])
    tap.same(`${name}: nothing flows back by them`, mountsOf(kernel, 'self'), host)
  })
}

/** Born in a cgroup of its own, which is gone with it. The name of this process is in it: cgroups are everybody's. */
function limits({ kernel, spawner, bed, tap }: CheckContext): void {
  const parent = `/fulcrum-services-${kernel.getpid()}`
  const wanted = sleeping({ root: bed.root, cgroupParent: parent, name: 'limited' })
  const { cgroup2 } = readRunFacts(kernel, wanted, spawner.features)
  if (cgroup2 === null) return tap.note('no cgroup2 here')
  const hasPids = kernel.readText(`${cgroup2}/cgroup.controllers`).split(/\s/).includes('pids')
  const path = `${cgroup2}${parent}/limited`
  const child = startRun(kernel, spawner, hasPids ? { ...wanted, limits: { ...wanted.limits, pidsMax: 7 } } : wanted)
  tap.point(kernel.readText(`/proc/${child.pid}/cgroup`).includes(`${parent}/limited\n`), 'a service is born in its cgroup', [kernel.readText(`/proc/${child.pid}/cgroup`)])
  if (hasPids) tap.same('with its limits', kernel.readText(`${path}/pids.max`), '7\n')
  child.signal(SIGKILL)
  tap.same('how it ended', child.wait(), { code: null, signal: SIGKILL })
  tap.same('the cgroup is gone with it', kernel.exists(path), false)
  kernel.rmdir(`${cgroup2}${parent}`)
}

/** Everything but the seed's own test. */
export function serviceChecks(context: CheckContext): void {
  const { kernel, spawner, bed, tap } = context
  const before = mountsOf(kernel, 'self')
  for (const engine of enginesOf(spawner)) {
    for (const root of ['/', bed.root]) tap.attempt(`propagation, ${engine}, ${root}`, () => propagation(context, engine, root))
    tap.attempt(`binds, ${engine}`, () => binds(context, engine))
  }
  tap.attempt('limits', () => limits(context))
  tap.same('the mounts of the host are what they were', mountsOf(kernel, 'self'), before)
}
