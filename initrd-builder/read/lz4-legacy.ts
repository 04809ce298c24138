// Decoder of lz4's legacy frame, the only lz4 that the kernel unpacks an initramfs from.
//
// A magic number, then blocks of up to 8 MiB each with its packed size before it. There is no end mark: a
// size of zero, or the end of the file. See lib/decompress_unlz4.c and lz4's lz4_Frame_format.md.

/** Little-endian 0x184C2102. */
const magic = 0x184c2102
const maximumBlock = 8 << 20

export class Lz4Error extends Error {
  override readonly name = 'Lz4Error'
}

/** Decodes the frames that start at `start`. `end` is the offset after the last byte used. */
export function decodeLz4Legacy(bytes: Uint8Array, start: number): { data: Buffer; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const blocks: Buffer[] = []
  let offset = start
  while (offset + 4 <= bytes.length) {
    const size = view.getUint32(offset, true)
    if (size === 0) break
    offset += 4
    // Streams of `lz4 -l` may be joined: the next magic number stands where a size would.
    if (size === magic) continue
    if (offset + size > bytes.length) throw new Lz4Error(`block at byte ${offset} is cut short`)
    blocks.push(decodeBlock(bytes.subarray(offset, offset + size), offset))
    offset += size
  }
  return { data: Buffer.concat(blocks), end: offset }
}

function decodeBlock(input: Uint8Array, where: number): Buffer {
  const output = Buffer.alloc(maximumBlock)
  let from = 0
  let to = 0
  const broken = (): Lz4Error => new Lz4Error(`block at byte ${where} is damaged`)
  const length = (nibble: number): number => {
    let total = nibble
    if (nibble !== 15) return total
    let next = 255
    while (next === 255) {
      if (from >= input.length) throw broken()
      next = input[from++] ?? 0
      total += next
    }
    return total
  }
  while (from < input.length) {
    const token = input[from++] ?? 0
    const literals = length(token >> 4)
    if (from + literals > input.length || to + literals > maximumBlock) throw broken()
    output.set(input.subarray(from, from + literals), to)
    from += literals
    to += literals
    if (from >= input.length) break
    const distance = (input[from] ?? 0) | ((input[from + 1] ?? 0) << 8)
    from += 2
    const size = length(token & 15) + 4
    if (distance === 0 || distance > to || to + size > maximumBlock) throw broken()
    // A match may overlap what it writes, which repeats it: copied in steps of at most the distance.
    for (let left = size; left > 0;) {
      const step = Math.min(left, distance)
      output.copyWithin(to, to - distance, to - distance + step)
      to += step
      left -= step
    }
  }
  return output.subarray(0, to)
}
