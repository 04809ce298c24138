// What is asked of `npm run foreign`, from its arguments.
//
// Pure. A test is named in whole or by its beginning: TEST-14 is TEST-14-HOOKS.

import { WAYS } from './report.ts'
import type { Suite, Way } from './suite.ts'

export interface Words {
  /** Null: a report of all. */
  readonly suite: string | null
  readonly tests: readonly string[]
  readonly ways: readonly Way[]
  readonly limitMinutes: number
  readonly isJson: boolean
  readonly isReport: boolean
}

/** The tests that these words mean. Throws Error for a word that means none. */
function choose(suite: Pick<Suite, 'name' | 'tests'>, words: readonly string[]): string[] {
  if (words.length === 0) return [...suite.tests]
  return words.flatMap((word) => {
    const exact = suite.tests.filter((it) => it === word)
    const found = exact.length > 0 ? exact : suite.tests.filter((it) => it.startsWith(`${word}-`))
    if (found.length === 0) throw new Error(`Cannot find test '${word}' in suite '${suite.name}': there are ${suite.tests.join(', ')}`)
    return found
  })
}

/** Null for what the usage says better. Throws Error for a test that the suite does not have. */
export function parseWords(args: readonly string[], suites: readonly Pick<Suite, 'name' | 'tests'>[]): Words | null {
  const words: string[] = []
  let ways: readonly Way[] = WAYS
  let limitMinutes = 120
  let isJson = false
  let isReport = false
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? ''
    if (word === '--json') isJson = true
    else if (word === '--report') isReport = true
    else if (word === '--only') {
      i += 1
      ways = WAYS.filter((way) => way === args[i])
    } else if (word === '--limit') {
      i += 1
      limitMinutes = Number(args[i])
    } else if (word.startsWith('-')) return null
    else words.push(word)
  }
  const suite = suites.find(({ name }) => name === words[0])
  if (ways.length === 0 || !(limitMinutes > 0) || (suite === undefined && (!isReport || words.length > 0))) return null
  return { suite: suite?.name ?? null, tests: suite === undefined ? [] : choose(suite, words.slice(1)), ways, limitMinutes, isJson, isReport }
}
