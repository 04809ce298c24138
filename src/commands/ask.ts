// `fulcrum ask`: asks for a passphrase on a terminal, as PID 1 itself does, and prints it.
//
// For scripts of an initramfs: the function ask_for_password of hooks written for dracut calls it. Standard input is the
// terminal, the question goes to standard error, since standard output is the answer's. See fulcrum-ask(8).

import { askPassphrase } from '../boot/ask.ts'
import { toFd } from '../kernel/kernel.ts'
import { EXIT_FAILED, EXIT_OK, type Command } from './command.ts'
import { parseOptionList, UsageError } from './option-list.ts'

const stdout = toFd(1)
const stderr = toFd(2)

/** Milliseconds; null: for ever; undefined: that is no time. */
function readTimeout(text: string | undefined): number | null | undefined {
  if (text === undefined || text === '0') return null
  return /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined
}

export const askCommand: Command = {
  name: 'ask',
  summary: 'ask for a passphrase on the terminal, and print it',
  usage: ['fulcrum ask [--timeout SECONDS] [QUESTION]'],
  help: `Shows a star for each character, none after Tab; ^U empties the line, ^C or ^D gives no answer. Reads from standard
input, which is a terminal, asks on standard error, and prints what was typed on standard output, without a newline.
What was typed before the question is thrown away.

  -t, --timeout SECONDS  without a key for that long there is no answer; 0, the default: wait for ever

Exit status: 0 there is an answer, 1 none, 100 usage.
`,
  run(args, io) {
    // The first word ends the options: a question may begin with a dash behind '--'.
    const { options, command } = parseOptionList(args, [{ name: 'timeout', kind: 'value', short: 't' }], 0)
    const [question = 'Passphrase', extra] = command ?? []
    if (extra !== undefined) throw new UsageError(`Cannot understand '${extra}': expected one question; quote it`)
    const given = options.at(-1)?.value ?? undefined
    const timeoutMs = readTimeout(given)
    if (timeoutMs === undefined) throw new UsageError(`Cannot understand --timeout '${given ?? ''}': expected seconds`)
    const kernel = io.kernel()
    const answer = askPassphrase(kernel, `${question} [^C: none]: `, timeoutMs, stderr)
    if (answer.kind === 'typed') {
      kernel.write(stdout, answer.bytes)
      answer.bytes.fill(0)
      return EXIT_OK
    }
    const why = { skipped: 'no passphrase was given', timeout: `nothing was typed for ${(timeoutMs ?? 0) / 1000} s`, gone: 'there is no terminal to ask on' }
    io.stderr(`fulcrum ask: ${why[answer.kind]}\n`)
    return EXIT_FAILED
  },
}
