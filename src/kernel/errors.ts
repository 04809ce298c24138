// SyscallError: a failed system call that prints like strace, with a hint where one is known.
//
// One class for every failure of the kernel, made in one place (the FFI file and the model kernel),
// so that the rescue console, --json output and tests all read the same fields.

import { errnoName, errnoNumber, errnoText } from '../abi/errno.ts'
import { hintFor } from './hints.ts'
import type { SyscallArg } from './syscall-arg.ts'

export type { SyscallArg }

function show(arg: SyscallArg): string {
  if (arg === null) return 'NULL'
  if (typeof arg === 'string') return JSON.stringify(arg)
  if (typeof arg === 'object') return arg.raw
  return String(arg)
}

/** A system call that returned an error. `message` reads `mount("x", "/y", …): EINVAL (Invalid argument)`. */
export class SyscallError extends Error {
  readonly syscall: string
  readonly args: readonly SyscallArg[]
  readonly errno: number
  /** Symbolic name, 'EINVAL'. */
  readonly code: string
  /** What usually is behind this errno of this call, or undefined. */
  readonly hint: string | undefined

  /** `said`: what the kernel itself says about it, in place of a hint. */
  constructor(syscall: string, args: readonly SyscallArg[], errno: number, said?: string) {
    super(`${syscall}(${args.map(show).join(', ')}): ${errnoName(errno)} (${errnoText(errno)})`)
    this.name = 'SyscallError'
    this.syscall = syscall
    this.args = args
    this.errno = errno
    this.code = errnoName(errno)
    this.hint = said ?? hintFor(syscall, this.code, args)
  }
}

/** True for a SyscallError with one of these codes: `isErrno(e, 'ENOENT', 'ENOTDIR')`. */
export function isErrno(error: unknown, ...codes: string[]): error is SyscallError {
  return error instanceof SyscallError && codes.includes(error.code)
}

/** The value of system calls that may fail: null when one did. Anything else that is thrown passes through. */
export function attempt<T>(body: () => T): T | null {
  try {
    return body()
  } catch (error) {
    if (error instanceof SyscallError) return null
    throw error
  }
}

/** Turns an exception of node:fs (which has `code` and `syscall`) into a SyscallError; anything else passes through. */
export function fromNodeError(error: unknown, args: readonly SyscallArg[]): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  const errno = errnoNumber(error.code)
  if (errno === undefined) return error
  const syscall = 'syscall' in error && typeof error.syscall === 'string' ? error.syscall : 'fs'
  return new SyscallError(syscall, args, errno)
}

/** One line for any thrown value: the message, and the hint behind it where there is one. */
export function errorLine(error: unknown): string {
  if (error instanceof SyscallError) return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
  return error instanceof Error ? error.message : String(error)
}
