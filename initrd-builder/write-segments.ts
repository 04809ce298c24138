// Turns the collected tree into the image's segments, each an archive, compressed, with its padding.
//
// Microcode comes first and plain, since the kernel reads it before it can unpack anything; then what changes
// with a release, what changes with the kernel, what is compressed already (modules, the copy for keep slim), and
// the rest, so that the first two come out of the cache.

import { readFileSync } from 'node:fs'
import type { CompressorName } from './compressor-names.ts'
import type { CpioEntry } from './cpio/newc-entry.ts'
import { arrangeEntries, writeNewc, type CpioSource } from './cpio/newc-writer.ts'
import { segmentSources, type ImageEntry, type SegmentName } from './image/image-tree.ts'
import { imageEnd } from './image/skeleton.ts'
import { microcodeSources, microcodeVendors } from './image/microcode.ts'
import { compress, compressorIdentity } from './io/compress.ts'
import type { Digest } from './io/digest.ts'
import { cachedSegment } from './io/segment-cache.ts'
import type { Sysroot } from './io/sysroot.ts'

/** One segment of the image written. */
export interface SegmentResult {
  readonly name: 'microcode' | SegmentName
  readonly compressor: CompressorName
  /** Bytes before compression. */
  readonly unpacked: number
  /** Bytes in the image. */
  readonly packed: number
  readonly cached: boolean
}

/**
 * The early segment's sources: all microcode of the sysroot, or for one machine that of its vendor only. Empty
 * if there is none.
 */
export function readMicrocode(sysroot: Sysroot, mode: 'generic' | 'host'): CpioSource[] {
  const vendor = mode === 'host' ? /^vendor_id\s*:\s*(\S+)/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] : undefined
  const contents = new Map<string, Uint8Array>()
  for (const { directory, name, files } of microcodeVendors) {
    if (vendor !== undefined && !name.startsWith(vendor)) continue
    const found = sysroot.list(directory).filter(file => files.test(file))
    const parts = found.flatMap(file => sysroot.readIfThere(`${directory}/${file}`) ?? [])
    if (parts.length > 0) contents.set(name, Buffer.concat(parts))
  }
  return microcodeSources(contents)
}

/** How segments are to be made. */
export interface SegmentContext {
  readonly mtime: number
  readonly compressor: CompressorName
  readonly cache: string | undefined
  readonly warn: (message: string) => void
  readonly progress: (step: string) => void
  /** Knows the contents that were asked for before. */
  readonly digest: Digest
}

/** One finished segment. */
export interface Segment {
  readonly chunks: readonly Uint8Array[]
  readonly result: SegmentResult
}

/** Archives and compresses the entries. The chunks of all segments, one after the other, are the image. */
export async function makeSegments(
  entries: readonly ImageEntry[], microcode: readonly CpioSource[], context: SegmentContext,
): Promise<Segment[]> {
  const { compressor, mtime, progress } = context
  const archiveOf = (sources: readonly CpioSource[]): Uint8Array[] => [...writeNewc(endLast(arrangeEntries(sources, mtime)))]
  const segments: Segment[] = []
  if (microcode.length > 0) {
    const archive = archiveOf(microcode)
    segments.push(padded(archive, { name: 'microcode', compressor: 'none', unpacked: lengthOf(archive), cached: false }))
  }
  for (const name of ['constant', 'modules', 'packed', 'kept', 'variable'] as const) {
    const sources = segmentSources(entries, name)
    const isCompressed = name === 'packed' || name === 'kept'
    if (isCompressed && sources.length === 0) continue
    const archive = archiveOf(sources)
    const unpacked = lengthOf(archive)
    if (isCompressed || compressor === 'none') {
      segments.push(padded(archive, { name, compressor: 'none', unpacked, cached: false }))
      continue
    }
    progress(`compressing the ${name} segment by ${compressor}`)
    // The variable segment is small and never the same.
    const cache = name === 'variable' ? undefined : context.cache
    const make = (): Promise<Buffer> => compress(compressor, Buffer.concat(archive))
    const { data, hit } = await cachedSegment(cache, compressorIdentity(compressor), archive, make, context.warn, context.digest)
    segments.push(padded([data], { name, compressor, unpacked, cached: hit }))
  }
  return segments
}

/** Bytes of all chunks together. */
export function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}

/** The mark of the end really comes last: it is unpacked only if everything was. */
function endLast(entries: readonly CpioEntry[]): CpioEntry[] {
  const isEnd = (entry: CpioEntry): boolean => `/${entry.path}` === imageEnd
  return [...entries.filter(entry => !isEnd(entry)), ...entries.filter(isEnd)]
}

/**
 * Ends a segment with four to seven zero bytes, up to a multiple of four. The kernel's unpacker passes over
 * zeros between segments and wants an uncompressed archive to begin at a multiple of four; an lz4 stream
 * has no other end than a zero chunk size.
 */
function padded(chunks: readonly Uint8Array[], result: Omit<SegmentResult, 'packed'>): Segment {
  const length = lengthOf(chunks)
  const padding = new Uint8Array(8 - (length % 4 === 0 ? 4 : length % 4))
  return { chunks: [...chunks, padding], result: { ...result, packed: length + padding.length } }
}
