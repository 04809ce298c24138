// Parser of `--include FILE[:DEST]`: what to include and where it goes.
//
// Used for the flag and for fulcrum.toml, so that both mean the same. See fulcrum-build(1).

import { BuilderError } from '../builder-error.ts'
import type { IncludeOption } from '../options.ts'

/** Marks a file of the sysroot instead of the running system. */
export const sysrootPrefix = 'sysroot:'

/** Parses `FILE[:DEST]` and `sysroot:FILE[:DEST]`. A destination begins with `/`, so a FILE may hold other colons. */
export function parseInclude(text: string): IncludeOption {
  const prefix = text.startsWith(sysrootPrefix) ? sysrootPrefix.length : 0
  const colon = text.indexOf(':/', prefix)
  const source = colon < 0 ? text : text.slice(0, colon)
  if (source.length === prefix) throw new BuilderError('usage', `Cannot include '${text}': it names no file`)
  return colon < 0 ? { source } : { source, destination: text.slice(colon + 1) }
}
