// Runs one test file in a process of its own and says what came out: points, and whether the process ended well.
// It exists because TAP alone cannot be trusted: a process can print ten good points and then crash or hang.
// The process leads a group of its own, so that a time-out ends everything it started (QEMU above all).

import { spawn } from 'node:child_process'
import type { Failure, TapResults } from './tap-results.ts'
import { parseTap } from './tap-results.ts'
import type { TestFile, Tier } from './test-files.ts'

export interface FileResult extends TapResults {
  readonly file: string
  readonly tier: string
  readonly durationMs: number
}

/** A hung file must not hang the run. Generous: they are for hangs, not for slow machines. */
const TIMEOUT_S: Record<Tier, number> = { unit: 900, ns: 900, harness: 3600, qemu: 3600 }

/** How long a group has to clean up between SIGTERM and SIGKILL. */
const GRACE_MS = 5000

export interface RunOptions {
  readonly root: string
  readonly node: string
  readonly timeoutS?: number
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Called with the pid of the process group, and with undefined when it has ended. */
  readonly onGroup?: (pid: number, isRunning: boolean) => void
}

function commandFor(file: TestFile, node: string): [string, string[]] {
  const run = [node, '--disable-warning=ExperimentalWarning', file.path]
  if (file.tier !== 'ns') return [node, run.slice(1)]
  const inNamespace = ['unshare', '--mount', '--propagation', 'private', ...run]
  return process.getuid?.() === 0 ? ['unshare', inNamespace.slice(1)] : ['sudo', ['-n', '-E', ...inNamespace]]
}

/** Signals a whole process group; one that has ended already is no error. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group has ended meanwhile.
  }
}

/** What the end of the process adds to what its TAP said. */
function exitFailures(
  tap: TapResults,
  status: number | null,
  signal: string | null,
  timedOutS: number | undefined,
  stderr: string,
): Failure[] {
  const details = stderr.trimEnd().split('\n').slice(-25)
  if (timedOutS !== undefined) return [{ name: `timed out after ${timedOutS} s`, details }]
  if (signal !== null) return [{ name: `killed by ${signal}`, details }]
  if (status !== 0 && tap.failures.length === 0)
    return [{ name: `exit status ${status ?? 'unknown'} though no point failed`, details }]
  if (tap.failures.some((failure) => failure.name.startsWith('TAP: ')) && stderr.trim() !== '')
    return [{ name: 'standard error', details }]
  return []
}

/** Runs `file` under `options.node` and waits for its end. Never rejects: what cannot be started is a failure. */
export function runTestFile(file: TestFile, options: RunOptions): Promise<FileResult> {
  const timeoutS = options.timeoutS ?? TIMEOUT_S[file.tier]
  const [command, args] = commandFor(file, options.node)
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env, TAP: '1', TAP_TIMEOUT: String(timeoutS), NO_COLOR: '1', FORCE_COLOR: '0' },
    })
    let timedOut = false
    let killer: NodeJS.Timeout | undefined
    const pid = child.pid
    const timer = setTimeout(() => {
      timedOut = true
      if (pid === undefined) return
      signalGroup(pid, 'SIGTERM')
      killer = setTimeout(() => signalGroup(pid, 'SIGKILL'), GRACE_MS)
    }, timeoutS * 1000)
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.on('error', (error) => {
      clearTimeout(timer)
      const failure = { name: `Cannot run '${command}': ${error.message}`, details: [] }
      resolve({
        file: file.path,
        tier: file.tier,
        durationMs: performance.now() - started,
        passed: 0,
        skipped: 0,
        failures: [failure],
      })
    })
    if (pid !== undefined) options.onGroup?.(pid, true)
    // A grandchild may hold the pipes open after the file's process ended: its group ends with it.
    child.on('exit', () => {
      if (pid !== undefined) signalGroup(pid, 'SIGKILL')
    })
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      clearTimeout(killer)
      if (pid !== undefined) options.onGroup?.(pid, false)
      const tap = parseTap(Buffer.concat(stdout).toString('utf8'))
      const wrong = exitFailures(
        tap,
        status,
        signal,
        timedOut ? timeoutS : undefined,
        Buffer.concat(stderr).toString('utf8'),
      )
      resolve({
        file: file.path,
        tier: file.tier,
        durationMs: performance.now() - started,
        passed: tap.passed,
        skipped: tap.skipped,
        failures: [...wrong, ...tap.failures],
      })
    })
  })
}
