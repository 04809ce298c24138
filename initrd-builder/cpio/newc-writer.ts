// Writer of newc cpio archives, the format of an initramfs.
//
// Written by hand, as no npm package does hard links and devices, and since the same input has to
// give the same bytes: what a file system would leak (inode numbers, times, owners) the caller sets.

import { align4, headerSize, S_IFREG, trailerName, type CpioEntry } from './newc-entry.ts'

const encoder = new TextEncoder()

/**
 * The archive as a sequence of chunks, contents passed through without a copy. Entries are written in
 * the order given; the kernel makes no parents, so a directory has to come before what is in it.
 * Throws RangeError if a number or a content does not fit into the format's 32 bits.
 */
export function* writeNewc(entries: Iterable<CpioEntry>): Generator<Uint8Array> {
  for (const entry of entries) yield* writeEntry(entry)
  yield* writeEntry({
    path: trailerName, mode: 0, uid: 0, gid: 0, inode: 0, nlink: 1, mtime: 0, rdevMajor: 0, rdevMinor: 0,
    data: new Uint8Array(),
  })
}

function* writeEntry(entry: CpioEntry): Generator<Uint8Array> {
  const name = encoder.encode(entry.path)
  const fields = [
    entry.inode, entry.mode, entry.uid, entry.gid, entry.nlink, entry.mtime, entry.data.length,
    0, 0, entry.rdevMajor, entry.rdevMinor, name.length + 1, 0,
  ]
  const header = new Uint8Array(align4(headerSize + name.length + 1))
  header.set(encoder.encode('070701' + fields.map(field => hex8(field, entry.path)).join('')))
  header.set(name, headerSize)
  yield header
  if (entry.data.length === 0) return
  yield entry.data
  const padding = align4(entry.data.length) - entry.data.length
  if (padding > 0) yield new Uint8Array(padding)
}

function hex8(value: number, path: string): string {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new RangeError(`Cannot write '${path}' to a newc archive: ${value} does not fit into 32 bits`)
  }
  return value.toString(16).padStart(8, '0')
}

/** What a caller says of a file; numbers that follow from the order are the writer's to give. */
export interface CpioSource {
  readonly path: string
  readonly mode: number
  readonly data?: Uint8Array
  readonly rdevMajor?: number
  readonly rdevMinor?: number
  /** Sources with the same key become hard links of one file; their data is the same. */
  readonly linkKey?: string
}

/**
 * Turns sources into entries for a reproducible archive: sorted by the bytes of their paths (so that
 * parents come first), owned by root, inode numbers counted from 1, one time for all.
 * `mtime` is in seconds: SOURCE_DATE_EPOCH or 0.
 */
export function arrangeEntries(sources: readonly CpioSource[], mtime: number): CpioEntry[] {
  const sorted = [...sources].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  const members = new Map<string, CpioSource[]>()
  for (const source of sorted) {
    const key = keyOf(source)
    const list = members.get(key)
    if (list === undefined) members.set(key, [source])
    else list.push(source)
  }
  const inodes = new Map([...members.keys()].map((key, index) => [key, index + 1]))
  return sorted.map(source => {
    const key = keyOf(source)
    const group = members.get(key) ?? [source]
    // The kernel and GNU cpio both take the content from the last link of a file.
    const data = group.at(-1) === source ? (source.data ?? new Uint8Array()) : new Uint8Array()
    return {
      path: source.path, mode: source.mode, uid: 0, gid: 0, inode: inodes.get(key) ?? 0, nlink: group.length,
      mtime, rdevMajor: source.rdevMajor ?? 0, rdevMinor: source.rdevMinor ?? 0, data,
    }
  })
}

function keyOf(source: CpioSource): string {
  return source.linkKey === undefined ? `path:${source.path}` : `link:${source.linkKey}`
}

/** A regular file's full mode from its permission bits. */
export function regularMode(permissions: number): number {
  return S_IFREG | (permissions & 0o7777)
}
