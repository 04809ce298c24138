// WordReader: the words of one kernel command line as values of a type, with a problem for each that is none.
//
// A bad value never stops a boot. What spellings a key has is looked up among all parameters, which are handed in:
// this file is below their tables.  bootparam(7), kernel-command-line(7)

import type { CommandLine, CommandLineWord } from '../../facts/cmdline.ts'
import { normalKey, parseBoolean } from '../../facts/cmdline.ts'
import { parseTimeMs } from '../../facts/time-span.ts'
import type { Parameter } from './parameter.ts'

/** A word that cannot be understood. `detail` is one sentence, "Cannot …, ignoring", or ", …" what is made of it. */
export interface ParameterProblem {
  readonly key: string
  readonly value: string | null
  readonly detail: string
}

/** Whether a text is one of the choices. */
export function isOneOf<T extends string>(choices: readonly T[], text: string): text is T {
  return choices.some((choice) => choice === text)
}

/** Reads values of one line; what cannot be understood goes to `problems` once. */
export class WordReader {
  readonly problems: ParameterProblem[] = []
  readonly line: CommandLine
  readonly #find: (key: string) => Parameter | undefined
  /** The words by their keys, with their places: a line has few words, and there are more than a hundred keys to ask for. */
  readonly #words = new Map<string, { readonly at: number; readonly word: CommandLineWord }[]>()

  constructor(line: CommandLine, find: (key: string) => Parameter | undefined) {
    this.line = line
    this.#find = find
    line.words.forEach((word, at) => {
      const key = normalKey(word.key)
      const known = this.#words.get(key)
      if (known === undefined) this.#words.set(key, [{ at, word }])
      else known.push({ at, word })
    })
  }

  /** `then`: what is made of it. */
  problem(key: string, value: string | null, expected: string, then = 'ignoring'): void {
    const shown = value === null ? `'${key}' without a value` : `'${key}=${value}'`
    this.problems.push({ key, value, detail: `Cannot understand ${shown}: expected ${expected}, ${then}` })
  }

  /** Every word of this key or an alias of it, in order. */
  #all(key: string): readonly CommandLineWord[] {
    const found = [key, ...(this.#find(key)?.aliases ?? [])].flatMap((name) => this.#words.get(normalKey(name)) ?? [])
    return found.sort((a, b) => a.at - b.at).map(({ word }) => word)
  }

  /** The last word of this key or an alias of it, whatever its value. */
  last(key: string): CommandLineWord | undefined {
    return this.#all(key).at(-1)
  }

  /** Text of the last word; null when missing. An empty or missing value is a problem. */
  text(key: string): string | null {
    const word = this.last(key)
    if (word === undefined) return null
    if (word.value === null || word.value === '') {
      this.problem(word.key, word.value, `'${this.#find(key)?.value ?? 'a value'}' behind '='`)
      return null
    }
    return word.value
  }

  /** The value of every word, in order and as it stands; an empty one, or one set at the rescue console, forgets what came before. */
  texts(key: string): string[] {
    let all: string[] = []
    for (const word of this.#all(key)) {
      if (word.value === null) this.problem(word.key, null, `'${this.#find(key)?.value ?? 'a value'}' behind '='`)
      else if (word.value === '') all = []
      else if (word.isSetting === true) all = [word.value]
      else all.push(word.value)
    }
    return all
  }

  /** As list(), and a problem where the last word is empty and takes nothing back: a variable of the boot loader was, say. */
  filledList(key: string): string[] {
    const all = this.#all(key)
    const [only] = all
    if (all.length === 1 && only?.value === '' && only.isSetting !== true) this.problem(only.key, '', `'${this.#find(key)?.value ?? 'a list'}' behind '='`)
    return this.list(key)
  }

  /** Every comma-separated part of every word in order; an empty value forgets what came before. */
  list(key: string): string[] {
    let all: string[] = []
    for (const word of this.#all(key)) {
      if (word.value === null) this.problem(word.key, null, `'${this.#find(key)?.value ?? 'a list'}' behind '='`)
      else if (word.value === '') all = []
      else all.push(...word.value.split(',').filter((part) => part !== ''))
    }
    return all
  }

  boolean(key: string, fallback: boolean): boolean {
    const word = this.last(key)
    if (word === undefined) return fallback
    const value = parseBoolean(word.value)
    if (value === undefined) this.problem(word.key, word.value, "a boolean ('yes' or 'no')")
    return value ?? fallback
  }

  choice<T extends string>(key: string, choices: readonly T[]): T | null {
    const text = this.text(key)
    if (text === null || isOneOf(choices, text)) return text
    this.problem(key, text, choices.map((choice) => `'${choice}'`).join(' or '))
    return null
  }

  timeMs(key: string): number | null {
    const text = this.text(key)
    if (text === null) return null
    const ms = parseTimeMs(text)
    if (ms === undefined) this.problem(key, text, 'a number of seconds')
    return ms ?? null
  }

  integer(key: string): number | null {
    const text = this.text(key)
    if (text === null) return null
    if (!/^[+-]?\d{1,9}$/.test(text)) {
      this.problem(key, text, 'a whole number of seconds')
      return null
    }
    return Number(text)
  }
}

/** root=LABEL="My Disk": the kernel keeps quotes inside a word, people mean the text. */
export function unquote(text: string): string {
  return text.replaceAll('"', '')
}
