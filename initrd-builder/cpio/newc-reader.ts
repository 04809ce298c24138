// Reader of newc cpio archives, from a buffer, without trusting it.
//
// An image may have been cut short by a full /boot, or be no image at all; every number is checked
// against the buffer, and the error says at which byte and after which member it went wrong.

import { align4, headerSize, trailerName, type CpioEntry } from './newc-entry.ts'

/** What one archive inside a buffer was. */
export interface CpioArchive {
  readonly entries: readonly CpioEntry[]
  /** Offset of the first byte after the archive's trailer, padding to four bytes included. */
  readonly end: number
}

/** A broken archive: `offset` is where in the buffer, `after` the last whole member's path. */
export class CpioError extends Error {
  override readonly name = 'CpioError'
  readonly offset: number
  readonly after: string | undefined

  constructor(message: string, offset: number, after: string | undefined) {
    super(after === undefined ? message : `${message}, after member '${after}'`)
    this.offset = offset
    this.after = after
  }
}

/** True when a newc (070701) or crc (070702) header starts at `offset`. */
export function isNewcAt(buffer: Uint8Array, offset: number): boolean {
  const magic = latin1(buffer, offset, 6)
  return magic === '070701' || magic === '070702'
}

/**
 * Reads one archive, from `start` to its trailer. Contents are views into the buffer, not copies.
 * Alignment counts from `start`, as it does in the kernel. Throws CpioError.
 */
export function readNewc(buffer: Uint8Array, start = 0): CpioArchive {
  const entries: CpioEntry[] = []
  let offset = start
  for (;;) {
    const after = entries.at(-1)?.path
    if (buffer.length - offset < headerSize) {
      throw new CpioError(`Cannot read cpio archive: it ends at byte ${buffer.length} without a trailer`, offset, after)
    }
    if (!isNewcAt(buffer, offset)) {
      throw new CpioError(`Cannot read cpio archive: no newc header at byte ${offset}`, offset, after)
    }
    const header = readHeader(buffer, offset, after)
    const nameEnd = offset + headerSize + header.nameSize
    const dataStart = start + align4(nameEnd - start)
    const dataEnd = dataStart + header.size
    if (header.nameSize < 1 || dataEnd > buffer.length) {
      throw new CpioError(`Cannot read cpio archive: the member at byte ${offset} is cut short`, offset, after)
    }
    const path = Buffer.from(buffer.buffer, buffer.byteOffset + offset + headerSize, header.nameSize - 1).toString('utf8')
    offset = Math.min(start + align4(dataEnd - start), buffer.length)
    if (path === trailerName) return { entries, end: offset }
    entries.push({ ...header.entry, path: cleanPath(path), data: buffer.subarray(dataStart, dataEnd) })
  }
}

interface Header {
  readonly entry: Omit<CpioEntry, 'path' | 'data'>
  readonly size: number
  readonly nameSize: number
}

function readHeader(buffer: Uint8Array, offset: number, after: string | undefined): Header {
  const field = (index: number): number => {
    const text = latin1(buffer, offset + 6 + index * 8, 8)
    if (!/^[0-9a-fA-F]{8}$/.test(text)) {
      throw new CpioError(`Cannot read cpio archive: the header at byte ${offset} is not hexadecimal`, offset, after)
    }
    return Number.parseInt(text, 16)
  }
  return {
    entry: {
      inode: field(0), mode: field(1), uid: field(2), gid: field(3), nlink: field(4), mtime: field(5),
      rdevMajor: field(9), rdevMinor: field(10),
    },
    size: field(6),
    nameSize: field(11),
  }
}

/** `./bin/sh` and `/bin/sh` as `bin/sh`; `..` stays as it is, for the extractor to refuse. */
function cleanPath(path: string): string {
  const parts = path.split('/').filter(part => part !== '' && part !== '.')
  return parts.length === 0 ? '.' : parts.join('/')
}

function latin1(buffer: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...buffer.subarray(offset, offset + length))
}
