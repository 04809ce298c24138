// What a process of its own has to do for ask.ns.test.ts: ask on its terminal, and say on standard error what came.
//
// Arguments: a time-out in milliseconds for each question, 0 for none.

import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { toFd } from '../kernel/kernel.ts'
import { askPassphrase } from './ask.ts'

const kernel = createKoffiKernel()
const settings = (): string => Buffer.from(kernel.tcgetattr(toFd(0)) ?? []).toString('hex')
for (const word of process.argv.slice(2)) {
  const before = settings()
  const answer = askPassphrase(kernel, 'Passphrase: ', Number(word) === 0 ? null : Number(word))
  const text = answer.kind === 'typed' ? Buffer.from(answer.bytes).toString() : null
  kernel.write(toFd(2), `${JSON.stringify({ kind: answer.kind, text, isRestored: settings() === before })}\n`)
}
