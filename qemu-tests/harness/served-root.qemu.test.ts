// The self-test of the storage scenarios: roots whose process systemd ends, or takes the device from, before the root
// is unmounted. The host's check of the disk must be red, for the reason it is there for.
// By FUSE it is the very scenario of storage.qemu.test.ts, without the marks of the policy (docs/processes.md).
import t from 'tap'
import { ensureKernel } from '../../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../../scripts/setup/test-packages.ts'
import { removeArtifacts } from './artifacts.ts'
import { runGuest } from './run-guest.ts'
import { servedRootScenario } from './storage-scenario.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

await t.test('a FUSE root whose server is not marked is not clean', async (t) => {
  const scenario = await servedRootScenario(ensureKernel('6.12'), 'fuse', { name: 'selftest-unmarked-root', append: 'fulcrum.process_marks=no' })
  const result = await runGuest({
    ...scenario,
    // systemd-shutdown is a program of the root, which is gone with its server: it crashes or waits for ever.
    converse: async (console) => {
      await console.waitFor(/Sending SIGTERM to remaining processes/)
      await console.waitFor(/reboot: Power down/, 60_000)
    },
  })
  t.ok(result.report.points.length > 0 && result.report.points.every(({ ok }) => ok), 'all was well until then')
  t.match(result.observation.console, /Sending SIGTERM to remaining processes/)
  t.match(result.complaints.join('\n'), /feature 'needs_recovery': it was not unmounted|not clean/)
  if (result.artifacts !== undefined) removeArtifacts(result.artifacts)
})

await t.test('an NBD root whose client loses it by the signal that stops all is not clean', async (t) => {
  const spec = await servedRootScenario(ensureKernel('6.12'), 'nbd-ioctl', { name: 'selftest-served-root', append: 'fulcrum.process_marks=no' })
  const result = await runGuest(spec)
  t.match(result.observation.console, /nbd0: Receive control failed|I\/O error, dev nbd0/, 'the device was lost while the root was mounted')
  t.match(result.complaints.join('\n'), /feature 'needs_recovery': it was not unmounted/)
  if (result.artifacts !== undefined) removeArtifacts(result.artifacts)
})
