// nodeGuest() itself: what a program finds there, and that a bad one is red.
import { join } from 'node:path'
import t from 'tap'
import { ensureKernel } from '../../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../../scripts/setup/test-packages.ts'
import { removeArtifacts } from './artifacts.ts'
import { nodeGuest, nodeGuestSpec } from './node-guest.ts'
import { runGuest } from './run-guest.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

await t.test('a program and its surroundings', async (t) => {
  const result = await nodeGuest(t, {
    name: 'node-guest', kernel: ensureKernel('6.12'), entry: join(import.meta.dirname, 'testing/node-guest.guest.ts'),
    args: ['pass', 'two "words" \''], modules: ['overlay'], files: { 'srv/greeting': { type: 'text', text: 'hello\n' } },
  })
  t.equal(result.report.doneStatus, 0)
})

await t.test('a bad point, no plan, an exit status: each is red', async (t) => {
  const { complaints, report, artifacts = '' } = await runGuest(await nodeGuestSpec({
    name: 'node-guest-red', kernel: ensureKernel('7.x'), entry: join(import.meta.dirname, 'testing/node-guest.guest.ts'),
    args: ['die', 'two "words" \''], modules: ['overlay'], files: { 'srv/greeting': { type: 'text', text: 'hello\n' } },
  }))
  removeArtifacts(artifacts)
  t.match(complaints, [/a bad one\n# got 1\n# wanted 2$/, 'Guest sent no plan', 'Scenario script ended with status 3'])
  t.equal(complaints.length, 3)
  t.equal(report.points.length, 14)
})
