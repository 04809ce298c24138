// `run-init`: stands in for that of klibc and busybox, which initramfs-tools calls.
//
// -n is how its scripts ask whether an init can be run; the answer here also covers interpreters and
// architecture. Man page: none; klibc's usr/kinit/run-init/run-init.c says what it does, docs/compat.md what we do.

import { parseCapabilities } from '../abi/capabilities.ts'
import { VERSION } from '../version.ts'
import { EXIT_FAILED, EXIT_OK, type Command } from './command.ts'
import { formatCommandHelp } from './help.ts'
import { parseLeadingOptions } from './leading-options.ts'
import { absoluteInit } from './switch-root.ts'
import { currentEnv, runSwitch } from './switch-run.ts'

const DEFAULT_CONSOLE = '/dev/console'

export const runInitCommand: Command = {
  name: 'run-init',
  summary: 'as run-init of klibc: go on in NEWROOT with INIT, and free the initramfs',
  usage: ['run-init [-d CAPS] [-c DEV] [-n] [-p] NEWROOT INIT [ARGS]', 'run-init -h | -V'],
  help: `Makes NEWROOT the root, opens the console there, deletes the contents of the initramfs and executes INIT
with ARGS. For PID 1.

  -d CAPS  capabilities to drop from the inheritable and bounding sets, with commas: cap_sys_rawio,…
  -c DEV   console, ${DEFAULT_CONSOLE} by default
  -n       only check whether it could be done; status 0 or 1, changes nothing
  -p       keep the initramfs, at /run/rootfs
  -h, --help     this text
  -V, --version  the version

Exit status: 1 on failure, and then nothing has changed.

Different from klibc and busybox on purpose: mounts on /dev, /proc, /sys and /run that are not in
NEWROOT yet are carried there; a console that cannot be opened is not fatal; -n and the real run check the
same, interpreter and architecture of INIT included; it must be PID 1 unless -n is given.
`,
  run(args, io) {
    const { flags, values, rest, problem } = parseLeadingOptions(args, { flags: ['n', 'p', 'h', 'V', 'help', 'version'], values: ['d', 'c'] })
    const usage = (what: string): number => {
      io.stderr(`run-init: ${what}\nusage: ${runInitCommand.usage[0] ?? ''}\n`)
      return EXIT_FAILED
    }
    if (problem !== null) return usage(problem)
    if (flags.has('h') || flags.has('help')) {
      io.stdout(formatCommandHelp(runInitCommand))
      return EXIT_OK
    }
    if (flags.has('V') || flags.has('version')) {
      io.stdout(`run-init from fulcrum ${VERSION}\n`)
      return EXIT_OK
    }
    const [newRoot, init, ...initArgs] = rest
    if (newRoot === undefined || init === undefined) return usage('not enough arguments')
    const drop = parseCapabilities(values.get('d') ?? '')
    if (drop.unknown !== null) return usage(`Cannot drop capability '${drop.unknown}': unknown`)
    const dryRun = flags.has('n')
    return runSwitch(io, {
      name: 'run-init',
      statuses: { refused: EXIT_FAILED, failed: EXIT_FAILED, execMissing: EXIT_FAILED, execFailed: EXIT_FAILED },
      dryRun,
      show: 'nothing',
      request: {
        newRoot, engine: 'move', keep: flags.has('p') ? 'full' : 'none', init: [absoluteInit(init)], argv0: init, initArgs, env: currentEnv(io),
        console: values.get('c') ?? DEFAULT_CONSOLE, dropCapabilities: drop.numbers, timestamps: false, requirePid1: !dryRun,
      },
    })
  },
}
