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

/** Thrown for --help or -h among the options of a command that has none of its own; the dispatcher prints the help. */
export class HelpRequest extends Error {}

/** What to say of an option that there is not, `shown` with its dashes. */
export function unknownOption(shown: string, names: Iterable<string>): string {
  const guess = nearest(shown.replace(/^-+/, ''), names)
  return `Cannot understand option '${shown}'${guess === undefined || !shown.startsWith('--') ? '' : `: did you mean '--${guess}'?`}`
}

function findLong(specs: readonly OptionSpec[], name: string): OptionSpec {
  const found = specs.find((spec) => spec.name === name || spec.also?.includes(name) === true)
  if (found !== undefined) return found
  if (name === 'help') throw new HelpRequest()
  throw new UsageError(unknownOption(`--${name}`, specs.flatMap((spec) => [spec.name, ...(spec.also ?? [])])))
}

/**
 * Parses '--x', '--x=V', '--x V', '-x', '-xV' and '-x V'. Options end at '--', or where more words come than `words`:
 * that one begins the command, dashes behind it and all. Throws UsageError or HelpRequest.
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
        if (spec === undefined && letter === 'h') throw new HelpRequest()
        if (spec === undefined) throw new UsageError(unknownOption(`-${letter}`, []))
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

/** An error of parseArgs of node:util in our words; `names` are those of the options. */
export function describeParseError(error: unknown, names: readonly string[]): string {
  const message = error instanceof Error ? error.message : String(error)
  // It is always the first quoted word: '--nosuch', '-o, --output <value>', 'extra'.
  const [, shown = ''] = /'([^']*)'/.exec(message) ?? []
  const option = shown.replace(/^-., /, '').replace(/ <value>$/, '')
  if (message.startsWith('Unknown option')) return unknownOption(shown, names)
  if (message.startsWith('Unexpected argument')) return `Cannot understand '${shown}': expected options only`
  if (message.includes('does not take an argument')) return `Cannot understand '${option}': it takes no value`
  if (message.includes('argument missing')) return `Cannot understand '${option}': expected a value behind it`
  if (message.includes('is ambiguous')) return `Cannot understand '${option}': expected a value behind it; one that begins with a dash as '${option}=-…'`
  return `Cannot understand the arguments: ${message}`
}
