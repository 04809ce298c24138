// fulcrum's switch_root, run-init and pivot_root in every conformance scenario, on the kernel of this machine: each
// answer is what the scenario expects. Those of the other implementations are what docs/conformance.md says, as long
// as their versions are those of the page.
import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { pinnedImplementations } from './conformance/implementations.ts'
import { complaintsOf } from './conformance/outcome.ts'
import { runHere } from './conformance/run-here.ts'
import { runsOf } from './conformance/run-scenarios.ts'
import { scenarios } from './conformance/scenarios.ts'
import { onlyFulcrum, tables } from './conformance/table.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
const page = readFileSync(join(import.meta.dirname, '../docs/conformance.md'), 'utf8')
const implementations = pinnedImplementations()
const answers = await runHere(runsOf(scenarios, implementations))

t.test('every scenario has an id of its own, and an answer of every implementation', async (t) => {
  t.equal(new Set(scenarios.map(({ id }) => id)).size, scenarios.length)
  t.same(answers.filter(({ observation }) => observation === null).map(({ scenario, tool }) => `${scenario.id} ${tool}`), [])
})

for (const { scenario, tool, observation } of answers.filter(({ implementation }) => implementation.key === 'fulcrum')) {
  t.test(`${tool}: ${scenario.group}, ${scenario.title}`, async (t) => t.same(complaintsOf(scenario, tool, observation), []))
}

t.test('docs/conformance.md says what was observed; npm run conformance writes it', async (t) => {
  const observed = tables(answers)
  const written = page.slice(page.indexOf('## switch_root'), page.includes('## Where ') ? page.indexOf('## Where ') : undefined)
  const isSame = implementations.every(({ name }) => written.includes(name.replace(/^\S+ /, '')))
  if (!isSame) t.comment(`other versions than on the page: ${implementations.map(({ name }) => name).join(', ')}; only fulcrum is compared`)
  const lines = isSame ? (text: string): string[] => text.trim().split('\n') : onlyFulcrum
  t.same(lines(observed), lines(written))
})
