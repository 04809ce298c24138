// Runs one oracle on the running kernel and says where its answers are not those that are expected.
//
// The process of the oracle is ours alone: it is awaited by its pidfd, killed when it hangs, and reaped by its pid.

import { errnoName } from '../../abi/errno.ts'
import { CLONE_NEWNS, SIGKILL } from '../../abi/process.ts'
import type { Kernel } from '../kernel.ts'
import { waitReadable } from '../wait-readable.ts'
import { answerIn, Script, type Answer, type Oracle } from './script.ts'

const TIME_LIMIT_MS = 20_000

function shown(result: number | null): string {
  if (result === null) return 'not run'
  return result < 0 ? errnoName(-result) : String(result)
}

function fits(result: number | null, answer: Answer): boolean {
  if (result === null) return false
  if (typeof answer === 'number') return result === answer
  return answer === 'ok' ? result >= 0 : result < 0 && errnoName(-result) === answer
}

/** The complaints; none if the kernel answers as expected. `version` as uname(2) says it; `at` an empty directory. */
export function runOracle(kernel: Kernel, oracle: Oracle, version: string, at: string): string[] {
  const script = new Script()
  oracle.build(script, at)
  const table = kernel.startChild(script.rows, { flags: oracle.flags ?? CLONE_NEWNS })
  let ended = waitReadable(kernel, table.pidfd, TIME_LIMIT_MS)
  const hung = !ended
  if (hung) {
    kernel.pidfdSendSignal(table.pidfd, SIGKILL)
    ended = waitReadable(kernel, table.pidfd, TIME_LIMIT_MS)
  }
  kernel.reap(table.pid)
  kernel.close(table.pidfd)
  table.readBack()
  const complaints = hung ? ['hung and was killed'] : []
  let over = false
  for (const { row, call, expected, goOn } of script.expectations) {
    const answer = answerIn(version, expected)
    const result = table.result(row)
    // A row that jumps leaves no result: a child's 0 is not written down.
    if (!fits(result, answer)) complaints.push(`row ${row}, ${call.name}: got ${shown(result)}, wanted ${answer}`)
    over ||= typeof answer === 'string' && answer !== 'ok' && !goOn
    if (over || complaints.length > 0) break
  }
  if (!over && complaints.length === 0) {
    if (!table.finished()) complaints.push('did not come to its end')
    for (const { name, holds } of script.checks) if (!holds()) complaints.push(`not true: ${name}`)
  }
  if (ended) table.release()
  return complaints
}
