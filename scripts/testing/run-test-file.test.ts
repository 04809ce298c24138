// Test files that must go red whatever their TAP says: crashes, hangs, wrong statuses, left-over children.

import fs from 'node:fs'
import t from 'tap'
import type { Test } from 'tap'
import { runTestFile } from './run-test-file.ts'

const good = `console.log('ok 1 - a\\n1..1')`
const red: Record<string, readonly [string, RegExp]> = {
  'a failing point': [`console.log('not ok 1 - a\\n1..1'); process.exitCode = 1`, /^a$/],
  'throws behind its points': [`${good}; setTimeout(() => { throw new Error('late') }, 10)`, /exit status 1/],
  'exits with a status though all passed': [`${good}; process.exitCode = 7`, /exit status 7/],
  'killed by a signal': [
    `${good}; setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)`,
    /killed by SIGKILL/,
  ],
  'ends before its plan': [`console.log('1..2\\nok 1 - a')`, /TAP: /],
  'prints nothing': [``, /no plan|no test point/],
  'cannot be parsed': [`)`, /no plan|no test point/],
}

function fixture(t: Test, source: string): string {
  const directory = t.testdir({ 'fixture.ts': source })
  return `${directory}/fixture.ts`
}

function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

t.test('green: a good file', async (t) => {
  const result = await runTestFile(
    { path: fixture(t, good), tier: 'unit' },
    { root: '/', node: process.execPath },
  )
  t.match(result, { passed: 1, skipped: 0, failures: [] })
})

for (const [name, [source, expected]] of Object.entries(red)) {
  t.test(`red: ${name}`, async (t) => {
    const result = await runTestFile(
      { path: fixture(t, source), tier: 'unit' },
      { root: '/', node: process.execPath },
    )
    t.ok(result.failures.length > 0)
    t.match(result.failures.map((failure) => failure.name).join('; '), expected)
  })
}

t.test('red: the program that runs it is missing', async (t) => {
  const result = await runTestFile(
    { path: fixture(t, good), tier: 'unit' },
    { root: '/', node: '/nonexistent/node' },
  )
  t.match(result, { passed: 0, failures: [{ name: /Cannot run '\/nonexistent\/node': .*ENOENT/ }] })
})

t.test('red: hangs, and what it started is ended too', async (t) => {
  const source = `import { spawn } from 'node:child_process'
    const child = spawn('sleep', ['1000'], { stdio: 'inherit' })
    console.log('# sleeper ' + child.pid)
    process.stderr.write('sleeper ' + child.pid)
    setInterval(() => {}, 1000)`
  const result = await runTestFile(
    { path: fixture(t, source), tier: 'unit' },
    // Long enough for the fixture to start on a machine that is busy with everything else.
    { root: '/', node: process.execPath, timeoutS: 8 },
  )
  const [failure] = result.failures
  t.match(failure, { name: 'timed out after 8 s' })
  const pid = Number(/sleeper (\d+)/.exec(failure?.details.join('\n') ?? '')?.[1])
  t.ok(pid > 0, 'the fixture said whom it started')
  t.notOk(isAlive(pid), 'the sleeper is gone')
})

t.test('a left-over child that holds the pipe does not hold up the run', async (t) => {
  const source = `import { spawn } from 'node:child_process'
    spawn('sleep', ['1000'], { stdio: 'inherit' }).unref()
    ${good}`
  const result = await runTestFile(
    { path: fixture(t, source), tier: 'unit' },
    { root: '/', node: process.execPath, timeoutS: 60 },
  )
  t.match(result, { passed: 1, failures: [] })
})
