// The contract table on the running kernel, each case in a mount namespace of its own.
//
// Needs root (CAP_SYS_ADMIN); without it the test fails, it never skips. One child process runs the whole table:
// a mount namespace is entered by one thread, and no test library should be inside.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { allCases } from './all-cases.ts'

const TIME_LIMIT_MS = 120_000

const directory = mkdtempSync(join(tmpdir(), 'fulcrum-contract-'))
const child = spawnSync(process.execPath, [join(import.meta.dirname, 'run-real.ts'), directory], {
  encoding: 'utf8', timeout: TIME_LIMIT_MS,
})
rmdirSync(directory)

t.test('the child ran the table to its end', async (t) => {
  t.equal(child.status, 0, child.stderr)
})

/** One line of the child: what was observed, or why the case could not be run. */
interface Answer {
  readonly name: string
  readonly observed?: unknown
  readonly error?: string
}
const [first = '{}', ...lines] = child.stdout.split('\n').filter((line) => line !== '')
const { bottom }: { readonly bottom?: unknown } = JSON.parse(first)
const answers = new Map<string, Answer>()
for (const line of lines) {
  const answer: Answer = JSON.parse(line)
  answers.set(answer.name, answer)
}

t.test(`the bottom of the namespaces: ${bottom === 'nullfs' ? 'nullfs (since Linux 7.0)' : 'the absolute root (before Linux 7.0)'}`, async (t) => {
  t.ok(bottom === 'nullfs' || bottom === 'absolute', String(bottom))
  t.comment(`cases of the bed '${bottom === 'nullfs' ? 'absolute' : 'nullfs'}' are for other kernels`)
})

for (const c of allCases.filter((one) => one.bed === 'mount' || one.bed === bottom)) {
  t.test(c.name, async (t) => {
    const answer = answers.get(c.name)
    t.strictSame(answer?.observed, c.expect, answer === undefined ? 'no answer' : (answer.error ?? ''))
  })
}
