// The self-test of the storage scenarios: the same NBD root, but its process is not marked, so that systemd ends it
// before the root is unmounted. The host's check of the disk must be red, for the reason it is there for.
import t from 'tap'
import { ensureKernel } from '../../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../../scripts/setup/test-packages.ts'
import { removeArtifacts } from './artifacts.ts'
import { runGuest } from './run-guest.ts'
import { servedRootScenario } from './storage-scenario.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

t.test('an NBD root whose client systemd ends is not clean, and the check says so', async (t) => {
  const spec = await servedRootScenario(ensureKernel('6.12'), 'nbd-ioctl', { name: 'selftest-served-root', append: 'fulcrum.process_marks=no' })
  const result = await runGuest(spec)
  t.match(result.observation.console, /nbd0: Receive control failed|I\/O error, dev nbd0/, 'the device was lost while the root was mounted')
  t.match(result.complaints.join('\n'), /feature 'needs_recovery': it was not unmounted/)
  if (result.artifacts !== undefined) removeArtifacts(result.artifacts)
})
