// SyscallArg: an argument of a system call as a SyscallError keeps and prints it.
//
// A file of its own because both the errors and the hints read it.  strace(1) is the model.

/** A string is printed quoted, a Raw as it is (flag names, octal modes), null as NULL. */
export type SyscallArg = string | number | bigint | null | Raw

export interface Raw {
  readonly raw: string
}

/** Text that is printed without quotes. */
export function raw(text: string): Raw {
  return { raw: text }
}
