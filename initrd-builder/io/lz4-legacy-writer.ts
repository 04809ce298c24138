// Compressor to lz4's legacy frame: the default form of an image, since the kernel unpacks it fastest.
//
// Written here so that a build needs no tool and gives the same bytes everywhere. Matches are searched
// along hash chains and a longer one at the next byte is preferred, as in lz4's HC mode; unpacking costs
// the same whatever was spent on packing. See lz4's lz4_Block_format.md and lib/decompress_unlz4.c.

const blockSize = 8 << 20
const magic = 0x184c2102
const minimumMatch = 4
/** The format's end rules: the last match starts 12 bytes before the end, the last 5 bytes are literals. */
const lastMatchDistance = 12
const lastLiterals = 5
const windowSize = 1 << 16
const hashBits = 17

/**
 * The frame as chunks, each at most one block of 8 MiB, so that a caller can do something else in between.
 * `depth` is how many earlier places each search looks at.
 */
export function* compressLz4Legacy(input: Uint8Array, depth = 48): Generator<Uint8Array> {
  const header = Buffer.alloc(4)
  header.writeUInt32LE(magic)
  yield header
  for (let offset = 0; offset < input.length; offset += blockSize) {
    const block = compressBlock(input.subarray(offset, offset + blockSize), depth)
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length)
    yield size
    yield block
  }
}

/** Where a match is and how long: kept in one object, as millions of searches must not make millions of those. */
interface Match {
  from: number
  length: number
}

function compressBlock(input: Uint8Array, depth: number): Uint8Array {
  const finder = makeFinder(input, depth)
  const writer = makeWriter(input)
  const match: Match = { from: 0, length: 0 }
  const next: Match = { from: 0, length: 0 }
  const end = input.length - lastMatchDistance
  let anchor = 0
  let at = 0
  while (at <= end) {
    finder.find(at, minimumMatch - 1, match)
    if (match.length < minimumMatch) {
      // Where nothing has matched for long nothing soon will: programs hold compressed tables.
      at += 1 + ((at - anchor) >> 7)
      continue
    }
    // One byte later there may be a longer match; a literal costs less than a second sequence.
    while (at + 1 <= end) {
      finder.find(at + 1, match.length, next)
      if (next.length <= match.length) break
      at++
      match.from = next.from
      match.length = next.length
    }
    // And it may begin earlier than where it was found.
    while (at > anchor && match.from > 0 && input[at - 1] === input[match.from - 1]) {
      at--
      match.from--
      match.length++
    }
    writer.sequence(anchor, at, at - match.from, match.length)
    at += match.length
    anchor = at
  }
  return writer.finish(anchor)
}

interface Finder {
  /** Puts the longest match for `at` that is longer than `longer` into `match`, or a length of 0. Never goes back. */
  find(at: number, longer: number, match: Match): void
}

function makeFinder(input: Uint8Array, depth: number): Finder {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const heads = new Int32Array(1 << hashBits).fill(-1)
  const chain = new Int32Array(windowSize)
  const limit = input.length - lastLiterals
  let inserted = 0
  const insertUpTo = (at: number): void => {
    for (; inserted < at; inserted++) {
      const hash = Math.imul(view.getUint32(inserted, true), 0x9e3779b1) >>> (32 - hashBits)
      chain[inserted & (windowSize - 1)] = heads[hash] ?? -1
      heads[hash] = inserted
    }
  }
  return {
    find(at, longer, match) {
      insertUpTo(at)
      match.length = 0
      let best = longer
      const first = view.getUint32(at, true)
      const oldest = Math.max(0, at - windowSize + 1)
      let candidate = heads[Math.imul(first, 0x9e3779b1) >>> (32 - hashBits)] ?? -1
      for (let left = depth; candidate >= oldest && left > 0; left--) {
        if (input[candidate + best] === input[at + best] && view.getUint32(candidate, true) === first) {
          let length = minimumMatch
          while (at + length < limit && input[candidate + length] === input[at + length]) length++
          if (length > best) {
            best = length
            match.from = candidate
            match.length = length
            if (at + length >= limit) return
          }
        }
        candidate = chain[candidate & (windowSize - 1)] ?? -1
      }
    },
  }
}

interface Writer {
  sequence(anchor: number, at: number, distance: number, length: number): void
  finish(anchor: number): Uint8Array
}

function makeWriter(input: Uint8Array): Writer {
  // LZ4_compressBound: what is incompressible grows by one byte in 255.
  const output = new Uint8Array(input.length + Math.ceil(input.length / 255) + 16)
  let to = 0
  const extra = (length: number): void => {
    let left = length - 15
    for (; left >= 255; left -= 255) output[to++] = 255
    output[to++] = left
  }
  const literals = (anchor: number, at: number, matchNibble: number): void => {
    const count = at - anchor
    output[to++] = (Math.min(count, 15) << 4) | matchNibble
    if (count >= 15) extra(count)
    output.set(input.subarray(anchor, at), to)
    to += count
  }
  return {
    sequence(anchor, at, distance, length) {
      const rest = length - minimumMatch
      literals(anchor, at, Math.min(rest, 15))
      output[to++] = distance & 255
      output[to++] = distance >> 8
      if (rest >= 15) extra(rest)
    },
    finish(anchor) {
      literals(anchor, input.length, 0)
      return output.subarray(0, to)
    },
  }
}
