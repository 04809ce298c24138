// Help texts: the list of commands, and one command's own.
//
// Pure text; the dispatcher prints it.

import type { Command } from './command.ts'
import type { CommandEntry } from './command-entry.ts'

const groups: readonly CommandEntry['group'][] = ['Images', 'Switching root', 'Running', 'Looking', 'Others']

/** What `fulcrum --help` prints. */
export function formatOverview(table: readonly CommandEntry[], version: string): string {
  const width = Math.max(...table.map((entry) => entry.name.length))
  const sections = groups.map((group) => {
    const lines = table.filter((entry) => entry.group === group).map((entry) => `  ${entry.name.padEnd(width)}  ${entry.summary}\n`)
    return lines.length === 0 ? '' : `\n${group}\n${lines.join('')}`
  })
  return `fulcrum ${version}: boots a real root from an initramfs, and builds that initramfs

usage: fulcrum COMMAND [ARGUMENTS]
       fulcrum COMMAND --help
       fulcrum --version
${sections.join('')}
The same binary is /init in an image, and stands in for switch_root, run-init, pivot_root and
/shutdown when it is called by these names. Kernel parameters: fulcrum cmdline --help.
Exit status: 0 done, 100 usage error, 111 system failure, 112 refused.
`
}

/** What `fulcrum COMMAND --help` prints. */
export function formatCommandHelp(command: Command): string {
  const usage = command.usage.map((line, i) => `${i === 0 ? 'usage: ' : '       '}${line}\n`).join('')
  return `${usage}\n${command.help.trimEnd()}\n`
}
