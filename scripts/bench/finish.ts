// What every bench does with what it measured: prints it, writes it, compares it, puts it into docs/.
// One place, so that --json, --check and --write-docs mean the same behind each subject.
// docs/performance.md

import fs from 'node:fs'
import { benchFileText } from './bench-file.ts'
import type { Sections } from './bench-file.ts'
import { bootText } from './boot-tables.ts'
import { buildText } from './build-results.ts'
import { check } from './check.ts'
import { keepText } from './keep-results.ts'
import { scaleText } from './scale-results.ts'
import { shutdownText } from './shutdown-results.ts'
import { committed, writeDocs } from './write-docs.ts'

/** For parseArgs. */
export const FINISH_OPTIONS = {
  json: { type: 'string' },
  check: { type: 'boolean', default: false },
  'write-docs': { type: 'boolean', default: false },
} as const

export interface Finish {
  /** A file, or '-' for standard output, where nothing else goes then. */
  readonly json?: string | undefined
  readonly check: boolean
  readonly 'write-docs': boolean
}

/** All that was measured, for a terminal. */
export function sectionsText(sections: Sections): string {
  return [
    ...(sections.boot === undefined ? [] : [bootText(sections.boot)]),
    ...(sections.keep === undefined ? [] : [keepText(sections.keep)]),
    ...(sections.shutdown === undefined ? [] : [shutdownText(sections.shutdown)]),
    ...(sections.scale === undefined ? [] : [scaleText(sections.scale)]),
    ...(sections.build === undefined ? [] : [buildText(sections.build)]),
  ].join('\n')
}

/** Writes for a person: to standard output, or to standard error where that has the JSON. */
export function say(wish: Finish, text: string): void {
  if (wish.json === '-') process.stderr.write(text)
  else process.stdout.write(text)
}

/** Shows what was measured; the exit status says what --check found. */
export function finish(sections: Sections, wish: Finish): void {
  if (wish.json === '-') process.stdout.write(benchFileText(sections))
  else {
    process.stdout.write(sectionsText(sections))
    if (wish.json !== undefined) fs.writeFileSync(wish.json, benchFileText(sections))
  }
  if (wish.check) {
    const { text, status } = check(committed(), sections)
    say(wish, `\n${text}`)
    if (status !== 0) process.exitCode = status
  }
  if (wish['write-docs']) writeDocs(sections)
}
