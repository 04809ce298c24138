// Containers on each kernel: what they are like from inside, and what must be where when one is made; one guest a kernel.
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
    await nodeGuest(t, { name: `containers-${series}`, kernel: ensureKernel(series), entry: join(import.meta.dirname, 'testing/containers.guest.ts'), modules: ['overlay'] })
  })
}
