// The oracles on this machine's kernel, whatever its version; and that a wrong answer would be seen. Needs root.

import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createKoffiKernel } from '../koffi-kernel.ts'
import { allOracles } from './all-oracles.ts'
import { mkdir, mount, unshare } from './calls.ts'
import { runOracle } from './run-oracle.ts'
import { answerIn, history, type Oracle } from './script.ts'

const k = createKoffiKernel()
const at = mkdtempSync(join(tmpdir(), 'fulcrum-oracles-'))
t.teardown(() => rmdirSync(at))

t.test('names are unique', async (t) => {
  t.equal(new Set(allOracles.map((o) => o.name)).size, allOracles.length)
})

t.test('a history of answers', async (t) => {
  const answers = history('EINVAL', ['6.5', 'ELOOP'], ['7.1', 'ok'])
  t.strictSame(['5.15.3', '6.4', '6.5.0-rc1', '6.18.44', '7.0', '7.1.2', '10.0'].map((v) => answerIn(v, answers)), ['EINVAL', 'EINVAL', 'ELOOP', 'ELOOP', 'ELOOP', 'ok', 'ok'])
})

t.test('wrong answers are seen', async (t) => {
  const run = (build: Oracle['build']): string[] => runOracle(k, { name: '', source: '', build }, release(), at)
  t.strictSame(run((s) => { s.makePrivate() }), [])
  t.strictSame(run((s) => void s.expect(mkdir(at), 'ENOENT')), ['row 0, mkdir: got EEXIST, wanted ENOENT'])
  t.strictSame(run((s) => void s.ok(mkdir(at))), ['row 0, mkdir: got EEXIST, wanted ok'])
  t.strictSame(run((s) => void s.expect(unshare(0), 'EINVAL')), ['row 0, unshare: got 0, wanted EINVAL'])
  t.strictSame(run((s) => s.check('never', () => false)), ['not true: never'])
  t.strictSame(run((s) => s.child(() => void s.ok(mkdir(at)))), ['row 2, mkdir: got EEXIST, wanted ok'])
  t.strictSame(run((s) => {
    s.anyway(mkdir(at))
    s.passing(mkdir(at), 'EEXIST')
    s.child(() => s.ok(mount('none', at, 'tmpfs', 0, null)))
  }), [])
})

for (const oracle of allOracles) {
  t.test(`${oracle.name} [${oracle.source}]`, async (t) => {
    t.strictSame(runOracle(k, oracle, release(), at), [])
  })
}

t.test('the page about them counts them', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/oracles.md'), 'utf8')
  const counts = new Map<string, number>()
  for (const { source } of allOracles) {
    const suite = /^(LTP \w+|own|selftests\/[\w/]+)/.exec(source)?.[0] ?? source
    counts.set(suite, (counts.get(suite) ?? 0) + 1)
  }
  for (const [suite, count] of counts) t.ok(page.includes(`| ${suite} | ${count} |`), `${suite}: ${count}`)
})
