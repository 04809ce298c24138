// `fulcrum version`: the version of fulcrum, and of what it is made of.
//
// --json also tells which Node.js was packed, for reports of errors.
// Man page: fulcrum(1).

import { VERSION } from '../version.ts'
import { EXIT_OK } from './command.ts'
import type { Command } from './command.ts'
import { parseOptionList, UsageError } from './option-list.ts'

export const versionCommand: Command = {
  name: 'version',
  summary: 'print the version',
  usage: ['fulcrum version [--json]', 'fulcrum --version'],
  help: `Prints the version of fulcrum.

  --json  as JSON, with the version of the Node.js inside and the architecture
`,
  run(args, io) {
    const { options, words, command } = parseOptionList(args, [{ name: 'json', kind: 'flag' }])
    if (words.length > 0 || command !== null) throw new UsageError(`Cannot understand '${words[0] ?? '--'}': expected options only`)
    if (options.length === 0) io.stdout(`fulcrum ${VERSION}\n`)
    else io.stdout(`${JSON.stringify({ fulcrum: VERSION, node: process.versions.node, arch: process.arch })}\n`)
    return EXIT_OK
  },
}
