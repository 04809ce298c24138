// dm-verity's hashes for a disk image, the two as partitions of one disk, and a copy of the image with one bit flipped. veritysetup needs no kernel for that:
// the hashes are made on the host, with a fixed salt, and kept in the cache. Man page: veritysetup(8).
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
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

const MIB = 1 << 20
/** Discoverable Partitions Specification: root and root-verity of x86-64. */
const TYPES = ['4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709', '2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5'] as const

/** A disk as systemd-repart(8) makes it: data and hashes are partitions of their types, whose UUIDs are halves of the root hash. */
export function verityGptDisk(data: string): VerityDisk {
  const { path: hashes, rootHash } = verityDisk(data)
  const path = join(cacheDirectory('disks'), `verity-gpt-${keyOf('1', basename(data))}.img`)
  if (existsSync(path)) return { path, rootHash }
  const uuids = [rootHash.slice(0, 32), rootHash.slice(-32)].map((half) => half.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))
  makeAtomically(path, (temporary) => {
    let at = 1
    const parts = [data, hashes].map((content, i) => {
      const [start, size] = [at, Math.ceil(statSync(content).size / MIB)]
      at += size
      return { content, start, line: `start=${start * 2048}, size=${size * 2048}, type=${TYPES[i] ?? ''}, uuid=${uuids[i] ?? ''}` }
    })
    writeFileSync(temporary, '')
    truncateSync(temporary, (at + 1) * MIB)
    runTool('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', temporary], { input: ['label: gpt', ...parts.map(({ line }) => line), ''].join('\n') })
    for (const { content, start } of parts) runTool('dd', [`if=${content}`, `of=${temporary}`, 'bs=1M', `seek=${start}`, 'conv=notrunc,sparse', 'status=none'])
  })
  return { path, rootHash }
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
