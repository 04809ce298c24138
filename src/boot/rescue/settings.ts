// Settings typed at the rescue prompt: words of the kernel command line for the next try.
//
// Only words of the parameter table are taken, and only with values that it understands: at a prompt
// there is somebody who can correct a typing error at once.

import { parseCommandLine, withSettings } from '../../facts/cmdline.ts'
import { nearest } from '../../facts/nearest.ts'
import { findParameter, parameters } from '../parameter-table.ts'
import { readParameters } from '../parameters.ts'

/** The settings in words such as 'root=/dev/vda1' or 'rw', and what is wrong with the others. */
export function parseSettings(words: readonly string[]): {
  readonly settings: Readonly<Record<string, string | true>>
  readonly problems: readonly string[]
} {
  const settings: Record<string, string | true> = {}
  const problems: string[] = []
  for (const word of words) {
    const equals = word.indexOf('=')
    const key = equals < 0 ? word : word.slice(0, equals)
    const value = equals < 0 ? true : word.slice(equals + 1)
    if (findParameter(key) === undefined) {
      const guess = nearest(key, parameters.flatMap((p) => [p.key, ...p.aliases]))
      problems.push(`Cannot find a parameter '${key}'${guess === undefined ? '' : ` (did you mean '${guess}'?)`}`)
      continue
    }
    const wrong = readParameters(withSettings(parseCommandLine(''), { [key]: value })).problems
    if (wrong.length === 0) settings[key] = value
    else problems.push(...wrong.map((p) => p.detail.replace(/, (?:ignoring|leaving it to hooks|opening nothing by it|taking '[^']*')$/, '')))
  }
  return { settings, problems }
}

/** A setting as it is typed: 'root=/dev/vda1', 'rw', quoted where it has blanks. */
export function settingText(key: string, value: string | true): string {
  if (value === true) return key
  return /\s/.test(value) ? `${key}="${value}"` : `${key}=${value}`
}
