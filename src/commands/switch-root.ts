// `switch_root`: stands in for those of util-linux and busybox, without their silent losses.
//
// Same arguments, same order of effects that a caller can see, status 1 on failure; but everything that can be
// checked is checked first and a failure leaves the mounts as they were. docs/compat.md compares step by step.
// switch_root(8)

import { VERSION } from '../version.ts'
import { EXIT_FAILED, EXIT_OK, type Command } from './command.ts'
import { formatCommandHelp } from './help.ts'
import { parseLeadingOptions } from './leading-options.ts'
import { currentEnv, runSwitch } from './switch-run.ts'

/** An init that is given without a leading slash is looked up from "/", where the new init starts. */
export const absoluteInit = (init: string): string => (init.startsWith('/') ? init : `/${init}`)

const usageError = (problem: string): string => `switch_root: ${problem}\nTry 'switch_root --help' for more information.\n`

export const switchRootCommand: Command = {
  name: 'switch_root',
  summary: 'as switch_root(8): go on in NEWROOT with INIT, and free the initramfs',
  usage: ['switch_root [-c DEV] NEWROOT INIT [ARGS]', 'switch_root -h | -V'],
  help: `Moves the mounts on /dev, /proc, /sys and /run to NEWROOT, makes NEWROOT the root, deletes the contents of
the initramfs and executes INIT with ARGS. For PID 1: exec switch_root NEWROOT INIT.

  -c DEV         open DEV in NEWROOT as standard input, output and error
  -h, --help     this text
  -V, --version  the version

Exit status: 1 on failure, and then nothing has changed; 126 or 127 if INIT could not be executed in
the end.

Different from util-linux and busybox on purpose:
  - INIT, its interpreter and its architecture are checked first, and mount points in NEWROOT are made
  - no mount is dropped: what cannot be carried is a refusal that says why
  - a shared "/" is made private instead of failing after the mounts are gone
  - only an initramfs is ever deleted (ramfs or tmpfs with /init or /etc/initrd-release, not the file
    system of NEWROOT); any other root is kept, at /run/rootfs
  - it must be PID 1, as with busybox, and never exits then: what fails ends in the rescue console
  - INIT gets default signal dispositions and an empty signal mask, as from the kernel
`,
  run(args, io) {
    const { flags, values, rest, problem } = parseLeadingOptions(args, { flags: ['h', 'V', 'help', 'version'], values: ['c'] })
    if (problem !== null) {
      io.stderr(usageError(problem))
      return EXIT_FAILED
    }
    if (flags.has('h') || flags.has('help')) {
      io.stdout(formatCommandHelp(switchRootCommand))
      return EXIT_OK
    }
    if (flags.has('V') || flags.has('version')) {
      io.stdout(`switch_root from fulcrum ${VERSION}\n`)
      return EXIT_OK
    }
    const [newRoot, init, ...initArgs] = rest
    if (newRoot === undefined || init === undefined) {
      io.stderr(usageError('not enough arguments'))
      return EXIT_FAILED
    }
    return runSwitch(io, {
      name: 'switch_root',
      statuses: { refused: EXIT_FAILED, failed: EXIT_FAILED, execMissing: 127, execFailed: 126 },
      dryRun: false,
      show: 'nothing',
      request: {
        newRoot, engine: 'move', keep: null, init: [absoluteInit(init)], argv0: init, initArgs, env: currentEnv(io),
        console: values.get('c') ?? null, dropCapabilities: [], timestamps: false, requirePid1: true,
      },
    })
  },
}
