// Errno: a failure inside the model, before it knows which call it is in.
//
// The door (model-kernel.ts) turns it into the SyscallError that the real kernel would have given.

import type { ErrnoName } from '../../abi/errno.ts'

/** Thrown by the model's inner parts; never leaves ModelKernel. */
export class Errno extends Error {
  readonly code: ErrnoName
  constructor(code: ErrnoName) {
    super(code)
    this.name = 'Errno'
    this.code = code
  }
}
