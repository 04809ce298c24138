// SHA-256 of contents, taken once: the manifest tells it, and the cache looks a segment up by those of its files.
//
// The executable alone is 69 MB: a digest of it is a tenth of a build that finds all else in the cache.

import { createHash } from 'node:crypto'

/** The SHA-256 of a content, in hexadecimal. */
export type Digest = (data: Uint8Array) => string

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** The same, remembered by the array and not by its bytes: what it was given must not change afterwards. */
export function rememberingDigest(): Digest {
  const known = new WeakMap<Uint8Array, string>()
  return data => {
    const digest = known.get(data) ?? sha256(data)
    known.set(data, digest)
    return digest
  }
}
