// The contract table on the running kernel, each case in a mount namespace of its own.
//
// Needs root (CAP_SYS_ADMIN); without it the test fails, it never skips. One child process runs the whole table:
// a mount namespace is entered by one thread, and no test library should be inside.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mountCases } from './mount-cases.ts'
import { pivotCases } from './pivot-cases.ts'

const TIME_LIMIT_MS = 120_000

const directory = mkdtempSync(join(tmpdir(), 'fulcrum-contract-'))
const child = spawnSync(process.execPath, [join(import.meta.dirname, 'real-bed.ts'), directory], {
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
const answers = new Map<string, Answer>()
for (const line of child.stdout.split('\n').filter((l) => l !== '')) {
  const answer: Answer = JSON.parse(line)
  answers.set(answer.name, answer)
}

for (const c of [...pivotCases, ...mountCases]) {
  t.test(c.name, async (t) => {
    const answer = answers.get(c.name)
    t.strictSame(answer?.observed, c.expect, answer === undefined ? 'no answer' : (answer.error ?? ''))
  })
}
