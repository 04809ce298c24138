// The commands of the rescue console that leave it: another try, on with the boot, or off.
//
// `continue` is for stops only: going on behind a failure would mount, switch or exec what is not there.
// Man page: reboot(2).

import { rebootMachine } from '../../shutdown/reboot-machine.ts'
import { isBreak } from './failure.ts'
import type { RescueCommand } from './session.ts'

export const leaveCommands: readonly RescueCommand[] = [
  {
    name: 'retry',
    usage: '',
    summary: 'try to boot again with what was set',
    run: ({ settings }) => ({ action: 'retry', settings: { ...settings } }),
  },
  {
    name: 'continue',
    usage: '',
    summary: 'go on with the boot from a stop that rd.break= asked for',
    run: ({ failure, settings }) => {
      if (!isBreak(failure)) throw new Error("Cannot continue: the boot failed here; 'retry' tries again")
      return { action: 'continue', settings: { ...settings } }
    },
  },
  {
    name: 'reboot',
    usage: '',
    summary: 'restart the machine',
    run: ({ kernel }) => rebootMachine(kernel, 'reboot'),
  },
  {
    name: 'poweroff',
    usage: '',
    summary: 'switch the machine off',
    run: ({ kernel }) => rebootMachine(kernel, 'poweroff'),
  },
  {
    name: 'halt',
    usage: '',
    summary: 'stop the machine without switching it off',
    run: ({ kernel }) => rebootMachine(kernel, 'halt'),
  },
]
