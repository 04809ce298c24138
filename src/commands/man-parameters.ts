// The parameter table as a list in the language of man pages, mdoc(7).
//
// docs/man/fulcrum.7 holds this text; man-pages.test.ts compares, so that neither can drift.

import { parameters } from '../boot/parameter-table.ts'
import { parameterSpelling } from './cmdline.ts'

/** Text as mdoc wants it: ASCII, no accidental request or escape. */
function plain(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('…', '...').replace(/^[.']/, '\\&$&')
}

/** One sentence a line, as man pages are kept. */
function sentences(text: string): string {
  return text.split(/(?<=\.) (?=[A-Z])/).map(plain).join('\n')
}

/** A `.Bl` list with one item for each parameter. */
export function manParameters(): string {
  const items = parameters.map((parameter) => {
    const aliases = parameter.aliases.length === 0 ? '' : `Also: ${parameter.aliases.join(', ')}.\n`
    const text = `${sentences(`${parameter.summary}.`)}\nDefault: ${plain(parameter.default)}.\n${aliases}`
    return `.It Cm ${plain(parameterSpelling(parameter)).replaceAll('|', '\\&|')}\n${text}`
  })
  return `.Bl -tag -width Ds\n${items.join('')}.El\n`
}
