// The commands of fulcrum, by name.
//
// Names and summaries are here so that `fulcrum --help` loads nothing; a command's module is loaded when
// it runs, because PID 1 and the drop-in tools must not pay for the image builder.

import type { Command } from './command.ts'

export interface CommandEntry {
  readonly name: string
  /** The same as the command's own summary. */
  readonly summary: string
  /** Heading in the list of commands. */
  readonly group: 'Images' | 'Switching root' | 'Looking' | 'Others'
  /** Also found by the name that the binary is called with: a stand-in for that tool. */
  readonly standsIn: boolean
  load(): Promise<Command>
}

/** Every command, in the order in which they are listed. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: 'build', summary: 'make an initramfs image', group: 'Images', standsIn: false,
    load: async () => (await import('./build.ts')).buildCommand,
  },
  {
    name: 'cmdline', summary: 'show how a kernel command line is understood', group: 'Looking', standsIn: false,
    load: async () => (await import('./cmdline.ts')).cmdlineCommand,
  },
  {
    name: 'dmesg', summary: 'show the messages of the kernel', group: 'Looking', standsIn: false,
    load: async () => (await import('./dmesg.ts')).dmesgCommand,
  },
  {
    name: 'shutdown', summary: 'unmount the old root and stop the machine, as /shutdown of an initramfs', group: 'Switching root', standsIn: true,
    load: async () => (await import('./shutdown.ts')).shutdownCommand,
  },
  {
    name: 'version', summary: 'print the version', group: 'Others', standsIn: false,
    load: async () => (await import('./version.ts')).versionCommand,
  },
]

/** The entry with this name, or undefined. */
export function findCommand(name: string): CommandEntry | undefined {
  return commandTable.find((entry) => entry.name === name)
}
