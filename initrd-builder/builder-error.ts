// The one exception of the builder and the inspector: a sentence for a person and an exit status.
//
// Anything else that is thrown is a mistake in the program. The statuses are those of docs/errors.md.

/** Exit statuses which the builder's errors carry. */
export const exitStatus = { usage: 100, system: 111, refused: 112 } as const

export type BuilderErrorKind = keyof typeof exitStatus

export class BuilderError extends Error {
  override readonly name = 'BuilderError'
  readonly kind: BuilderErrorKind

  constructor(kind: BuilderErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** `ENOENT (No such file or directory)` and its like from what node:fs throws; else the message. */
export function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  if (code === undefined) return cause.message
  return `${code} (${errnoTexts[code] ?? cause.message})`
}

const errnoTexts: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EEXIST: 'File exists',
  EINVAL: 'Invalid argument',
  EIO: 'Input/output error',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  ENOENT: 'No such file or directory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
  EXDEV: 'Invalid cross-device link',
}
