// Why a mount of the root or /usr may have failed, in words for a person.
//
// Apart from root-search.ts, which does it.

import { describeDevices } from '../facts/block/describe-devices.ts'
import type { FoundRoot } from './storage/context.ts'

/** What usually is behind a mount that failed, from what was read of the device. */
export function diagnosis(found: FoundRoot, types: readonly string[], failures: readonly string[]): string[] {
  const lines = [...failures]
  if (found.kind === 'block') {
    const { superblock } = found.device
    if (superblock?.damaged !== null && superblock?.damaged !== undefined) lines.push(`${found.source}: ${superblock.damaged}`)
    if (superblock !== null && !types.includes(superblock.type)) lines.push(`${found.source} holds '${superblock.type}', asked for was '${types.join(',')}'`)
    lines.push(...describeDevices([found.device]))
  }
  return lines
}
