// Shell patterns as modules.alias uses them: `*`, `?`, `[…]`, `[!…]` and `\`.
//
// modprobe matches a device's modalias with fnmatch(3) and no flags: `*` also crosses `/` and `:`.
// Written by hand, since a pattern per alias compiled to a RegExp costs PID 1 more than the
// whole match, and several thousand patterns are tried once only.

/** True when `text` matches the shell `pattern` wholly. A `[` that is never closed is literal. */
export function fnmatch(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  // Where to go back to: the last `*` seen, and how much of the text it has swallowed so far.
  // One level is enough: an earlier star can always be left at its shortest match.
  let starP = -1
  let starT = 0
  while (t < text.length) {
    const next = p < pattern.length ? matchOne(pattern, p, text.charCodeAt(t)) : 0
    if (next === star) {
      starP = ++p
      starT = t
    } else if (next > 0) {
      p = next
      t++
    } else if (starP >= 0) {
      p = starP
      t = ++starT
    } else {
      return false
    }
  }
  while (pattern.charCodeAt(p) === 0x2a) p++
  return p === pattern.length
}

const star = -1

/** The index after the pattern element at `p` if it matches `code`, `star` for `*`, 0 if not. */
function matchOne(pattern: string, p: number, code: number): number {
  const element = pattern.charCodeAt(p)
  if (element === 0x2a) return star
  if (element === 0x3f) return p + 1
  if (element === 0x5b) {
    const close = endOfRange(pattern, p)
    if (close > 0) return matchRange(pattern, p + 1, close, code) ? close + 1 : 0
  }
  if (element === 0x5c && p + 1 < pattern.length) {
    return pattern.charCodeAt(p + 1) === code ? p + 2 : 0
  }
  return element === code ? p + 1 : 0
}

/** Index of the `]` that closes the range opened at `open`; a `]` in first place is a member. */
function endOfRange(pattern: string, open: number): number {
  let first = open + 1
  if (pattern[first] === '!' || pattern[first] === '^') first++
  return pattern.indexOf(']', first + 1)
}

function matchRange(pattern: string, start: number, end: number, code: number): boolean {
  let i = start
  const negated = pattern[i] === '!' || pattern[i] === '^'
  if (negated) i++
  let found = false
  while (i < end) {
    const low = pattern.charCodeAt(i)
    if (pattern[i + 1] === '-' && i + 2 < end) {
      if (code >= low && code <= pattern.charCodeAt(i + 2)) found = true
      i += 3
    } else {
      if (code === low) found = true
      i++
    }
  }
  return found !== negated
}
