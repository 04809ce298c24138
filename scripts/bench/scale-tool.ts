// The tool that fills a guest and times programs, compiled, and what its lines say. scale-tool.c has the verbs.
// It exists apart from the benches because one runs it in a guest and the other on this machine.
// getrusage(2)

import path from 'node:path'
import { cacheDirectory } from '../setup/cache.ts'
import { runTool } from '../setup/run-tool.ts'

/** Path of the static program. */
export function scaleTool(): string {
  const tool = path.join(cacheDirectory('bench'), 'scale-tool')
  runTool('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', tool, path.join(import.meta.dirname, 'scale-tool.c')])
  return tool
}

/** One line of it. */
export interface ToolLine {
  /** 'case' has all numbers, 'stamp' only the time. */
  readonly kind: 'case' | 'stamp' | 'error'
  /** For an error its text. */
  readonly name: string
  /** By the clock: nanoseconds it took, or since boot for a stamp. */
  readonly ns: number
  /** CPU time of it and all that it waited for, microseconds. */
  readonly cpuUs: number
  readonly maxRssKiB: number
  /** How many runs ended with a status above 1. */
  readonly failed: number
}

/** Its lines among others. */
export function toolLines(output: string): ToolLine[] {
  return output.split('\n').flatMap((line): ToolLine[] => {
    const text = /scale: (\{.*\})/.exec(line)?.[1]
    const value: unknown = text === undefined ? null : JSON.parse(text)
    if (typeof value !== 'object' || value === null) return []
    const said = new Map<string, unknown>(Object.entries(value))
    const number = (name: string): number => Number(said.get(name) ?? 0)
    const kind = said.has('error') ? 'error' : said.has('case') ? 'case' : 'stamp'
    return [{ kind, name: String(said.get(kind)), ns: number('ns'), cpuUs: number('cpuUs'), maxRssKiB: number('maxRssKiB'), failed: number('failed') }]
  })
}
