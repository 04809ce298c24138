// The SyscallError of a call that must fail, for tests that look at it.
//
// Not part of the program.

import { SyscallError } from './errors.ts'

/** Throws what else is thrown, and if nothing is. */
export function errorOf(body: () => void): SyscallError {
  try {
    body()
  } catch (error) {
    if (error instanceof SyscallError) return error
    throw error
  }
  throw new Error('it did not fail')
}
