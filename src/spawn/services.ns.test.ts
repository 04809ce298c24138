// Services on the kernel of this machine; the guests of qemu-tests/services.qemu.test.ts run the same checks on 6.1, 6.12
// and 7.x. Here also: what is left behind by a failure at each step, and mounts that happen while a root is copied.

import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { Spawner } from './spawner.ts'
import { endServiceBed, makeServiceBed } from './testing/service-bed.ts'
import { seedTests, serviceChecks } from './testing/service-checks.ts'
import type { Checks } from './testing/service-checks.ts'
import { chrootChecks, failureChecks, noiseChecks, raceChecks, unbindableChecks } from './testing/service-failures.ts'

const kernel = createKoffiKernel()
const spawner = new Spawner(kernel)
const bed = makeServiceBed(kernel, `/tmp/fulcrum-services-${process.pid}`)
t.teardown(() => {
  spawner.close()
  endServiceBed(kernel, bed)
})

function checksOf(t: Test): Checks {
  const checks: Checks = {
    point: (ok, name, notes = []) => t.ok(ok, name, { notes: [...notes] }),
    same: (name, got, wanted) => (isDeepStrictEqual(got, wanted) ? t.pass(name) : t.strictSame(got, wanted, name)),
    attempt: (name, body) => {
      try {
        body()
      } catch (error) {
        t.fail(name, { error: error instanceof Error ? error.stack : error })
      }
    },
    note: (text) => t.comment(text),
  }
  return checks
}

t.test('the test of the seed', async (t) => seedTests({ kernel, spawner, bed, tap: checksOf(t), quiet: false }))
t.test('propagation and binds', async (t) => serviceChecks({ kernel, spawner, bed, tap: checksOf(t), quiet: false }))
t.test('a failure at each step leaves nothing', async (t) => failureChecks({ kernel, spawner, bed, tap: checksOf(t), quiet: false }))
t.test('mounts that happen meanwhile', async (t) => raceChecks({ kernel, spawner, bed, tap: checksOf(t), quiet: false }))
t.test('in a chroot', async (t) => chrootChecks({ kernel, spawner, bed, tap: checksOf(t), quiet: false }))
t.test('an unbindable root', async (t) => unbindableChecks({ kernel, spawner, bed, tap: checksOf(t), quiet: false }))
t.test('while another process mounts', async (t) => noiseChecks({ kernel, spawner, bed, tap: checksOf(t), quiet: false }, 120))
