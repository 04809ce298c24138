// What a kernel that boots the root directly hands to its init: argv and environment.
//
// The kernel gives words that it does not know to init: a bare word without '.' becomes an
// argument, KEY=VALUE without '.' in the key an environment variable, everything behind "--" an
// argument; words in front of init= or rdinit= are forgotten. Keys with a '.' (rd.*, fulcrum.*,
// MODULE.PARAM) are never passed. For /init the kernel has done all this already with its own table
// of known words, so PID 1's argv and environment are the best source.
// Source: init/main.c (unknown_bootoption, set_init_arg, init_setup), bootparam(7).

import type { CommandLine } from './cmdline.ts'
import { normalKey, wordText } from './cmdline.ts'

/** Arguments behind argv[0], and the environment. */
export interface InitArguments {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What the kernel puts into the environment of its init before it reads the command line. */
export const kernelEnvironment: Readonly<Record<string, string>> = { HOME: '/', TERM: 'linux' }

/**
 * The arguments and environment for the real init.
 *
 * `argv` and `env` are those that PID 1 itself was started with (argv[0] included). Arguments are
 * taken as they are. Of the environment only what the kernel can have put there is kept: its own
 * HOME and TERM, and KEY=VALUE of the command line; variables that the runtime or a script in front
 * of /init added are dropped. Without a command line (no /proc) the environment is taken as it is.
 */
export function initArguments(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  line: CommandLine | null,
): InitArguments {
  const kept: Record<string, string> = {}
  const given = new Map<string, Set<string>>()
  for (const [key, value] of Object.entries(kernelEnvironment)) given.set(key, new Set([value]))
  for (const word of line?.words ?? []) {
    if (word.value === null || word.key.includes('.')) continue
    const values = given.get(word.key) ?? new Set()
    given.set(word.key, values.add(word.value))
  }
  for (const [key, value] of Object.entries(kernelEnvironment)) kept[key] = value
  for (const [key, value] of Object.entries(env)) {
    if (value !== undefined && (line === null || given.get(key)?.has(value) === true)) kept[key] = value
  }
  return { args: argv.slice(1), env: kept }
}

/**
 * The same from the command line alone: a model of the kernel for `fulcrum cmdline`, which has no
 * PID 1 to look at. `isKernelKey` says which keys (normalised) the kernel takes for itself; the real
 * answer depends on its configuration.
 */
export function predictInitArguments(line: CommandLine, isKernelKey: (key: string) => boolean): InitArguments {
  let args: string[] = []
  const env: Record<string, string> = { ...kernelEnvironment }
  for (const word of line.words) {
    const key = normalKey(word.key)
    if (word.value !== null && (key === 'init' || key === 'rdinit')) args = []
    else if (key.includes('.') || isKernelKey(key)) continue
    else if (word.value === null) args.push(word.key)
    else env[word.key] = word.value
  }
  return { args: [...args, ...line.initWords.map(wordText)], env }
}
