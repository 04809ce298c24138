// `shutdown`: the /shutdown of an initramfs (shutdown/shutdown.ts), and the way to it from a running root.
//
// As PID 1 in the initramfs it follows systemd-shutdown's protocol. From a running root it leads back into the kept
// initramfs first, under any init, so that the root can be unmounted.
// Man pages: fulcrum-shutdown(8), systemd-shutdown(8).

import { isShutdownVerb, shutdownVerbs } from '../shutdown/reboot-machine.ts'
import { runShutdown } from '../shutdown/shutdown.ts'
import { EXIT_OK, sayUsage, type Command } from './command.ts'
import { formatCommandHelp } from './help.ts'
import { DEFAULT_LEAVE_OPTIONS, HELP_ASKED, leaveAsInit, leaveAsOther, parseLeaveOptions } from './leave.ts'
import { HelpRequest } from './option-list.ts'

/** Those that make sense on a running machine: 'exit' is systemd's, for containers. */
const verbs = shutdownVerbs.filter((verb) => verb !== 'exit')

export const shutdownCommand: Command = {
  name: 'shutdown',
  summary: 'go back to the kept initramfs, unmount the root and stop the machine',
  usage: ['fulcrum shutdown [--force] [--timeout S] [--dry-run] poweroff|reboot|halt|kexec', '/shutdown VERB [OPTIONS OF SYSTEMD-SHUTDOWN]'],
  help: `Ends all processes of the root, goes back into the initramfs that was kept at the switch, unmounts the root
with everything it stands on, and calls reboot(2). Where systemd runs it is asked, and does the same.

  -f, --force    without asking systemd: PID 1, whatever it is, is replaced
  --timeout S    how long processes may take to end after SIGTERM, in seconds; default 10
  -n, --dry-run  print what would be done

An init script may end with 'exec fulcrum shutdown poweroff'. Without fulcrum in the root:
'chroot /run/rootfs fulcrum shutdown poweroff'.
As /shutdown of an initramfs, started by systemd-shutdown(8) as PID 1, everything below /oldroot is taken down.
`,
  run(args, io) {
    if (args[0] === '--help' || args[0] === '-h') {
      io.stdout(formatCommandHelp(shutdownCommand))
      return EXIT_OK
    }
    const kernel = io.kernel()
    const say = (line: string): void => io.stderr(`shutdown: ${line}\n`)
    const parsed = parseLeaveOptions(args)
    if (kernel.getpid() === 1) {
      // It must not exit: what it cannot understand means 'halt', which loses nothing.
      const options = typeof parsed === 'string' ? DEFAULT_LEAVE_OPTIONS : parsed
      const verb = options.words.find(isShutdownVerb) ?? 'halt'
      return leaveAsInit(kernel, verb, options, say) ?? runShutdown(kernel, args, io.env, say)
    }
    if (parsed === HELP_ASKED) throw new HelpRequest()
    if (typeof parsed === 'string') return sayUsage(io, 'shutdown', parsed)
    const [word, ...more] = parsed.words
    const verb = verbs.find((it) => it === word)
    if (verb === undefined || more.length > 0 || parsed.shell) {
      return sayUsage(io, 'shutdown', `Cannot understand ${word === undefined ? 'an empty command' : `'${args.join(' ')}'`}: expected one of ${verbs.join(', ')}`)
    }
    return leaveAsOther(io, 'fulcrum shutdown', verb, parsed)
  },
}
