// The demo's command line. Pure: words in, options or a sentence about what is wrong with them out.
// Not the parser of src/commands on purpose: the demo must say something sensible even when that does not work.
// Its exit status for a usage error is 100, as everywhere (docs/errors.md).

import type { KernelSeries } from '../setup/kernel-choice.ts'

export interface DemoOptions {
  readonly series: KernelSeries
  readonly engine: 'auto' | 'move' | 'pivot'
  /** null: what goes with the engine. */
  readonly keep: 'full' | 'none' | null
  /** The small root of the tests in place of Debian with systemd. */
  readonly fast: boolean
}

export const USAGE = `usage: npm run demo -- [--kernel 6.1|6.12|7.x] [--engine auto|pivot|move] [--keep full|none] [--fast]

Builds fulcrum and an initramfs, boots a Debian root with systemd in QEMU, and tells what happens.
  --kernel SERIES  the newest Debian kernel of that series; default: the newest 7.x
  --engine NAME    how to switch to the root; default: auto, which is pivot where the kernel can
  --keep WHAT      whether the initramfs stays at /run/rootfs; default: full with pivot, none with move
  --fast           boot the small root of the tests instead of Debian
`

const SERIES: readonly KernelSeries[] = ['6.1', '6.12', '7.x']
const ENGINES = ['auto', 'move', 'pivot'] as const
const KEEPS = ['full', 'none'] as const

function choose<T extends string>(choices: readonly T[], option: string, value: string | undefined): T {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  throw new Error(`Cannot use '${option} ${value ?? ''}': expected ${choices.map((choice) => `'${choice}'`).join(' or ')}`)
}

/** Reads the words after the script's name; null when help is asked for. @throws Error for a word that is none of ours */
export function parseOptions(words: readonly string[]): DemoOptions | null {
  let options: DemoOptions = { series: '7.x', engine: 'auto', keep: null, fast: false }
  const rest = words.flatMap((word) => (/^--\w+=/.test(word) ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word]))
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    switch (word) {
      case '--help': case '-h': return null
      case '--fast': options = { ...options, fast: true }; break
      case '--kernel': options = { ...options, series: choose(SERIES, word, rest.shift()) }; break
      case '--engine': options = { ...options, engine: choose(ENGINES, word, rest.shift()) }; break
      case '--keep': options = { ...options, keep: choose(KEEPS, word, rest.shift()) }; break
      default: throw new Error(`Cannot understand '${word}': see --help`)
    }
  }
  return options
}
