// `fulcrum return`: back into the kept initramfs, and forward into the root again, without a reboot.
//
// With --shell a person stands in the initramfs in between, with the root unmounted.
// Man page: fulcrum-return(8); docs/return.md.

import { goForward } from '../return/go-forward.ts'
import { sayUsage, type Command } from './command.ts'
import { DEFAULT_LEAVE_OPTIONS, HELP_ASKED, leaveAsInit, leaveAsOther, parseLeaveOptions } from './leave.ts'
import { HelpRequest } from './option-list.ts'

export const returnCommand: Command = {
  name: 'return',
  summary: 'go back to the kept initramfs, and forward into the root again',
  usage: ['fulcrum return [--shell] [--force] [--timeout S] [--dry-run]'],
  help: `Ends all processes of the root, goes back into the initramfs that was kept at the switch, unmounts the root, and
boots it again from there. Kernel, devices and the processes of the initramfs that serve them stay as they are.

  --shell        stop in the rescue console before the root is mounted again; 'continue' goes forward
  -f, --force    without asking systemd: PID 1, whatever it is, is replaced
  --timeout S    how long processes may take to end after SIGTERM, in seconds; default 10
  -n, --dry-run  print what would be done

Without fulcrum in the root: 'chroot /run/rootfs fulcrum return'.
Exit status: 100 usage, 111 PID 1 or systemd refused, 112 there is no initramfs to return to.
`,
  run(args, io) {
    const kernel = io.kernel()
    const say = (line: string): void => io.stderr(`fulcrum return: ${line}\n`)
    const options = parseLeaveOptions(args)
    const problem = typeof options === 'string' ? options : options.words.length > 0 ? `Cannot understand '${args.join(' ')}': options only` : null
    if (kernel.getpid() === 1) {
      // PID 1 must not exit: what it cannot understand stops in the initramfs, where a person can go on.
      if (problem !== null) say(problem)
      const chosen = problem !== null || typeof options === 'string' ? { ...DEFAULT_LEAVE_OPTIONS, shell: true } : options
      return leaveAsInit(kernel, 'return', chosen, say) ?? goForward(kernel, { shell: chosen.shell }, say)
    }
    if (options === HELP_ASKED) throw new HelpRequest()
    if (problem === null && typeof options !== 'string') return leaveAsOther(io, 'fulcrum return', 'return', options)
    return sayUsage(io, 'return', problem ?? '')
  },
}
