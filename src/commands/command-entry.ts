// What the table of commands says about a command before its module is loaded.
//
// Apart from table.ts, so that help texts can be made without importing every command: the commands
// themselves use help.ts.

import type { Command } from './command.ts'

export interface CommandEntry {
  readonly name: string
  /** The same as the command's own summary. */
  readonly summary: string
  /** Heading in the list of commands. */
  readonly group: 'Images' | 'Switching root' | 'Running' | 'Looking' | 'Others'
  /** Also found by the name that the binary is called with: a stand-in for that tool. */
  readonly standsIn: boolean
  load(): Promise<Command>
}
