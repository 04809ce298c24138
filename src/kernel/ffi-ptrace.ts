// Tracee: another process, stopped, with its registers in hand.
//
// Seized without a signal and stopped by PTRACE_INTERRUPT, so that it notices nothing. Every request comes from the
// thread that seized it: ours, the main one. Signals that arrive meanwhile are held back and sent again at the end;
// nothing is waited for without a limit.  ptrace(2), x86-64.

import { SIGTRAP, WALL, WNOHANG } from '../abi/process.ts'
import {
  PTRACE_CONT, PTRACE_DETACH, PTRACE_EVENT_EXEC, PTRACE_EVENT_STOP, PTRACE_GETREGS, PTRACE_GETSIGMASK, PTRACE_INTERRUPT,
  PTRACE_O_TRACEEXEC, PTRACE_O_TRACESYSGOOD, PTRACE_SEIZE, PTRACE_SETREGS, PTRACE_SETSIGMASK, PTRACE_SYSCALL, REGISTERS,
} from '../abi/ptrace.ts'
import { SYS_PTRACE } from '../abi/raw-syscalls.ts'
import { SyscallError } from './errors.ts'
import type { Libc } from './ffi-libc.ts'
import { raw } from './syscall-arg.ts'

const ESRCH = 3
const ETIMEDOUT = 110
/** The kernel's sigset_t. */
const SIGSET_BYTES = 8
const STOPPED = 0x7f
const SYSCALL_STOP = SIGTRAP | 0x80
/** How long one stop may be waited for: an execve reads from the disk. */
const LIMIT_MS = 10_000
/** Waits that only yield before the first real sleep: most stops come at once. */
const SPINS = 200

/** Why it stopped: asked to (or by job control), at the begin or end of a system call, after an execve. */
export type Stop = 'asked' | 'syscall' | 'exec'

const sleepCell = new Int32Array(new SharedArrayBuffer(4))

export class Tracee {
  readonly #libc: Libc
  readonly #pid: number
  readonly #held: number[] = []

  /** Seizes the process; it runs on. Throws SyscallError ptrace: EPERM, ESRCH. */
  constructor(libc: Libc, pid: number) {
    this.#libc = libc
    this.#pid = pid
    this.#request('PTRACE_SEIZE', PTRACE_SEIZE, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC)
  }

  #request(name: string, request: number, address: number, data: number): void {
    this.#libc.call('ptrace', 'long syscall(long, long, long, long, long)', [SYS_PTRACE, request, this.#pid, address, data], [raw(name), this.#pid])
  }

  #transfer(name: string, request: number, address: number, data: Buffer): void {
    this.#libc.call('ptrace', 'long syscall(long, long, long, long, void *)', [SYS_PTRACE, request, this.#pid, address, data], [raw(name), this.#pid])
  }

  /** Waits for the next stop that means something; others are stepped over with `resume`. */
  #await(resume: number, hold: boolean): Stop {
    const status = Buffer.alloc(4)
    const deadline = performance.now() + LIMIT_MS
    for (let tries = 0; ; tries++) {
      const found = this.#libc.call('waitpid', 'int waitpid(int, void *, int)', [this.#pid, status, WNOHANG | WALL], [this.#pid])
      if (found === 0) {
        if (performance.now() > deadline) throw new SyscallError('ptrace', [raw('a stop'), this.#pid], ETIMEDOUT)
        if (tries > SPINS) Atomics.wait(sleepCell, 0, 0, 1)
        continue
      }
      const word = status.readInt32LE(0)
      if ((word & 0xff) !== STOPPED) throw new SyscallError('ptrace', [raw('a stop'), this.#pid], ESRCH)
      const signal = (word >> 8) & 0xff
      const event = word >> 16
      if (signal === SYSCALL_STOP) return 'syscall'
      if (event === PTRACE_EVENT_EXEC) return 'exec'
      if (event === PTRACE_EVENT_STOP) return 'asked'
      // A signal is about to be delivered.
      if (hold) this.#held.push(signal)
      this.#request('PTRACE_CONT', resume, 0, hold ? 0 : signal)
    }
  }

  /** Stops it at the next place where it could also take a signal; a call that it waits in is interrupted. */
  stop(): void {
    this.#request('PTRACE_INTERRUPT', PTRACE_INTERRUPT, 0, 0)
    // What it was to get anyway, it gets before.
    while (this.#await(PTRACE_CONT, false) !== 'asked') this.#request('PTRACE_CONT', PTRACE_CONT, 0, 0)
  }

  /** From one end of a system call: on to the next place of that kind. */
  toSyscall(): Stop {
    for (;;) {
      this.#request('PTRACE_SYSCALL', PTRACE_SYSCALL, 0, 0)
      const stop = this.#await(PTRACE_SYSCALL, true)
      if (stop !== 'asked') return stop
    }
  }

  /** Stopped at the end of a call: goes on to where `stop` stops, before anything of its own program runs. */
  restop(): void {
    this.#request('PTRACE_INTERRUPT', PTRACE_INTERRUPT, 0, 0)
    do this.#request('PTRACE_CONT', PTRACE_CONT, 0, 0)
    while (this.#await(PTRACE_CONT, true) !== 'asked')
  }

  registers(): BigInt64Array {
    const buffer = Buffer.alloc(REGISTERS * 8)
    this.#transfer('PTRACE_GETREGS', PTRACE_GETREGS, 0, buffer)
    return BigInt64Array.from({ length: REGISTERS }, (_, i) => buffer.readBigInt64LE(i * 8))
  }

  setRegisters(registers: BigInt64Array): void {
    const buffer = Buffer.alloc(REGISTERS * 8)
    registers.forEach((value, i) => buffer.writeBigInt64LE(value, i * 8))
    this.#transfer('PTRACE_SETREGS', PTRACE_SETREGS, 0, buffer)
  }

  signalMask(): Buffer {
    const mask = Buffer.alloc(SIGSET_BYTES)
    this.#transfer('PTRACE_GETSIGMASK', PTRACE_GETSIGMASK, SIGSET_BYTES, mask)
    return mask
  }

  setSignalMask(mask: Buffer): void {
    this.#transfer('PTRACE_SETSIGMASK', PTRACE_SETSIGMASK, SIGSET_BYTES, mask)
  }

  /**
   * Lets it go, and sends what was held back. Never throws: it may have ended, and one that still runs (a call that
   * did not come to its end within the limit) is let go when this program ends.
   */
  detach(): void {
    const released = this.#libc.raw('long syscall(long, long, long, long, long)', SYS_PTRACE, PTRACE_DETACH, this.#pid, 0, 0) === 0
    if (released) for (const signal of this.#held) this.#libc.raw('int kill(int, int)', this.#pid, signal)
  }
}
