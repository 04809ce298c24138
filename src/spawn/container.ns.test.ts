// Containers on this machine: what they are like from inside, what an attacker can do, and that nothing is left.
//
// The guests of qemu-tests/containers.qemu.test.ts run the same cases on other kernels.

import { lchownSync, lstatSync, readdirSync, statSync } from 'node:fs'
import t from 'tap'
import { MNT_DETACH, MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { readRunFacts } from '../facts/run/run-facts.ts'
import { SyscallError } from '../kernel/errors.ts'
import { planContainer } from '../plan/run/container.ts'
import { containerRefusal } from './container-refusal.ts'
import { SpawnError } from './spawn-error.ts'
import { Spawner } from './spawner.ts'
import { CASES, FAILING_PLANS, outcomeOf, wantedOf } from './testing/container-cases.ts'
import { ContainerRoom, makeRoot, MAP, traces } from './testing/container-room.ts'
import { injectFailures } from './testing/inject-failures.ts'

const kernel = createKoffiKernel()
const at = `/tmp/fulcrum-room-${process.pid}`
kernel.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
kernel.mkdir(at, 0o755)
kernel.mount('room', at, 'tmpfs', 0, 'mode=755')
makeRoot(kernel, at)
const spawner = new Spawner(kernel)
const room = new ContainerRoom(kernel, spawner, at)
t.teardown(() => {
  spawner.close()
  kernel.umount2(at, MNT_DETACH)
  kernel.rmdir(at)
})

/** What is thrown, or what is answered. */
function thrownBy(body: () => unknown): unknown {
  try {
    return body()
  } catch (error) {
    return error
  }
}

for (const one of CASES) t.test(one.name, async (t) => t.strictSame(outcomeOf(room, one), wantedOf(one)))

t.test('nothing is left', async (t) => {
  const before = traces(kernel)
  room.sh('true')
  t.equal(traces(kernel), before)
})

for (const [name, wish] of Object.entries(FAILING_PLANS)) {
  t.test(`a failure at every step leaves nothing: ${name}`, async (t) => {
    const plan = room.plan({ command: ['true'], ...wish })
    t.strictSame(injectFailures(plan, spawner, kernel).filter(({ wrong }) => wrong.length > 0), [])
    t.comment(`${plan.host.length} steps, ${plan.calls.length} calls`)
  })
}

t.test('a command that cannot be started is the fault of whoever named it', async (t) => {
  kernel.writeFile(`${at}/data/script`, '#!/no/such/program\n', 0o755)
  for (const wish of [{}, { idMap: MAP }]) {
    const error = thrownBy(() => room.spawner.start(room.plan({ ...wish, command: ['/data/script'] })))
    t.match(error, { actor: 'child', role: 'command', cause: { code: 'ENOENT' } })
  }
  kernel.unlink(`${at}/data/script`)
})

t.test('what only the kernel knows beforehand is a refusal, not a failure', async (t) => {
  const request = room.request({ idMap: MAP, binds: [{ source: '/etc', target: '/mnt', readOnly: false, recursive: false, idMapped: true }] }, [0, 1, 2])
  const { plan, refusal } = planContainer(request, readRunFacts(kernel, request, { ...spawner.features, openTreeNamespace: false }))
  t.equal(refusal, null)
  if (plan === null) return
  const at = (index: number, code = 22): SpawnError => new SpawnError(plan, { actor: 'host', index, shown: 'x', cause: new SyscallError('x', [], code), role: null })
  const steps = plan.host.map((step) => (step.op === 'set-attributes' ? `${step.op} ${step.tree.handle}` : step.op))
  t.match(containerRefusal(request, at(steps.indexOf('set-attributes root'))), { reason: 'root-not-idmappable', detail: new RegExp(`'${room.root}'`) })
  t.match(containerRefusal(request, at(steps.indexOf('set-attributes bind-0'))), { reason: 'root-not-idmappable', detail: /'\/etc'/ })
  t.match(containerRefusal(request, at(steps.indexOf('template-namespace'))), { reason: 'pivot-impossible' })
  t.equal(containerRefusal(request, at(steps.indexOf('open-tree'))), null)
  t.equal(containerRefusal(request, at(steps.indexOf('template-namespace'), 12)), null)
  t.equal(room.startedOrRefused({ command: ['true'] }), '0')
  t.equal(room.startedOrRefused({ command: ['no-such'] }), 'command-not-found')
})

t.test('the root of the host', async (t) => {
  const host = new ContainerRoom(kernel, spawner, '/')
  const { lines } = outcomeOf(host, { name: '/', output: '', wish: { volatile: 'overlay' }, script: `cut -d' ' -f5 /proc/self/mountinfo | grep -v -e ^/proc -e ^/sys -e ^/dev | sort` })
  t.strictSame(lines, ['/', '/run', '/tmp'])
  t.match(host.sh('echo x > /etc/fulcrum-was-here && cat /etc/fulcrum-was-here', { volatile: 'overlay' }), { output: 'x\n' })
  t.notOk(kernel.exists('/etc/fulcrum-was-here'))
})

t.test('a root that belongs to the container already is used as it is', async (t) => {
  const own = `${at}-own`
  kernel.mkdir(own, 0o755)
  t.teardown(() => {
    kernel.umount2(own, MNT_DETACH)
    kernel.rmdir(own)
  })
  kernel.mount('own', own, 'tmpfs', 0, 'mode=755')
  makeRoot(kernel, own)
  // Not readdirSync(recursive): it goes through var/run, a link that leads to /run of this machine.
  const give = (path: string): void => {
    lchownSync(path, 100000, 100000)
    if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) give(`${path}/${name}`)
  }
  give(own)
  const there = new ContainerRoom(kernel, spawner, own)
  t.match(there.plan({ idMap: MAP }).notes, [/belong to the container already/])
  t.strictSame(there.sh('stat -c %u / /etc/hosts; touch /data/x; grep -c idmapped /proc/self/mountinfo', { idMap: MAP }), { status: { code: 1, signal: null }, output: '0\n0\n0\n' })
  t.equal(statSync(`${own}/data/x`).uid, 100000)
})
