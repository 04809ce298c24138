// The C library's functions as koffi sees them.
//
// The only file besides its siblings ffi-*.ts that touches koffi (law 1). Functions are declared on
// first use: PID 1 pays for those it calls. A failing call is turned into a SyscallError at once,
// because koffi.errno() is only valid right behind the call.

import * as koffi from 'koffi'
import { syscallNumbers } from '../abi/syscalls.ts'
import type { SyscallNumbers } from '../abi/syscalls.ts'
import { SyscallError } from './errors.ts'
import type { SyscallArg } from './errors.ts'

type Native = (...args: unknown[]) => unknown

/** A C library with lazily declared functions. */
export class Libc {
  readonly #library = koffi.load(null)
  readonly #functions = new Map<string, Native>()
  readonly numbers: SyscallNumbers

  constructor(arch: string) {
    const numbers = syscallNumbers(arch)
    if (numbers === undefined) throw new Error(`Cannot run on architecture '${arch}': no system call table`)
    this.numbers = numbers
  }

  #function(definition: string): Native {
    let found = this.#functions.get(definition)
    if (found === undefined) {
      found = this.#library.func(definition)
      this.#functions.set(definition, found)
    }
    return found
  }

  /** Calls a function and returns what it returned, whatever that means. */
  raw(definition: string, ...args: unknown[]): number {
    return Number(this.#function(definition)(...args))
  }

  /** Calls a function that answers -1 and errno on failure; `name` and `shown` are for the SyscallError. */
  call(name: string, definition: string, args: unknown[], shown: readonly SyscallArg[]): number {
    const result = Number(this.#function(definition)(...args))
    if (result === -1) throw new SyscallError(name, shown, koffi.errno())
    return result
  }

  /** Calls syscall(2) with six integer arguments. */
  syscall(name: keyof SyscallNumbers, args: readonly (number | bigint)[], shown: readonly SyscallArg[]): number {
    const padded = [0, 0, 0, 0, 0, 0].map((zero, i) => args[i] ?? zero)
    return this.call(name, 'long syscall(long, long, long, long, long, long, long)', [this.numbers[name], ...padded], shown)
  }

  /** Watches a descriptor from Node's event loop; see Kernel.onReadable. */
  onReadable(fd: number, callback: () => void): () => void {
    const handle = koffi.node.poll(fd, { readable: true }, callback)
    return () => handle.close()
  }

  /** errno of the call just made. */
  errno(): number {
    return koffi.errno()
  }
}
