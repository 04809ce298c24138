// Containers on this machine: what they are like from inside, what an attacker can do, and that nothing is left.
//
// The guests of qemu-tests/containers.qemu.test.ts run the same cases on other kernels.

import t from 'tap'
import { MNT_DETACH, MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import { SpawnError } from './spawn-error.ts'
import { Spawner } from './spawner.ts'
import { CASES, outcomeOf, wantedOf } from './testing/container-cases.ts'
import { ContainerRoom, makeRoot, MAP, traces } from './testing/container-room.ts'
import type { Wish } from './testing/container-room.ts'

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

/** The plan with one step of the host that fails, or one call of a child. */
const failingStep = (plan: RunPlan, index: number): RunPlan => ({ ...plan, host: plan.host.map((step, i) => (i === index ? { op: 'open', path: '/nowhere/at/all', flags: 0, as: 'nothing' } : step)) })
const failingCall = (plan: RunPlan, index: number): RunPlan => ({
  ...plan,
  calls: plan.calls.map((it, i) => {
    if (i !== index) return it
    const { label, ifZero } = it
    return { call: 'close', args: [-1], shown: 'close(-1)', ...(label === undefined ? {} : { label }), ...(ifZero === undefined ? {} : { ifZero }) }
  }),
})

const PLANS: Readonly<Record<string, Wish>> = {
  'one child': { volatile: 'yes', terminal: true },
  'one child, a user namespace': { idMap: MAP, readOnly: true, terminal: true },
  'two children': { idMap: MAP, capabilities: null, binds: [{ source: '/etc', target: '/mnt/etc', readOnly: true, recursive: false }], terminal: true },
  'two children, without init': { idMap: MAP, capabilities: null, init: false, volatile: 'overlay', network: 'host' },
}

for (const [name, wish] of Object.entries(PLANS)) {
  t.test(`a failure at every step leaves nothing: ${name}`, async (t) => {
    room.sh('true', wish)
    const plan = room.plan({ command: ['true'], ...wish })
    // The descriptors of the plan come from memfds of the room: the standard ones are as good.
    const before = traces(kernel)
    const wrong: string[] = []
    const inject = (what: string, injected: RunPlan, wanted: string): void => {
      const error = thrownBy(() => {
        spawner.start(injected).wait()
        return new Error('nothing was thrown')
      })
      const got = error instanceof SpawnError ? `${error.actor} ${error.index}` : String(error)
      if (got !== wanted) wrong.push(`${what}: ${got}`)
      if (traces(kernel) !== before) wrong.push(`${what}: left ${traces(kernel)} of ${before}`)
    }
    plan.host.forEach((_, i) => inject(`step ${i}`, failingStep(plan, i), `host ${i}`))
    plan.calls.forEach(({ shown }, i) => inject(`call ${i} ${shown}`, failingCall(plan, i), `child ${i}`))
    t.strictSame(wrong, [])
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
