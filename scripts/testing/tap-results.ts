// Reads one file's TAP and counts its leaf points: asserts, and subtests that have none inside.
// It exists so that a stream that is wrong as a whole (no plan, no point, bail out, cut short) is a failure of its
// own and can never look green. The parser is tap's own tap-parser. https://testanything.org/tap-version-14-specification.html

import { Parser } from 'tap-parser'
import type { FinalResults, Result } from 'tap-parser'

/** One failing point: the names of its subtests joined by ' > ', and what the test said about it. */
export interface Failure {
  readonly name: string
  /** Lines of diagnostics, without indentation of the TAP stream. May be empty. */
  readonly details: readonly string[]
}

/** A TODO counts as skipped, whether it holds or not: it asserts nothing yet. */
export interface TapResults {
  readonly passed: number
  readonly skipped: number
  readonly failures: readonly Failure[]
}

/** Diagnostics that repeat the source text only make a report long. */
const NOISE = new Set(['source', 'typeName', 'functionName', 'methodName', 'isToplevel', 'columnNumber'])

/** YAML has references: a value can contain itself. */
const DEEPEST = 8

function describe(value: unknown, indent = '', depth = 0): string[] {
  if (depth > DEEPEST) return [`${indent}…`]
  if (typeof value !== 'object' || value === null)
    return String(value)
      .trimEnd()
      .split('\n')
      .map((line) => indent + line)
  return Object.entries(value)
    .filter(([key]) => !NOISE.has(key))
    .flatMap(([key, inner]) => {
      const lines = describe(inner, `${indent}  `, depth + 1)
      const [only = ''] = lines
      return lines.length === 1 && typeof inner !== 'object'
        ? [`${indent}${key}: ${only.trim()}`]
        : [`${indent}${key}:`, ...lines]
    })
}

class Counter {
  passed = 0
  skipped = 0
  readonly failures: Failure[] = []

  get total(): number {
    return this.passed + this.skipped + this.failures.length
  }

  /** Follows a parser and, as they start, the parsers of its subtests. */
  follow(parser: Parser, path: readonly string[]): void {
    let before = this.total
    let failedBefore = this.failures.length
    parser.on('complete', (results: FinalResults) => this.stream(results, path))
    parser.on('child', (child: Parser) => {
      before = this.total
      failedBefore = this.failures.length
      this.follow(child, child.name === '' ? path : [...path, child.name])
    })
    parser.on('assert', (result: Result) => {
      const saidInside =
        result.closingTestPoint && this.total > before && (result.ok || this.failures.length > failedBefore)
      if (!saidInside) this.point(result, path)
      before = this.total
    })
  }

  point(result: Result, path: readonly string[]): void {
    const name = [...path, result.name === '' ? `point ${result.id}` : result.name].join(' > ')
    if (result.skip !== false || result.todo !== false) this.skipped += 1
    else if (result.ok) this.passed += 1
    else this.failures.push({ name, details: describe(result.diag ?? {}) })
  }

  /** What is wrong with a stream or a subtest as a whole, which no point says. */
  stream(results: FinalResults, path: readonly string[]): void {
    const reasons: string[] = []
    if (path.length === 0 && results.bailout !== false)
      reasons.push(`Bail out! ${results.bailout === true ? '' : results.bailout}`.trim())
    for (const failure of results.failures) {
      if (typeof failure.tapError === 'string') reasons.push(failure.tapError)
    }
    if (reasons.length === 0 && path.length === 0 && results.count === 0) reasons.push('no test point')
    if (reasons.length === 0 && !results.ok && this.failures.length === 0) reasons.push('not ok')
    for (const reason of reasons)
      this.failures.push({ name: ['TAP', ...path, reason].join(': '), details: [] })
  }
}

/** Parses a whole TAP stream. Never throws: what is not TAP is ignored, what is missing becomes a failure. */
export function parseTap(text: string): TapResults {
  const counter = new Counter()
  const parser = new Parser()
  counter.follow(parser, [])
  parser.end(text)
  return { passed: counter.passed, skipped: counter.skipped, failures: counter.failures }
}
