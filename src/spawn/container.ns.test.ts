// Containers on this machine: what they are like from inside, what an attacker can do, and that nothing is left.
//
// The guests of qemu-tests/containers.qemu.test.ts run the same cases on other kernels.

import t from 'tap'
import { MNT_DETACH, MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
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
