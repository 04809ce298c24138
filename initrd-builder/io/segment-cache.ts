// Keeps compressed segments between builds, by the digest of what was compressed and how.
//
// The binary with Node inside and the kernel's modules are nearly all of an image, change with a release or a
// kernel only, and compressing them takes nearly all of the time. A cache that cannot be read or written is a
// warning, never an error.

import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from './atomic-file.ts'
import { sha256, type Digest } from './digest.ts'

/** Bytes of segments kept: a few versions, kernels and compressors. */
const maximumBytes = 512 << 20
const digestSize = 32
/** Chunks from this length on go into a key by their digest, which the manifest takes anyway. */
const longChunk = 1024

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

/** The name of what is made of these chunks: of each its length, and its bytes or, where it is a file's content, their digest. */
function keyOf(identity: string, archive: readonly Uint8Array[], digest: Digest): string {
  const key = createHash('sha256').update(`${identity}\0`)
  for (const chunk of archive) key.update(`${chunk.length} `).update(chunk.length < longChunk ? chunk : digest(chunk))
  return key.digest('hex')
}

/** The compressed form of `archive`, given in chunks: from the cache, or made by `make` and kept. */
export async function cachedSegment(
  directory: string | undefined,
  identity: string,
  archive: readonly Uint8Array[],
  make: () => Promise<Buffer>,
  warn: (message: string) => void,
  digest: Digest = sha256,
): Promise<CachedSegment> {
  if (directory === undefined) return { data: await make(), hit: false }
  const segments = join(directory, 'segments')
  const path = join(segments, `${keyOf(identity, archive, digest)}.bin`)
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
