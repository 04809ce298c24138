// Runs one test of a foreign suite with its output in a log as it comes, each line with the second it came in, so that a
// run can be watched, and what was reached is known when it is cut short.
//
// The test is in a pid namespace of its own, and ends with it: at its limit, or when we are interrupted.  unshare(1)

import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { cacheDirectory } from '../setup/cache.ts'
import type { LogLine, RunEnd } from './suite.ts'

export interface LoggedRun {
  readonly end: RunEnd
  readonly lines: readonly LogLine[]
  readonly seconds: number
}

interface What {
  /** Arguments of unshare(1), behind those that make the namespaces. */
  readonly args: readonly string[]
  readonly log: string
  readonly limitMinutes: number
}

/** The mounts on it have ended with the namespace. */
function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch {
    // Somebody has tidied it away: no result of the test.
  }
}

/** Never rejects for what the test does. Throws Error when unshare(1) cannot be started or the log not be written. */
export async function runLogged({ args, log, limitMinutes }: What): Promise<LoggedRun> {
  const began = performance.now()
  const now = (): number => (performance.now() - began) / 1000
  const fd = openSync(log, 'w')
  // Not in /tmp: whoever tidies up there takes the mount on it away, as a directory that is removed in another namespace.
  const work = mkdtempSync(join(cacheDirectory('foreign'), 'work.'))
  const lines: LogLine[] = []
  const child = spawn('unshare', ['-m', '-p', '-f', '--kill-child', '--propagation', 'private', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C.UTF-8', FOREIGN_WORK: work } })
  let cut: RunEnd | null = null
  const stop = (why: RunEnd): void => {
    cut ??= why
    child.kill('SIGKILL')
  }
  const interrupt = (): void => stop({ kind: 'interrupted' })
  const timer = setTimeout(() => stop({ kind: 'limit', minutes: limitMinutes }), limitMinutes * 60_000)
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', interrupt)
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (text) => {
      const line = { at: now(), text }
      lines.push(line)
      writeSync(fd, `[${line.at.toFixed(1)}] ${text}\n`)
    })
  }
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve(code ?? -1))
    })
    return { end: cut ?? { kind: 'exit', status }, lines, seconds: now() }
  } finally {
    clearTimeout(timer)
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt).off('SIGHUP', interrupt)
    closeSync(fd)
    removeEmpty(work)
  }
}
