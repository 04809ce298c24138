// `fulcrum dmesg`: the kernel's log, for images without util-linux.
//
// Unlike dmesg(1) it never uses syslog(2): /dev/kmsg has every record with its sequence number.
// Man pages: fulcrum-dmesg(1), dmesg(1).

import { formatKernelMessage, readKernelLog } from '../facts/kmsg.ts'
import { errorLine, isErrno } from '../kernel/errors.ts'
import { EXIT_OK, EXIT_SYSTEM } from './command.ts'
import type { Command } from './command.ts'
import { sayFailure } from './failure.ts'
import { parseOptionList, UsageError } from './option-list.ts'

export const dmesgCommand: Command = {
  name: 'dmesg',
  summary: 'show the messages of the kernel',
  usage: ['fulcrum dmesg [--json] [LINES]'],
  help: `Prints what /dev/kmsg holds, oldest first, and does not wait for more.

  LINES   only the last ones
  --json  an array of objects with level, facility, sequence, us (microseconds since the start of the
          kernel) and text
`,
  run(args, io) {
    const { options, words, command } = parseOptionList(args, [{ name: 'json', kind: 'flag' }])
    const json = options.length > 0
    const [lines, ...more] = [...words, ...(command ?? [])]
    if (more.length > 0 || (lines !== undefined && !/^\d{1,9}$/.test(lines))) {
      throw new UsageError(`Cannot understand '${more[0] ?? lines}': expected one number of lines`)
    }
    let all: ReturnType<typeof readKernelLog>
    try {
      all = readKernelLog(io.kernel())
    } catch (error) {
      const remedy = isErrno(error, 'EPERM', 'EACCES') ? '; run it as root' : ''
      sayFailure(io, 'dmesg', json, `Cannot read the messages of the kernel: ${errorLine(error)}${remedy}`, error)
      return EXIT_SYSTEM
    }
    const shown = lines === undefined ? all : all.slice(Math.max(0, all.length - Number(lines)))
    if (json) {
      const plain = shown.map((message) => ({ ...message, sequence: Number(message.sequence), us: Number(message.us) }))
      io.stdout(`${JSON.stringify(plain, null, 2)}\n`)
    } else for (const message of shown) io.stdout(`${formatKernelMessage(message)}\n`)
    return EXIT_OK
  },
}
