// A root that is named as the LUKS partition itself, by its PARTUUID or its type: what is inside of it is meant.
//
// What opens it is the assembler of luks.ts, while the wait for the inside goes on.  Discoverable Partitions Specification

import type { RootSpec } from '../../facts/block/root-spec.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { findTool } from '../tool.ts'
import type { FoundRoot } from './context.ts'

/** What to wait for instead of `found`; null where that is no LUKS, or the image cannot open it. */
export function insideOf(kernel: Pick<Kernel, 'exists'>, found: FoundRoot): RootSpec | null {
  if (found.kind !== 'block' || found.device.superblock?.type !== 'crypto_LUKS' || findTool(kernel, 'cryptsetup') === undefined) return null
  return { kind: 'inside', name: found.device.name }
}
