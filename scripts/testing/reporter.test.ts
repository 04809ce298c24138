// The report's fixed parts: the last line, and that a failing point is told with its file.

import t from 'tap'
import { Reporter } from './reporter.ts'
import { findTestFiles, tierOf } from './test-files.ts'

t.test('the last line counts points', async (t) => {
  const lines: string[] = []
  const reporter = new Reporter((text) => lines.push(text), false)
  reporter.running('not shown in a pipe')
  reporter.finished({ file: 'a.test.ts', tier: 'unit', durationMs: 10, passed: 3, skipped: 1, failures: [] })
  reporter.finished({
    file: 'b.test.ts',
    tier: 'unit',
    durationMs: 10,
    passed: 0,
    skipped: 0,
    failures: [{ name: 'x > y', details: ['why'] }],
  })
  reporter.summary(20)
  const text = lines.join('')
  t.equal(text.trimEnd().split('\n').at(-1), '3 passed, 1 failed, 1 skipped')
  t.match(text, /not ok: x > y\n {7}\| why\n/)
  t.match(text, /^ {2}b\.test\.ts: x > y$/m)
  t.notMatch(text, /not shown/)
})

t.test('tiers by name', async (t) => {
  t.equal(tierOf('src/a.ts'), undefined)
  t.equal(tierOf('src/a.test.ts'), 'unit')
  t.equal(tierOf('src/a.ns.test.ts'), 'ns')
  t.equal(tierOf('qemu-tests/harness/a.qemu.test.ts'), 'harness')
  t.equal(tierOf('qemu-tests/scenarios/a.qemu.test.ts'), 'qemu')
  t.equal(tierOf('qemu-tests/harness/a.test.ts'), 'unit')
})

t.test('test files are found in the order of their tiers', async (t) => {
  const root = t.testdir({
    src: { 'b.test.ts': '', 'b.ns.test.ts': '', 'b.ts': '' },
    bundle: { deep: { 'a.test.ts': '' } },
    'qemu-tests': { scenarios: { 'z.qemu.test.ts': '' }, harness: { 'h.qemu.test.ts': '' } },
    dist: { 'x.test.ts': '' },
  })
  t.same(
    findTestFiles(root).map((file) => file.path),
    [
      'bundle/deep/a.test.ts',
      'src/b.test.ts',
      'src/b.ns.test.ts',
      'qemu-tests/harness/h.qemu.test.ts',
      'qemu-tests/scenarios/z.qemu.test.ts',
    ],
  )
})
