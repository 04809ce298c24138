// Services on 6.1, 6.12 and 7.x: one copy of each mount event by pivot and by OPEN_TREE_NAMESPACE, two by move, counted
// in the whole namespace. What is checked is in src/spawn/testing/service-checks.ts; the host's kernel runs it as well.
import { join } from 'node:path'
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { nodeGuest } from './harness/node-guest.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

for (const series of ['6.1', '6.12', '7.x'] as const) {
  await t.test(series, async (t) => {
    await nodeGuest(t, { name: `services-${series}`, kernel: ensureKernel(series), entry: join(import.meta.dirname, 'testing/services.guest.ts') })
  })
}
