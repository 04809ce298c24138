// The kernel command line, split exactly as the kernel splits it.
//
// Nothing is ever evaluated: words, quotes, repeats and "--" follow next_arg() and parse_args() of
// the kernel, so that a value means here what it means to the kernel and to init. A word keeps its
// raw text; which keys mean something to fulcrum is boot/parameters.ts.
// Source: lib/cmdline.c, kernel/params.c, bootparam(7), Documentation/admin-guide/kernel-parameters.rst.

/** One word. `KEY=VALUE` has a value (perhaps empty), a bare `KEY` has null. Quotes are stripped. */
export interface CommandLineWord {
  /** As it stands on the command line, with its quotes. */
  readonly raw: string
  readonly key: string
  readonly value: string | null
  /** Set at the rescue console: of words that are repeatable it replaces all before it. */
  readonly isSetting?: true
}

/** A parsed command line. */
export interface CommandLine {
  /** The text that was parsed, without the newline of /proc/cmdline. */
  readonly text: string
  /** The words before "--", in order, repeats included. */
  readonly words: readonly CommandLineWord[]
  /** The words after "--": the kernel gives them to init as they are. */
  readonly initWords: readonly CommandLineWord[]
}

const isSpace = (char: string | undefined): boolean =>
  char === ' ' || char === '\t' || char === '\n' || char === '\v' || char === '\f' || char === '\r'

/** The word that starts at `start` (not a space) and the index behind it. */
function nextWord(text: string, start: number): { word: CommandLineWord; end: number } {
  const quoted = text[start] === '"'
  const first = quoted ? start + 1 : start
  let inQuote = quoted
  let equals = 0
  let end = first
  for (; end < text.length; end++) {
    const char = text[end]
    if (isSpace(char) && !inQuote) break
    // A '=' in front is part of the key, as for the kernel: index 0 does not count.
    if (char === '=' && equals === 0 && end > first) equals = end
    if (char === '"') inQuote = !inQuote
  }
  let stop = end
  let valueStart = equals + 1
  if (equals !== 0 && text[valueStart] === '"') {
    valueStart++
    if (text[end - 1] === '"') stop = end - 1
  }
  if (quoted && stop === end && end > first && text[end - 1] === '"') stop = end - 1
  const key = text.slice(first, equals === 0 ? stop : equals)
  const value = equals === 0 ? null : text.slice(valueStart, Math.max(stop, valueStart))
  return { word: { raw: text.slice(start, end), key, value }, end }
}

/**
 * Parses the text of /proc/cmdline. Never fails: the kernel does not either. A quote that is not
 * closed reaches to the end of the line; quotes inside a word (`a"b c"d`) keep it together and stay.
 */
export function parseCommandLine(text: string): CommandLine {
  const line = text.replace(/[\n\0]+$/, '')
  const words: CommandLineWord[] = []
  const initWords: CommandLineWord[] = []
  let into = words
  let at = 0
  while (at < line.length) {
    if (isSpace(line[at])) {
      at++
      continue
    }
    const { word, end } = nextWord(line, at)
    at = end
    if (word.value === null && word.key === '--') {
      // The kernel parses what follows with the same function, which stops at a second "--".
      if (into === initWords) break
      into = initWords
      continue
    }
    into.push(word)
  }
  return { text: line, words, initWords }
}

/** A word as the kernel passes it on, quotes stripped: `KEY` or `KEY=VALUE`. */
export function wordText(word: CommandLineWord): string {
  return word.value === null ? word.key : `${word.key}=${word.value}`
}

/** The key as the kernel compares it: '-' and '_' are the same. */
export function normalKey(key: string): string {
  return key.replaceAll('-', '_')
}

/** Every word that has one of these keys, in order. */
export function wordsOf(line: CommandLine, ...keys: readonly string[]): readonly CommandLineWord[] {
  const wanted = new Set(keys.map(normalKey))
  return line.words.filter((word) => wanted.has(normalKey(word.key)))
}

/** The last word with one of these keys (the last one wins), or undefined. */
export function lastWord(line: CommandLine, ...keys: readonly string[]): CommandLineWord | undefined {
  return wordsOf(line, ...keys).at(-1)
}

/** The value of the last word with one of these keys; undefined when there is none or it has no '='. */
export function lastValue(line: CommandLine, ...keys: readonly string[]): string | undefined {
  return lastWord(line, ...keys)?.value ?? undefined
}

const yes = new Set(['1', 'yes', 'y', 'true', 't', 'on'])
const no = new Set(['0', 'no', 'n', 'false', 'f', 'off'])

/** A boolean as dracut and systemd spell it; null (a bare key) is true; undefined for anything else. */
export function parseBoolean(value: string | null): boolean | undefined {
  if (value === null) return true
  const lower = value.toLowerCase()
  return yes.has(lower) ? true : no.has(lower) ? false : undefined
}

/**
 * Parameters for a module loaded later, as modprobe collects them: every `MODULE.PARAM[=VALUE]` of
 * the line, in order, for finit_module(2). A value with spaces is quoted again.
 */
export function moduleParameters(line: CommandLine, module: string): string {
  const prefix = `${normalKey(module)}.`
  const own = line.words.filter((word) => normalKey(word.key).startsWith(prefix) && word.key.length > prefix.length)
  return own
    .map((word) => {
      const name = word.key.slice(prefix.length)
      if (word.value === null) return name
      return /\s/.test(word.value) ? `${name}="${word.value}"` : `${name}=${word.value}`
    })
    .join(' ')
}

/** The line with `settings` behind its words, where they win. For `set` in the rescue console. */
export function withSettings(line: CommandLine, settings: Readonly<Record<string, string | true>>): CommandLine {
  const added = Object.entries(settings).map(([key, value]): CommandLineWord => {
    if (value === true) return { raw: key, key, value: null, isSetting: true }
    const raw = /\s/.test(value) ? `${key}="${value}"` : `${key}=${value}`
    return { raw, key, value, isSetting: true }
  })
  return { ...line, words: [...line.words, ...added] }
}
