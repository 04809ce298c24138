// Runs one of the host's tools to its end and turns a failure into an error that says what was run and what
// it said. For set-up and tests only: the product itself starts children in its own way (src/processes).
// Man pages: posix_spawn(3), wait(2).
import { spawnSync } from 'node:child_process'

export interface RunOptions {
  readonly cwd?: string
  readonly input?: string
  /** Added to this process's environment. LC_ALL is always C.UTF-8, so that output can be parsed. */
  readonly env?: Readonly<Record<string, string>>
  /** Let the tool's output go to our standard error as it comes (progress), instead of returning it. */
  readonly show?: boolean
  readonly timeoutMs?: number
}

export interface RunResult {
  /** Exit status; 128 + signal number is not used: a tool killed by a signal has status -1. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a tool and returns its status and output. Throws only if it cannot be started or runs out of time. */
export function tryTool(command: string, args: readonly string[], options: RunOptions = {}): RunResult {
  const result = spawnSync(command, args, {
    cwd: options.cwd,
    input: options.input,
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    timeout: options.timeoutMs,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', options.show ? 2 : 'pipe', options.show ? 2 : 'pipe'],
  })
  if (result.error !== undefined) throw new Error(`Cannot run '${command}': ${result.error.message}`)
  return { status: result.status ?? -1, stdout: result.stdout ?? '', stderr: result.stderr ?? '' }
}

/** Runs a tool and returns its standard output. Throws if it exits with anything but 0. */
export function runTool(command: string, args: readonly string[], options: RunOptions = {}): string {
  const result = tryTool(command, args, options)
  if (result.status !== 0) {
    const said = (result.stderr + result.stdout).trim().split('\n').slice(-15).join('\n')
    throw new Error(`Cannot run '${[command, ...args].join(' ')}': exit status ${result.status}\n${said}`)
  }
  return result.stdout
}

/** True if `command` is found in PATH. */
export function hasTool(command: string): boolean {
  return tryTool('sh', ['-c', 'command -v -- "$1" >/dev/null', 'sh', command]).status === 0
}
