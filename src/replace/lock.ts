// One replacement at a time: two at once would each lift what the other has put there.
//
// A lock on a file in /run, which goes with the process. Other programs that mount at the same place do not know it:
// against them each step looks again.  flock(2)

import { LOCK_EX, LOCK_NB, O_CREAT, O_RDWR } from '../abi/process.ts'
import { REPLACE_DIRECTORY } from '../facts/replace/replace-types.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

const FILE = `${REPLACE_DIRECTORY}.lock`
const WAIT_MS = 30_000
const STEP_MS = 20

/** Runs `body` while no other replacement runs. Throws Error when another one takes longer than 30 s. */
export function withReplaceLock<T>(kernel: Kernel, body: () => T): T {
  attempt(() => kernel.mkdir(FILE.slice(0, FILE.lastIndexOf('/')), 0o755))
  const fd = attempt(() => kernel.open(FILE, O_RDWR | O_CREAT, 0o600))
  // No /run to write to: there is nobody to agree with.
  if (fd === null) return body()
  try {
    for (let waited = 0; ; waited += STEP_MS) {
      try {
        kernel.flock(fd, LOCK_EX | LOCK_NB)
        break
      } catch (error) {
        if (!isErrno(error, 'EAGAIN', 'EWOULDBLOCK', 'EINTR')) throw error
        if (waited >= WAIT_MS) throw new Error(`Cannot lock '${FILE}': another fulcrum replace is at work`)
        kernel.sleepMs(STEP_MS)
      }
    }
    return body()
  } finally {
    kernel.close(fd)
  }
}
