// The spawner on the oldest kernel and on the newest: the same plans, failures injected at every step.
//
// What it can is spawner.guest.ts; services and containers have tests of their own.
import { join } from 'node:path'
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { nodeGuest } from './harness/node-guest.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

for (const series of ['6.1', '7.x'] as const) {
  await t.test(`Linux ${series}`, async (t) => {
    await nodeGuest(t, { name: `spawner-${series}`, kernel: ensureKernel(series), entry: join(import.meta.dirname, 'spawner.guest.ts'), args: [series] })
  })
}
