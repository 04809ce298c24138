// What the boot has written down for going forward again: how the kernel started /init, and how often it was.
//
// In /run/fulcrum/boot.json, which is carried back and forth with /run. Without a record /init is started with
// nothing; the kernel command line is in /proc all the same.

import { kernelEnvironment } from '../facts/init-arguments.ts'
import { BOOT_RECORD } from '../facts/switch-types.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

export interface ForwardRecord {
  /** argv[0] included, never empty. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Returns before this one. */
  readonly returns: number
}

const NOTHING: ForwardRecord = { argv: ['/init'], env: kernelEnvironment, returns: 0 }

function fieldsOf(text: string): Map<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return new Map(typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [])
  } catch {
    return new Map()
  }
}

/** Reads what is needed of a record's text; every field has a usable value whatever is in it. */
export function parseForwardRecord(text: string): ForwardRecord {
  const fields = fieldsOf(text)
  const [argv, env, returns] = [fields.get('initArgv'), fields.get('initEnv'), fields.get('returns')]
  const words = Array.isArray(argv) ? argv.filter((word): word is string => typeof word === 'string') : []
  const isEnv = typeof env === 'object' && env !== null && !Array.isArray(env)
  const pairs = isEnv ? Object.entries(env).filter((pair): pair is [string, string] => typeof pair[1] === 'string') : []
  return {
    argv: words.length === 0 ? NOTHING.argv : words,
    env: isEnv ? Object.fromEntries(pairs) : NOTHING.env,
    returns: typeof returns === 'number' && Number.isSafeInteger(returns) && returns >= 0 ? returns : 0,
  }
}

/** The record of this machine's boot, or what does without. */
export function readForwardRecord(kernel: Pick<Kernel, 'readText'>): ForwardRecord {
  const text = attempt(() => kernel.readText(BOOT_RECORD))
  return text === null ? NOTHING : parseForwardRecord(text)
}
