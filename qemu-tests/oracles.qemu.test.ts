// The oracles on every test kernel: what the kernel's own selftests and LTP assert of the mount calls, through our
// bindings; and the contract that the model kernel has to keep as well. One guest a kernel; docs/oracles.md has the list and where the kernels differ.
import { join } from 'node:path'
import t from 'tap'
import { KERNEL_SERIES, ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { allCases } from '../src/kernel/contract/all-cases.ts'
import { allOracles } from '../src/kernel/oracles/all-oracles.ts'
import { nodeGuest } from './harness/node-guest.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

for (const series of KERNEL_SERIES) {
  await t.test(`${series}: the oracles and the contract of both kernels`, async (t) => {
    const { report } = await nodeGuest(t, { name: `oracles-${series}`, kernel: ensureKernel(series), entry: join(import.meta.dirname, 'oracles.guest.ts') })
    const cases = allCases.filter((c) => c.bed === 'mount' || c.bed === (series === '7.x' ? 'nullfs' : 'absolute'))
    t.equal(report.points.length, allOracles.length + cases.length + 2, 'each has answered')
  })
}
