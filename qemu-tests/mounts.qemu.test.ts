// `fulcrum mounts` on every test kernel, in a root that fulcrum has moved over the initramfs: the same answer from
// statmount and mountinfo, what lies beneath "/", other namespaces, what keeps a mount busy; the packed program too.
import { join } from 'node:path'
import t from 'tap'
import { KERNEL_SERIES, ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { fulcrumInRoot } from './harness/fulcrum-in-root.ts'
import { nodeGuest } from './harness/node-guest.ts'
import { testImage } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

for (const series of KERNEL_SERIES) {
  await t.test(`${series}: fulcrum mounts`, async (t) => {
    const kernel = ensureKernel(series)
    await nodeGuest(t, {
      name: `mounts-${series}`, kernel, entry: join(import.meta.dirname, 'mounts.guest.ts'), initrd: await testImage(kernel), append: 'fulcrum.switch=move',
      modules: ['loop'], files: fulcrumInRoot(), memoryMiB: 768,
    })
  })
}
