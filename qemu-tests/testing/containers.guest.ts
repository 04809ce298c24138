// What qemu-tests/containers.qemu.test.ts runs in the guest of each kernel: the experiments about what must be where,
// and the same cases as on the host, on ext4, with limits by cgroup.
//
// Its standard output is TAP.
import { toFd } from '../../src/kernel/kernel.ts'
import { createKoffiKernel } from '../../src/kernel/koffi-kernel.ts'
import { enterFailures } from '../../src/run/testing/enter-cases.ts'
import { Spawner } from '../../src/spawn/spawner.ts'
import { CASES, CGROUP_CASES, FAILING_PLANS, outcomeOf, wantedOf } from '../../src/spawn/testing/container-cases.ts'
import { answerOf, endLab, LIMITS, makeLab, wantedAnswer } from '../../src/spawn/testing/container-limits.ts'
import { ContainerRoom, makeRoot, MAP, traces } from '../../src/spawn/testing/container-room.ts'
import { injectFailures } from '../../src/spawn/testing/inject-failures.ts'
import { guestTap } from '../harness/guest-tap.ts'

const k = createKoffiKernel()
const tap = guestTap((text) => k.write(toFd(1), text))
const series = (['6.1', '6.12', '7.x'] as const).find((it) => it === process.env['FULCRUM_KERNEL_SERIES']) ?? '6.18'
const CGROUPS = '/sys/fs/cgroup/fulcrum-test'

/** Before the laboratory: that makes everything private, and this is to be as on a host where all is shared. */
k.mkdir('/root/room', 0o755)
makeRoot(k, '/root/room')
const spawner = new Spawner(k)
const room = new ContainerRoom(k, spawner, '/root/room')
tap.note(JSON.stringify(spawner.features))
for (const engine of spawner.features.openTreeNamespace ? ['auto', 'pivot'] as const : ['auto'] as const) {
  for (const one of [...CASES, ...CGROUP_CASES]) {
    const name = `${engine}: ${one.name}`
    tap.attempt(name, () => tap.same(name, outcomeOf(room, { ...one, wish: { engine, ...one.wish } }), wantedOf(one)))
  }
}
// Since 6.3 tmpfs can be shown through a map.
k.mkdir('/tmp/room', 0o755)
makeRoot(k, '/tmp/room')
const onTmpfs = new ContainerRoom(k, spawner, '/tmp/room')
tap.attempt('a root on tmpfs in a user namespace', () => {
  tap.same('a root on tmpfs in a user namespace', onTmpfs.startedOrRefused({ idMap: MAP, command: ['true'] }), series === '6.1' ? 'root-not-idmappable' : '0')
})
const before = traces(k, CGROUPS)
tap.attempt('nothing is left', () => {
  room.sh('true', { cgroupParent: '/fulcrum-test' })
  tap.same('nothing is left', traces(k, CGROUPS), before)
})
k.mkdir('/root/source', 0o755)
for (const [name, wish] of [['enter and bind', {}], ['enter and bind, with a user namespace', { idMap: MAP }]] as const) {
  tap.attempt(name, () => tap.same(name, enterFailures(room, '/root/source', { cgroupParent: '/fulcrum-test', ...wish }), []))
}
// On the newest kernel the plans are other ones than on the host: made by OPEN_TREE_NAMESPACE.
for (const [name, wish] of Object.entries(spawner.features.openTreeNamespace ? FAILING_PLANS : {})) {
  const what = `a failure at every step leaves nothing: ${name}`
  tap.attempt(what, () => tap.same(what, injectFailures(room.plan({ command: ['true'], cgroupParent: '/fulcrum-test', ...wish }), spawner, k).filter(({ wrong }) => wrong.length > 0), []))
}
spawner.close()

const lab = makeLab(k, '/tmp/lab')
for (const limit of LIMITS) tap.attempt(limit.name, () => tap.same(limit.name, answerOf(k, lab, limit), wantedAnswer(limit, series)))
endLab(k, lab)
tap.end()
