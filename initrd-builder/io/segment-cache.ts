// Keeps compressed segments between builds, by the digest of what was compressed and how.
//
// The binary with Node inside and the kernel's modules are nearly all of an image, change with a release or a
// kernel only, and compressing them takes nearly all of the time. A cache that cannot be read or written is a
// warning, never an error.

import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from './atomic-file.ts'

/** Bytes of segments kept: a few versions, kernels and compressors. */
const maximumBytes = 512 << 20
const digestSize = 32

/** Where the cache is, from the environment: $FULCRUM_CACHE, $XDG_CACHE_HOME/fulcrum or ~/.cache/fulcrum. */
export function cacheDirectory(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (env['FULCRUM_CACHE']) return env['FULCRUM_CACHE']
  if (env['XDG_CACHE_HOME']) return join(env['XDG_CACHE_HOME'], 'fulcrum')
  return env['HOME'] ? join(env['HOME'], '.cache', 'fulcrum') : undefined
}

export interface CachedSegment {
  readonly data: Buffer
  readonly hit: boolean
}

/** The compressed form of `archive`: from the cache, or made by `make` and kept. */
export async function cachedSegment(
  directory: string | undefined,
  identity: string,
  archive: Buffer,
  make: () => Promise<Buffer>,
  warn: (message: string) => void,
): Promise<CachedSegment> {
  if (directory === undefined) return { data: await make(), hit: false }
  const segments = join(directory, 'segments')
  const key = createHash('sha256').update(identity).update('\0').update(archive).digest('hex')
  const path = join(segments, `${key}.bin`)
  const kept = await readKept(path)
  if (kept !== undefined) return { data: kept, hit: true }
  const data = await make()
  try {
    await mkdir(segments, { recursive: true })
    await writeFileAtomically(path, [createHash('sha256').update(data).digest(), data])
    await prune(segments)
  } catch (cause) {
    warn(`${cause instanceof Error ? cause.message : String(cause)}, ignoring`)
  }
  return { data, hit: false }
}

/** The file holds the digest of the rest first, so that a damaged one is made anew and not booted. */
async function readKept(path: string): Promise<Buffer | undefined> {
  try {
    const bytes = await readFile(path)
    const data = bytes.subarray(digestSize)
    if (!createHash('sha256').update(data).digest().equals(bytes.subarray(0, digestSize))) return undefined
    const now = new Date()
    await utimes(path, now, now)
    return data
  } catch {
    return undefined
  }
}

async function prune(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter(name => name.endsWith('.bin'))
  const kept = await Promise.all(names.map(async name => ({ name, stats: await stat(join(directory, name)) })))
  kept.sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs)
  let total = 0
  for (const { name, stats } of kept) {
    total += stats.size
    if (total > maximumBytes) await rm(join(directory, name), { force: true })
  }
}
