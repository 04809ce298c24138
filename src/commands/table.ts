// The commands of fulcrum, by name.
//
// Names and summaries are here so that `fulcrum --help` loads nothing; a command's module is loaded when
// it runs, because PID 1 and the drop-in tools must not pay for the image builder.

import type { CommandEntry } from './command-entry.ts'

/** Every command, in the order in which they are listed. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: 'build', summary: 'make an initramfs image', group: 'Images', standsIn: false,
    load: async () => (await import('./build.ts')).buildCommand,
  },
  {
    name: 'inspect', summary: 'list, extract and explain an initramfs image', group: 'Images', standsIn: false,
    load: async () => (await import('./inspect.ts')).inspectCommand,
  },
  {
    name: 'switch', summary: 'switch to a root that is mounted already', group: 'Switching root', standsIn: false,
    load: async () => (await import('./switch.ts')).switchCommand,
  },
  {
    name: 'keep', summary: 'make the way back ready where another program switches root', group: 'Switching root', standsIn: false,
    load: async () => (await import('./keep.ts')).keepCommand,
  },
  {
    name: 'switch_root', summary: 'as switch_root(8): go on in NEWROOT with INIT, and free the initramfs',
    group: 'Switching root', standsIn: true,
    load: async () => (await import('./switch-root.ts')).switchRootCommand,
  },
  {
    name: 'run-init', summary: 'as run-init of klibc: go on in NEWROOT with INIT, and free the initramfs',
    group: 'Switching root', standsIn: true,
    load: async () => (await import('./run-init.ts')).runInitCommand,
  },
  {
    name: 'pivot_root', summary: 'as pivot_root(8): make NEW_ROOT the root and put the old one at PUT_OLD',
    group: 'Switching root', standsIn: true,
    load: async () => (await import('./pivot-root.ts')).pivotRootCommand,
  },
  {
    name: 'run', summary: 'run a command in another root, as a container or a service', group: 'Running', standsIn: false,
    load: async () => (await import('./run.ts')).runCommand,
  },
  {
    name: 'list', summary: 'list the containers and services that run', group: 'Running', standsIn: false,
    load: async () => (await import('./list.ts')).listCommand,
  },
  {
    name: 'enter', summary: 'run a shell or a command in a container or a service', group: 'Running', standsIn: false,
    load: async () => (await import('./enter.ts')).enterCommand,
  },
  {
    name: 'stop', summary: 'end a container or a service', group: 'Running', standsIn: false,
    load: async () => (await import('./stop.ts')).stopCommand,
  },
  {
    name: 'bind', summary: 'show a file or directory of the host in a container or a service that runs', group: 'Running', standsIn: false,
    load: async () => (await import('./bind.ts')).bindCommand,
  },
  {
    name: 'unbind', summary: 'take off what was bound by "fulcrum bind"', group: 'Running', standsIn: false,
    load: async () => (await import('./bind.ts')).unbindCommand,
  },
  {
    name: 'mounts', summary: 'show the mount tree', group: 'Looking', standsIn: false,
    load: async () => (await import('./mounts.ts')).mountsCommand,
  },
  {
    name: 'replace', summary: 'put another file system in the place of a mount, unseen', group: 'Switching root', standsIn: false,
    load: async () => (await import('./replace.ts')).replaceCommand,
  },
  {
    name: 'ps', summary: 'list processes and where they came from', group: 'Looking', standsIn: false,
    load: async () => (await import('./ps.ts')).psCommand,
  },
  {
    name: 'kill', summary: 'end the processes of the initramfs that are not to be kept', group: 'Others', standsIn: false,
    load: async () => (await import('./kill.ts')).killCommand,
  },
  {
    name: 'blk', summary: 'list block devices and what is on them', group: 'Looking', standsIn: false,
    load: async () => (await import('./blk.ts')).blkCommand,
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
    name: 'modprobe', summary: 'as modprobe(8): load kernel modules with what they need, or remove them', group: 'Others', standsIn: true,
    load: async () => (await import('./modprobe.ts')).modprobeCommand,
  },
  {
    name: 'ask', summary: 'ask for a passphrase on the terminal, and print it', group: 'Others', standsIn: false,
    load: async () => (await import('./ask.ts')).askCommand,
  },
  {
    name: 'shutdown', summary: 'go back to the kept initramfs, unmount the root and stop the machine',
    group: 'Switching root', standsIn: true,
    load: async () => (await import('./shutdown.ts')).shutdownCommand,
  },
  {
    name: 'return', summary: 'go back to the kept initramfs, and forward into the root again', group: 'Switching root', standsIn: false,
    load: async () => (await import('./return.ts')).returnCommand,
  },
  {
    name: 'install', summary: 'install this program, its man pages and completions', group: 'Others', standsIn: false,
    load: async () => (await import('./install.ts')).installCommand,
  },
  {
    name: 'uninstall', summary: 'remove what "fulcrum install" installed', group: 'Others', standsIn: false,
    load: async () => (await import('./uninstall.ts')).uninstallCommand,
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
