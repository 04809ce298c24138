// Which ids of the host a container gets when it is to have a range of its own.
//
// The same place for the same name, as far as nobody else runs there, so that files made by it keep their owner over
// restarts on a root that cannot be idmapped. The area is that of systemd-nspawn -U.  user_namespaces(7)

import type { IdRange } from '../../facts/run/run-types.ts'

const FIRST = 0x80000
const LAST = 0x6fff0000
export const RANGE_IDS = 65536
const SLOTS = (LAST - FIRST) / RANGE_IDS + 1

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0
  return value
}

/** 65536 ids from a multiple of 65536 on, none of which is in `taken`; null when all are. */
export function pickRange(name: string, taken: readonly IdRange[]): IdRange | null {
  for (let tried = 0; tried < SLOTS; tried += 1) {
    const outside = FIRST + ((hash(name) + tried) % SLOTS) * RANGE_IDS
    if (taken.every((it) => it.outside + it.count <= outside || outside + RANGE_IDS <= it.outside)) return { inside: 0, outside, count: RANGE_IDS }
  }
  return null
}
