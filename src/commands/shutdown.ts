// `shutdown`, the /shutdown of an initramfs: see shutdown/shutdown.ts.
//
// Refused for anything but PID 1: what it does would take a running system down without asking.
// Man pages: fulcrum-shutdown(8), systemd-shutdown(8).

import { isShutdownVerb, shutdownVerbs } from '../shutdown/reboot-machine.ts'
import { runShutdown } from '../shutdown/shutdown.ts'
import { EXIT_OK, EXIT_REFUSED, EXIT_USAGE } from './command.ts'
import type { Command } from './command.ts'
import { formatCommandHelp } from './help.ts'

export const shutdownCommand: Command = {
  name: 'shutdown',
  summary: 'unmount the old root and stop the machine, as /shutdown of an initramfs',
  usage: ['shutdown VERB [OPTIONS OF SYSTEMD-SHUTDOWN]', 'fulcrum shutdown VERB'],
  help: `For PID 1 only: systemd-shutdown(8) runs it as /shutdown after it went back to /run/initramfs. Makes
everything below /oldroot read-only, unmounts it, and calls reboot(2).

  VERB  ${shutdownVerbs.join(', ')}

Anything but PID 1 is refused: to shut a running system down, use its own shutdown(8).
`,
  run(args, io) {
    const [verb] = args
    if (verb === '--help' || verb === '-h') {
      io.stdout(formatCommandHelp(shutdownCommand))
      return EXIT_OK
    }
    const kernel = io.kernel()
    if (kernel.getpid() === 1) return runShutdown(kernel, args, io.env, (line) => io.stderr(`shutdown: ${line}\n`))
    if (verb === undefined || !isShutdownVerb(verb)) {
      io.stderr(`shutdown: Cannot understand ${verb === undefined ? 'an empty command' : `'${verb}'`}: expected ${shutdownVerbs.join(', ')}\n`)
      return EXIT_USAGE
    }
    io.stderr(`shutdown: Cannot ${verb}: this is not PID 1 of an initramfs; use 'systemctl ${verb}' or the shutdown(8) of the system\n`)
    return EXIT_REFUSED
  },
}
