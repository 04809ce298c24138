// Splits what was typed at the rescue prompt into words.
//
// Blanks separate, '…' and "…" keep together, a backslash takes the next character as it is. Nothing
// is expanded or evaluated: there is no shell here.

/** The words of a line, or the reason why it cannot be split. */
export type SplitResult = { readonly words: readonly string[]; readonly problem: null } | { readonly words: null; readonly problem: string }

/** Splits a line. An empty pair of quotes is an empty word. */
export function splitWords(line: string): SplitResult {
  const words: string[] = []
  let word: string | null = null
  let quote: string | null = null
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? ''
    if (quote !== null) {
      if (char === quote) quote = null
      else if (char === '\\' && quote === '"' && i + 1 < line.length) word = (word ?? '') + (line[++i] ?? '')
      else word = (word ?? '') + char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (char === '\\' && i + 1 < line.length) word = (word ?? '') + (line[++i] ?? '')
    else if (char === ' ' || char === '\t') {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + char
  }
  if (quote !== null) return { words: null, problem: `Cannot read the line: a ${quote} is not closed` }
  if (word !== null) words.push(word)
  return { words, problem: null }
}
