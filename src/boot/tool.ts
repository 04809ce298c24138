// Programs of the image that PID 1 uses: cryptsetup, lvm, mdadm, …
//
// Run to their end with a time limit, what they say kept for the message of a failure. A tool that is missing is
// told with what brings it: a feature of the image.

import type { Kernel } from '../kernel/kernel.ts'
import type { Trace } from '../execute/trace.ts'

const DIRECTORIES: readonly string[] = ['/sbin', '/bin', '/usr/sbin', '/usr/bin']
/** As the PATH of whatever is started. */
export const TOOL_PATH = DIRECTORIES.join(':')
/** A tool that needs longer than this waits for something that does not come. */
const DEFAULT_TIMEOUT_MS = 60_000

export interface ToolOptions {
  /** Milliseconds until SIGKILL; default a minute. */
  readonly timeoutMs?: number
  /** What it reads from its standard input; default nothing. */
  readonly input?: Uint8Array
  /** Added to PATH. */
  readonly env?: Readonly<Record<string, string>>
  /** The arguments for records and messages, where a secret is among them; default as they are. */
  readonly shown?: readonly string[]
}

/** A tool that ended with another status than 0, or could not be run. The message is one line for a person. */
export class ToolFailure extends Error {
  readonly tool: string
  /** null when a signal ended it, or it was not there. */
  readonly status: number | null
  readonly output: string

  constructor(tool: string, args: readonly string[], status: number | null, output: string, why: string) {
    super(`Cannot ${[tool, ...args].join(' ')}: ${why}`)
    this.name = 'ToolFailure'
    this.tool = tool
    this.status = status
    this.output = output
  }
}

/** Path of a program of the image, or undefined. */
export function findTool(kernel: Pick<Kernel, 'exists'>, name: string): string | undefined {
  return DIRECTORIES.map((directory) => `${directory}/${name}`).find((path) => kernel.exists(path))
}

/** Runs a tool of the image and returns its standard output. Throws ToolFailure. */
export function runTool(
  { kernel, trace }: { readonly kernel: Pick<Kernel, 'exists' | 'run'>; readonly trace: Pick<Trace, 'measure'> },
  name: string,
  args: readonly string[],
  options: ToolOptions = {},
): string {
  const path = findTool(kernel, name)
  if (path === undefined) throw new ToolFailure(name, options.shown ?? args, null, '', `the image has no '${name}'; build it with the feature that brings it ('fulcrum build --feature list')`)
  const { timeoutMs = DEFAULT_TIMEOUT_MS, input, env = {}, shown = args } = options
  const run = (): ReturnType<Kernel['run']> =>
    kernel.run(path, args, { env: { PATH: TOOL_PATH, ...env }, timeoutMs, ...(input === undefined ? {} : { input }) })
  const result = trace.measure('tool', [name, ...shown].join(' '), run, (r) => ({ status: r.code ?? 'none' }))
  if (result.code === 0) return result.stdout
  const output = `${result.stderr}${result.stdout}`.trim()
  const end = result.error ?? (result.signal === null ? `exit status ${result.code}` : `ended by ${result.signal}`)
  throw new ToolFailure(name, shown, result.code, output, output === '' ? end : `${output.split('\n').at(-1)} (${end})`)
}
