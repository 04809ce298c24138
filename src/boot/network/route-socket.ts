// RouteSocket: makes the changes of rtnetlink.ts, one after the other, and reads what the kernel says of each.
//
// A change is answered before the next one is sent. Whoever has given up an answer takes it for the next question,
// hence the sequence numbers.  rtnetlink(7), netlink(7)

import { isErrno, SyscallError } from '../../kernel/errors.ts'
import type { Fd, Kernel } from '../../kernel/kernel.ts'
import { raw } from '../../kernel/syscall-arg.ts'
import { answerOf, changeText, encodeChange } from './rtnetlink.ts'
import type { NetChange } from './rtnetlink.ts'

const BUFFER_BYTES = 16_384
const ANSWER_MS = 5000
const ETIMEDOUT = 110

export type RouteKernel = Pick<Kernel, 'openRouteSocket' | 'read' | 'write' | 'poll' | 'close'>

export class RouteSocket {
  readonly #kernel: RouteKernel
  readonly #fd: Fd
  readonly #buffer = Buffer.alloc(BUFFER_BYTES)
  #sequence = 0

  constructor(kernel: RouteKernel) {
    this.#kernel = kernel
    this.#fd = kernel.openRouteSocket(0)
  }

  /** Throws SyscallError that reads like the command of ip(8). `device` is its name, for that. */
  apply(change: NetChange, device: string): void {
    const sequence = ++this.#sequence
    this.#kernel.write(this.#fd, encodeChange(change, sequence))
    const errno = this.#answer(sequence)
    if (errno !== 0) throw new SyscallError('rtnetlink', [raw(changeText(change, device))], errno)
  }

  #answer(sequence: number): number {
    for (;;) {
      if (!this.#kernel.poll([this.#fd], ANSWER_MS).some(({ revents }) => revents !== 0)) return ETIMEDOUT
      try {
        const length = this.#kernel.read(this.#fd, this.#buffer, null)
        const errno = answerOf(this.#buffer.subarray(0, length), sequence)
        if (errno !== null) return errno
      } catch (error) {
        if (!isErrno(error, 'EAGAIN', 'EINTR')) throw error
      }
    }
  }

  close(): void {
    this.#kernel.close(this.#fd)
  }
}
