// The results of earlier runs of foreign suites, in the cache: one file, the last run of each test in each way.
// It is written after each test, so that an invocation that is cut short loses nothing but the test that it was in.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, makeAtomically, withCacheLock } from '../setup/cache.ts'
import { withRun } from './report.ts'
import type { Run } from './report.ts'

const file = (): string => join(cacheDirectory('foreign'), 'results.json')

/** What was kept; none when there is no file yet. Throws Error for one that is not ours. */
export function readRuns(): Run[] {
  if (!existsSync(file())) return []
  const runs: Run[] = JSON.parse(readFileSync(file(), 'utf8'))
  if (!Array.isArray(runs)) throw new Error(`Cannot read '${file()}': not a list of runs; remove it`)
  return runs
}

export function keepRun(run: Run): void {
  withCacheLock('foreign-results', () => {
    const text = JSON.stringify(withRun(readRuns(), run), null, 1)
    makeAtomically(file(), (temporary) => writeFileSync(temporary, `${text}\n`))
  })
}
