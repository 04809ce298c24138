// `npm run foreign`: test suites that others have written, run with their own program and with fulcrum in its place.
// Each suite is a file in foreign/; it is fetched as a package or source package of Debian, and no line of it is ours.
// Not part of npm test. docs/foreign-suites.md has what was measured.

import { dracutSuite } from './foreign/dracut.ts'
import { initramfsToolsSuite } from './foreign/initramfs-tools.ts'
import { formatTable } from './foreign/suite.ts'
import type { Outcome, Suite, Way } from './foreign/suite.ts'

const suites: readonly Suite[] = [dracutSuite, initramfsToolsSuite]

const USAGE = `usage: npm run foreign -- SUITE [--only original|fulcrum] [--json] [TEST…]

Runs tests of a suite as they are and with fulcrum in place, one QEMU at a time and without KVM.
${suites.map(({ name, tests, what }) => `\n  ${name}: ${what}\n      ${tests.join(' ')}`).join('')}
`

/** The tests that these words mean: a whole name or its beginning. Throws Error for a word that means none. */
function choose(suite: Suite, words: readonly string[]): string[] {
  if (words.length === 0) return [...suite.tests]
  return words.flatMap((word) => {
    const found = suite.tests.filter((it) => it === word || it.startsWith(`${word}-`))
    if (found.length === 0) throw new Error(`Cannot find test '${word}' in suite '${suite.name}': there are ${suite.tests.join(', ')}`)
    return found
  })
}

function main(args: readonly string[]): number {
  const flags = args.filter((it) => it.startsWith('-'))
  const only = args[args.indexOf('--only') + 1]
  const words = args.filter((it, i) => !it.startsWith('-') && !(args.includes('--only') && i === args.indexOf('--only') + 1))
  const suite = suites.find(({ name }) => name === words[0])
  if (suite === undefined || flags.some((it) => it !== '--only' && it !== '--json')) {
    process.stderr.write(USAGE)
    return 100
  }
  const ways: readonly Way[] = (['original', 'fulcrum'] as const).filter((way) => !args.includes('--only') || way === only)
  const outcomes: Outcome[] = []
  for (const test of choose(suite, words.slice(1))) {
    for (const way of ways) {
      const outcome = suite.run(test, way)
      process.stderr.write(`${test} ${way}: ${outcome.result}, ${outcome.seconds.toFixed(0)} s${outcome.log === null ? '' : `, log in ${outcome.log}`}\n`)
      outcomes.push(outcome)
    }
  }
  process.stdout.write(flags.includes('--json') ? `${JSON.stringify(outcomes, null, 1)}\n` : formatTable(outcomes, ways))
  return outcomes.some(({ way, result }) => way === 'fulcrum' && result === 'fail') ? 111 : 0
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`foreign: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 111
}
