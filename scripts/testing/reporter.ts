// Says how a test run goes: one line per file, a status line on a terminal, the failing points with what they said,
// and the last line `N passed, N failed, N skipped`, which other programs read.

import type { FileResult } from './run-test-file.ts'

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

export class Reporter {
  passed = 0
  failed = 0
  skipped = 0
  readonly #write: (text: string) => void
  readonly #isTerminal: boolean
  readonly #failedFiles: FileResult[] = []

  constructor(write: (text: string) => void, isTerminal: boolean) {
    this.#write = write
    this.#isTerminal = isTerminal
  }

  /** What runs now; on a terminal only, where the line is overwritten. */
  running(text: string): void {
    if (this.#isTerminal) this.#write(`\r\x1b[K${text.slice(0, 100)}`)
  }

  finished(result: FileResult): void {
    this.passed += result.passed
    this.skipped += result.skipped
    this.failed += result.failures.length
    const skipped = result.skipped > 0 ? `, ${result.skipped} skipped` : ''
    const failed = result.failures.length > 0 ? `, ${result.failures.length} FAILED` : ''
    const word = result.failures.length > 0 ? 'FAIL' : 'ok  '
    const clear = this.#isTerminal ? '\r\x1b[K' : ''
    this.#write(
      `${clear}${word} ${result.tier.padEnd(8)} ${result.file}: ${result.passed} passed${failed}${skipped}, ${seconds(result.durationMs)}\n`,
    )
    if (result.failures.length > 0) this.#failedFiles.push(result)
    this.#details(result)
  }

  #details(result: FileResult): void {
    for (const failure of result.failures) {
      this.#write(`     not ok: ${failure.name}\n`)
      for (const line of failure.details.slice(0, 60)) this.#write(`       | ${line}\n`)
    }
  }

  /** The end of the run. The last line has a fixed form. */
  summary(durationMs: number): void {
    if (this.#isTerminal) this.#write('\r\x1b[K')
    if (this.#failedFiles.length > 0) {
      this.#write('\nFailed:\n')
      for (const result of this.#failedFiles) {
        for (const failure of result.failures) this.#write(`  ${result.file}: ${failure.name}\n`)
      }
    }
    this.#write(`\nTook ${seconds(durationMs)}\n`)
    this.#write(`${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped\n`)
  }
}
