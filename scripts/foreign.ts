// `npm run foreign`: test suites that others have written, run with their own program and with fulcrum in its place.
// Each suite is a file in foreign/; it is fetched as a package or source package of Debian, and no line of it is ours.
// Not part of npm test. docs/foreign-suites.md has what was measured.

import process from 'node:process'
import { dracutSuite } from './foreign/dracut.ts'
import { initramfsToolsSuite } from './foreign/initramfs-tools.ts'
import { formatReport, formatTable, WAYS } from './foreign/report.ts'
import { keepRun, readRuns } from './foreign/results.ts'
import { parseWords } from './foreign/words.ts'
import type { Words } from './foreign/words.ts'
import type { Outcome, Suite } from './foreign/suite.ts'

const suites: readonly Suite[] = [dracutSuite, initramfsToolsSuite]

const USAGE = `usage: npm run foreign -- SUITE [--only original|fulcrum] [--limit MINUTES] [--json] [TEST…]
       npm run foreign -- --report [--json] [SUITE]

Runs tests of a suite as they are and with fulcrum in place, one QEMU at a time and without KVM. A test that takes
longer than MINUTES (120) is ended and said to be not finished, with the machines that it came to. The last result of
each test is kept in the cache; --report prints them all.
${suites.map(({ name, tests, what }) => `\n  ${name}: ${what}\n      ${tests.join(' ')}`).join('')}
`

/** Status 111 when a test failed with fulcrum in place, 130 when interrupted. */
async function runTests(suite: Suite, { tests, ways, limitMinutes, isJson }: Words): Promise<number> {
  const version = suite.version()
  const outcomes: Outcome[] = []
  for (const test of tests) {
    for (const way of ways) {
      const outcome = await suite.run(test, way, { limitMinutes })
      keepRun({ ...outcome, suite: suite.name, version, date: new Date().toISOString().slice(0, 16).replace('T', ' ') })
      const why = outcome.reason === null ? '' : `, ${outcome.reason}; log in ${outcome.log}`
      process.stderr.write(`${test} ${way}: ${outcome.result}, ${outcome.seconds.toFixed(0)} s${why}\n`)
      outcomes.push(outcome)
      if (outcome.reason?.startsWith('interrupted') === true) return 130
    }
  }
  process.stdout.write(isJson ? `${JSON.stringify(outcomes, null, 1)}\n` : formatTable(outcomes, ways))
  return outcomes.some(({ way, result }) => way === 'fulcrum' && result === 'fail') ? 111 : 0
}

function report(suite: Suite | null, isJson: boolean): number {
  const runs = readRuns().filter((run) => suite === null || run.suite === suite.name)
  process.stdout.write(isJson ? `${JSON.stringify(runs, null, 1)}\n` : formatReport(runs, suites.flatMap(({ tests }) => tests)))
  return 0
}

async function main(args: readonly string[]): Promise<number> {
  const words = parseWords(args, suites)
  if (words === null) {
    process.stderr.write(USAGE)
    return 100
  }
  const suite = suites.find(({ name }) => name === words.suite)
  if (words.isReport) return report(suite ?? null, words.isJson)
  return suite === undefined ? 100 : await runTests(suite, words)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`foreign: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 111
}
