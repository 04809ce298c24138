// Asynchronous work on many things, a few at a time: more than there are processors only takes memory.
//
// A zstd of level 9 holds some ten megabytes while it runs, and an image has hundreds of modules.

import { availableParallelism } from 'node:os'

/** The results in the order of `items`; `lane` is below `limit`, and no two calls have the same at a time. Rejects with the first failure. */
export async function mapLimited<T, R>(items: readonly T[], work: (item: T, lane: number) => Promise<R>, limit = availableParallelism()): Promise<R[]> {
  const results: R[] = []
  // Everybody takes the next one from the same iterator.
  const waiting = items.entries()
  const worker = async (lane: number): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await work(item, lane)
  }
  await Promise.all(Array.from({ length: Math.max(1, limit) }, (_, lane) => worker(lane)))
  return results
}
