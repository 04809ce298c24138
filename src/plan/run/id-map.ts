// Id maps of user namespaces: as text for uid_map(5), and looked up.
//
// Pure.  user_namespaces(7)

import type { IdRange } from '../../facts/run/run-types.ts'

/** '0 100000 65536\n…' */
export const idMapText = (ranges: readonly IdRange[]): string => ranges.map(({ inside, outside, count }) => `${inside} ${outside} ${count}\n`).join('')

/** What the id inside is on the host; null when the map does not have it. */
export function onHost(ranges: readonly IdRange[], id: number): number | null {
  const range = ranges.find(({ inside, count }) => id >= inside && id < inside + count)
  return range === undefined ? null : range.outside + (id - range.inside)
}
