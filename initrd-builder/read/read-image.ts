// Reads an initramfs of any maker: its chain of archives, and the tree that the kernel would make of them.
//
// What init/initramfs.c does, with errors for a person: archives plain or compressed, zeros between them,
// later members over earlier ones, paths through symbolic links followed inside the image.

import { readFileSync } from 'node:fs'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { BuilderError, describeCause } from '../builder-error.ts'
import { isNewcAt, readNewc, CpioError } from '../cpio/newc-reader.ts'
import type { CpioEntry } from '../cpio/newc-entry.ts'
import { runFilter } from '../io/tools.ts'
import { decodeLz4Legacy, Lz4Error } from './lz4-legacy.ts'
import { mergeSegments, type ImageFile } from './merge-segments.ts'
import { compressedForm, xzEnd, zstdFrameEnds, type CompressedForm } from './stream-end.ts'

/** One archive, or several in one compressed stream, of an image. */
export interface ReadSegment {
  /** Where it begins in the file. */
  readonly offset: number
  readonly form: CompressedForm | 'none'
  /** Bytes in the file, without the zeros after it. */
  readonly packed: number
  /** Bytes of archive. */
  readonly unpacked: number
  readonly entries: readonly CpioEntry[]
}

/** An image that was read wholly. */
export interface ReadImage {
  readonly path: string
  readonly bytes: number
  readonly segments: readonly ReadSegment[]
  /** The resulting tree by absolute path, sorted. */
  readonly files: ReadonlyMap<string, ImageFile>
}

/** Reads the image file at `path`. Throws BuilderError if it cannot be read, is cut short, or is no initramfs. */
export async function readImage(path: string): Promise<ReadImage> {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new BuilderError('system', `Cannot open image '${path}': ${describeCause(cause)}`, { cause })
  }
  const segments = await readSegments(bytes, path)
  return { path, bytes: bytes.length, segments, files: mergeSegments(segments.map(segment => segment.entries)) }
}

/** The segments of an image held in memory; `name` is for messages. */
export async function readSegments(bytes: Buffer, name: string): Promise<ReadSegment[]> {
  const segments: ReadSegment[] = []
  let offset = skipZeros(bytes, 0)
  while (offset < bytes.length) {
    const segment = await readSegment(bytes, offset, name, segments.length)
    segments.push(segment)
    offset = skipZeros(bytes, offset + segment.packed)
  }
  if (segments.length === 0) throw new BuilderError('system', `Cannot read image '${name}': there is nothing in it`)
  return segments
}

async function readSegment(bytes: Buffer, offset: number, name: string, index: number): Promise<ReadSegment> {
  const where = `segment ${index + 1} at byte ${offset}`
  try {
    if (isNewcAt(bytes, offset)) {
      const { entries, end } = readNewc(bytes, offset)
      return { offset, form: 'none', packed: end - offset, unpacked: end - offset, entries }
    }
    const form = compressedForm(bytes, offset)
    if (form === undefined) {
      const known = index === 0 ? 'it is no initramfs' : `after ${index} good ones there is something else`
      throw new BuilderError('system', `Cannot read image '${name}': ${where} is neither a cpio archive nor compressed: ${known}`)
    }
    const { data, end } = await unpack(form, bytes, offset)
    return { offset, form, packed: end - offset, unpacked: data.length, entries: readArchives(data) }
  } catch (cause) {
    if (cause instanceof BuilderError && cause.message.startsWith('Cannot read image')) throw cause
    const detail = cause instanceof CpioError ? cause.message.replace('Cannot read cpio archive: ', '') : describeCause(cause)
    throw new BuilderError('system', `Cannot read image '${name}': ${where}: ${detail}`, { cause })
  }
}

/** All archives in one decompressed stream. */
function readArchives(data: Buffer): CpioEntry[] {
  const entries: CpioEntry[] = []
  let offset = skipZeros(data, 0)
  while (offset < data.length) {
    const archive = readNewc(data, offset)
    entries.push(...archive.entries)
    offset = skipZeros(data, archive.end)
  }
  return entries
}

class TruncatedError extends Error {
  override readonly name = 'TruncatedError'
}

async function unpack(form: CompressedForm, bytes: Buffer, offset: number): Promise<{ data: Buffer; end: number }> {
  switch (form) {
    case 'zstd': {
      const ends = zstdFrameEnds(bytes, offset)
      if (ends === undefined) throw new TruncatedError('the zstd stream is cut short')
      const frames = ends.map((end, i) => zstdDecompressSync(bytes.subarray(ends[i - 1] ?? offset, end)))
      return { data: Buffer.concat(frames), end: ends.at(-1) ?? offset }
    }
    case 'xz': {
      const end = xzEnd(bytes, offset)
      if (end === undefined) throw new TruncatedError('the xz stream is cut short')
      return { data: await runFilter('xz', ['-dc'], [bytes.subarray(offset, end)]), end }
    }
    case 'gzip':
      return gunzip(bytes, offset)
    case 'lz4':
      try {
        return decodeLz4Legacy(bytes, offset)
      } catch (cause) {
        if (!(cause instanceof Lz4Error)) throw cause
        throw new TruncatedError(`the lz4 stream: ${cause.message}`, { cause })
      }
    // Their ends cannot be told from outside; nobody puts anything after them but zeros.
    case 'bzip2':
      return { data: await runFilter('bzip2', ['-dcq'], [bytes.subarray(offset)]), end: bytes.length }
    case 'lzo':
      return { data: await runFilter('lzop', ['-dc'], [bytes.subarray(offset)]), end: bytes.length }
    case 'lzma':
      return { data: await unpackLzma(bytes.subarray(offset)), end: bytes.length }
  }
}

/** xz minds what comes after an lzma stream, but the stream itself may end in up to four zeros. */
async function unpackLzma(bytes: Buffer): Promise<Buffer> {
  const end = bytes.findLastIndex(byte => byte !== 0) + 1
  for (let zeros = 0; ; zeros++) {
    try {
      return await runFilter('xz', ['--format=lzma', '-dc'], [bytes.subarray(0, end + zeros)])
    } catch (cause) {
      if (zeros === 4 || end + zeros >= bytes.length) throw cause
    }
  }
}

function gunzip(bytes: Buffer, offset: number): { data: Buffer; end: number } {
  try {
    const result: unknown = gunzipSync(bytes.subarray(offset), { info: true })
    // With `info` Node returns the engine too, whose bytesWritten is how much of the input was used.
    if (typeof result === 'object' && result !== null && 'buffer' in result && 'engine' in result) {
      const { buffer, engine } = result
      if (Buffer.isBuffer(buffer) && typeof engine === 'object' && engine !== null && 'bytesWritten' in engine) {
        return { data: buffer, end: offset + Number(engine.bytesWritten) }
      }
    }
    throw new TypeError('zlib gave no info')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'Z_BUF_ERROR') {
      throw new TruncatedError('the gzip stream is cut short', { cause })
    }
    throw cause
  }
}

function skipZeros(bytes: Uint8Array, offset: number): number {
  let at = offset
  while (at < bytes.length && bytes[at] === 0) at++
  return at
}
