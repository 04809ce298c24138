// dm-verity's hashes for a disk image, and a copy of the image with one bit flipped. veritysetup needs no kernel for that:
// the hashes are made on the host, with a fixed salt, and kept in the cache. Man page: veritysetup(8).
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirectory, makeAtomically } from '../../scripts/setup/cache.ts'
import { runTool } from '../../scripts/setup/run-tool.ts'

const SALT = '0f0c'.repeat(16)
const UUID = '0f0c0000-0000-4000-8000-00000000e217'

export interface VerityDisk {
  /** The hash device. */
  readonly path: string
  readonly rootHash: string
}

function keyOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)
}

/** Hashes of an image of the cache, whose name changes with its contents. */
export function verityDisk(data: string): VerityDisk {
  const path = join(cacheDirectory('disks'), `verity-${keyOf('1', basename(data))}.img`)
  const hashPath = `${path}.roothash`
  if (!existsSync(path) || !existsSync(hashPath)) {
    makeAtomically(path, (temporary) => {
      const said = runTool('veritysetup', ['format', `--salt=${SALT}`, `--uuid=${UUID}`, data, temporary])
      writeFileSync(hashPath, /^Root hash:\s*([0-9a-f]+)$/m.exec(said)?.[1] ?? '')
    })
  }
  return { path, rootHash: readFileSync(hashPath, 'utf8') }
}

/** A copy of an image with a bit flipped in the middle of this file's content, which must lie in one piece there. */
export function flippedDisk(image: string, file: string): string {
  const path = join(cacheDirectory('disks'), `flipped-${keyOf('2', basename(image), basename(file))}.img`)
  if (existsSync(path)) return path
  makeAtomically(path, (temporary) => {
    const bytes = readFileSync(image)
    const content = readFileSync(file)
    // Zeros and tables of a program can be anywhere: a piece that is in the image once.
    let at = -1
    for (let from = content.length >> 1; at < 0 && from + 256 < content.length; from += 256) {
      const piece = content.subarray(from, from + 256)
      const found = bytes.indexOf(piece)
      if (found >= 0 && bytes.indexOf(piece, found + 1) < 0) at = found
    }
    if (at < 0) throw new Error(`Cannot find the content of '${file}' in '${image}'`)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(temporary, bytes)
  })
  return path
}
