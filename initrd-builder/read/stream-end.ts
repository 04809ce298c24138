// Where a compressed stream inside an image ends, which its decompressor does not always tell. Pure.
//
// Segments of an image follow one another with nothing but zeros between, so the inspector has to find
// each one's last byte: for zstd from the block headers (RFC 8878), for xz from the footer of the stream.

import { crc32 } from 'node:zlib'

/** The compressed forms that an initramfs may have, by their first bytes. */
export type CompressedForm = 'gzip' | 'zstd' | 'xz' | 'lz4' | 'bzip2' | 'lzma' | 'lzo'

const magics: readonly { readonly form: CompressedForm; readonly bytes: readonly number[] }[] = [
  { form: 'gzip', bytes: [0x1f, 0x8b] },
  { form: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { form: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { form: 'lz4', bytes: [0x02, 0x21, 0x4c, 0x18] },
  { form: 'bzip2', bytes: [0x42, 0x5a, 0x68] },
  { form: 'lzma', bytes: [0x5d, 0x00, 0x00] },
  { form: 'lzo', bytes: [0x89, 0x4c, 0x5a, 0x4f] },
]

/** The form of the stream at `offset`, as init/initramfs.c tells it. */
export function compressedForm(bytes: Uint8Array, offset: number): CompressedForm | undefined {
  return magics.find(magic => magic.bytes.every((byte, i) => bytes[offset + i] === byte))?.form
}

/**
 * Offsets after each zstd frame from `start` on, as long as they follow one another at once; undefined if
 * one is cut short.
 */
export function zstdFrameEnds(bytes: Uint8Array, start: number): number[] | undefined {
  const ends: number[] = []
  for (let offset = start; compressedForm(bytes, offset) === 'zstd';) {
    const end = zstdFrameEnd(bytes, offset)
    if (end === undefined) return undefined
    ends.push(end)
    offset = end
  }
  return ends
}

function zstdFrameEnd(bytes: Uint8Array, start: number): number | undefined {
  const descriptor = bytes[start + 4]
  if (descriptor === undefined) return undefined
  const singleSegment = (descriptor & 0x20) !== 0
  const sizeField = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0
  let offset = start + 5 + (singleSegment ? 0 : 1) + dictionary + sizeField
  for (;;) {
    if (offset + 3 > bytes.length) return undefined
    const header = (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8) | ((bytes[offset + 2] ?? 0) << 16)
    const isRepeatedByte = ((header >> 1) & 3) === 1
    offset += 3 + (isRepeatedByte ? 1 : header >> 3)
    if ((header & 1) === 1) break
  }
  offset += (descriptor & 4) === 0 ? 0 : 4
  return offset <= bytes.length ? offset : undefined
}

/** Offset after the xz stream at `start`, and after those that follow at once; undefined if cut short. */
export function xzEnd(bytes: Uint8Array, start: number): number | undefined {
  let offset: number | undefined = start
  while (offset !== undefined && compressedForm(bytes, offset) === 'xz') offset = xzStreamEnd(bytes, offset)
  return offset
}

/**
 * A footer is twelve bytes at a multiple of four: its CRC32, the size of the index before it, flags, `YZ`.
 * Compressed modules inside an image have such footers too, stored as they are; only the stream's own has an
 * index whose blocks add up to the stream's beginning.
 */
function xzStreamEnd(bytes: Uint8Array, start: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = bytes.indexOf(0x59, start + 22); at >= 0; at = bytes.indexOf(0x59, at + 1)) {
    const footer = at - 10
    if (bytes[at + 1] !== 0x5a || (footer - start) % 4 !== 0) continue
    if (view.getUint32(footer, true) !== crc32(bytes.subarray(footer + 4, footer + 10))) continue
    const index = footer - (view.getUint32(footer + 4, true) + 1) * 4
    if (index >= start + xzHeaderSize && xzBlocksSize(bytes, index) === index - start - xzHeaderSize) return at + 2
  }
  return undefined
}

const xzHeaderSize = 12

/** The sum of the blocks that an index tells of, each padded to a multiple of four. */
function xzBlocksSize(bytes: Uint8Array, index: number): number {
  let offset = index + 1
  // Seven bits a byte, the lowest first; multiplied, as sizes may be past 32 bits.
  const number = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[offset++] ?? 0
      value += (byte & 0x7f) * factor
      if (byte < 0x80 || factor > 2 ** 49) return value
    }
  }
  let total = 0
  for (let records = number(); records > 0 && offset < bytes.length; records--) {
    total += Math.ceil(number() / 4) * 4
    number()
  }
  return total
}
