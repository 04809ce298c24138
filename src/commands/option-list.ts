// Options in the order in which they are given, some of them more than once, in front of words or among them.
//
// For the commands that run something: node:util's parseArgs cannot stop at the command, and leading-options.ts keeps
// one value only. Pure.

import { nearest } from '../facts/nearest.ts'

/** What an option takes: nothing, a value ('--x V' or '--x=V'), or a value only by '='. */
export type OptionKind = 'flag' | 'value' | 'optional'

export interface OptionSpec {
  /** Without dashes. */
  readonly name: string
  readonly kind: OptionKind
  readonly short?: string
  /** Other spellings. */
  readonly also?: readonly string[]
}

export interface GivenOption {
  readonly name: string
  /** Null for a flag, or where an optional value was left out. */
  readonly value: string | null
}

export interface ParsedOptions {
  readonly options: readonly GivenOption[]
  /** The words that are no options. */
  readonly words: readonly string[]
  /** What is behind '--', or null where there is none. */
  readonly command: readonly string[] | null
}

/** Thrown for a command line that makes no sense; the message is for the user. */
export class UsageError extends Error {}

function findLong(specs: readonly OptionSpec[], name: string): OptionSpec {
  const found = specs.find((spec) => spec.name === name || spec.also?.includes(name) === true)
  if (found !== undefined) return found
  const guess = nearest(name, specs.map((spec) => spec.name))
  throw new UsageError(`Cannot understand option '--${name}'${guess === undefined ? '' : `: did you mean '--${guess}'?`}`)
}

/**
 * Parses '--x', '--x=V', '--x V', '-x', '-xV' and '-x V'. Options end at '--', or where more words come than `words`:
 * that one begins the command, dashes behind it and all. Throws UsageError.
 */
export function parseOptionList(args: readonly string[], specs: readonly OptionSpec[], wordsBeforeCommand = Infinity): ParsedOptions {
  const options: GivenOption[] = []
  const words: string[] = []
  const rest = [...args]
  const take = (shown: string): string => {
    const value = rest.shift()
    if (value === undefined) throw new UsageError(`Cannot understand '${shown}': expected a value behind it`)
    return value
  }
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') return { options, words, command: rest }
    if (word.startsWith('--')) {
      const [, name = '', value = null] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? []
      const spec = findLong(specs, name)
      if (spec.kind === 'flag' && value !== null) throw new UsageError(`Cannot understand '${word}': --${name} takes no value`)
      options.push({ name: spec.name, value: spec.kind === 'value' ? (value ?? take(word)) : value })
    } else if (word.startsWith('-') && word !== '-') {
      for (let at = 1; at < word.length; at += 1) {
        const letter = word.charAt(at)
        const spec = specs.find((it) => it.short === letter)
        if (spec === undefined) throw new UsageError(`Cannot understand option '-${letter}'`)
        const tail = word.slice(at + 1)
        options.push({ name: spec.name, value: spec.kind === 'value' ? (tail === '' ? take(`-${letter}`) : tail) : null })
        if (spec.kind === 'value') break
      }
    } else if (words.length < wordsBeforeCommand) {
      words.push(word)
    } else return { options, words, command: [word, ...rest] }
  }
  return { options, words, command: null }
}
