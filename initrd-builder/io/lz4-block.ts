// Compresses one block of lz4: the loop that a cold build spends nearly all of its time in.
//
// One function that needs nothing outside of itself, so that its own text can run in a worker thread (lz4-threads.ts).
// Matches are searched along hash chains and a longer one at the next byte is preferred, as in lz4's HC mode;
// how long is spent on packing makes no difference to unpacking. See lz4's lz4_Block_format.md.

/**
 * The block of `input`, at most 8 MiB. `depth` is how many earlier places each search looks at. The same input and depth
 * give the same bytes.
 */
export function compressLz4Block(input: Uint8Array, depth: number): Uint8Array {
  const minimumMatch = 4
  // Shorter ones are left to the literals: what the kernel needs for a sequence does not depend on its length, so a third
  // fewer of them unpacks sooner by more than the 8 % of size take to load (docs/image.md).
  const worthwhile = 6
  // The format's end rules: the last match starts 12 bytes before the end, the last 5 bytes are literals.
  const end = input.length - 12
  const limit = input.length - 5
  const windowSize = 1 << 16
  const shift = 32 - 17
  // A match of this length is taken as it is: a longer one would save next to nothing.
  const enough = 128
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const heads = new Int32Array(1 << 17).fill(-1)
  const chain = new Int32Array(windowSize)
  // LZ4_compressBound: what is incompressible grows by one byte in 255.
  const output = new Uint8Array(input.length + Math.ceil(input.length / 255) + 16)
  let to = 0
  let inserted = 0
  // What the last search found.
  let from = 0
  let found = 0

  /** The longest match for `at` that is longer than `longer`, or a length of 0. Never goes back. */
  const find = (at: number, longer: number): void => {
    for (; inserted < at; inserted++) {
      const hash = Math.imul(view.getUint32(inserted, true), 0x9e3779b1) >>> shift
      chain[inserted & (windowSize - 1)] = heads[hash] ?? -1
      heads[hash] = inserted
    }
    found = 0
    let best = longer
    const first = view.getUint32(at, true)
    const oldest = Math.max(0, at - windowSize + 1)
    let candidate = heads[Math.imul(first, 0x9e3779b1) >>> shift] ?? -1
    let wanted = input[at + best]
    for (let left = depth; candidate >= oldest && left > 0; left--) {
      if (input[candidate + best] === wanted && view.getUint32(candidate, true) === first) {
        let length = minimumMatch
        while (at + length < limit && input[candidate + length] === input[at + length]) length++
        if (length > best) {
          best = length
          from = candidate
          found = length
          if (length >= enough || at + length >= limit) return
          wanted = input[at + best]
        }
      }
      candidate = chain[candidate & (windowSize - 1)] ?? -1
    }
  }

  const extra = (length: number): void => {
    let left = length - 15
    for (; left >= 255; left -= 255) output[to++] = 255
    output[to++] = left
  }
  const literals = (anchor: number, at: number, matchNibble: number): void => {
    const count = at - anchor
    output[to++] = (Math.min(count, 15) << 4) | matchNibble
    if (count >= 15) extra(count)
    if (count > 32) output.set(input.subarray(anchor, at), to)
    else for (let i = 0; i < count; i++) output[to + i] = input[anchor + i] ?? 0
    to += count
  }

  let anchor = 0
  let at = 0
  while (at <= end) {
    find(at, worthwhile - 1)
    if (found < worthwhile) {
      // Where nothing has matched for long nothing soon will: programs hold compressed tables.
      at += 1 + ((at - anchor) >> 7)
      continue
    }
    let [start, length] = [from, found]
    // One byte later there may be a longer match; a literal costs less than a second sequence.
    while (length < enough && at + 1 <= end) {
      find(at + 1, length)
      if (found <= length) break
      at++
      start = from
      length = found
    }
    // And it may begin earlier than where it was found.
    while (at > anchor && start > 0 && input[at - 1] === input[start - 1]) {
      at--
      start--
      length++
    }
    const rest = length - minimumMatch
    const distance = at - start
    literals(anchor, at, Math.min(rest, 15))
    output[to++] = distance & 255
    output[to++] = distance >> 8
    if (rest >= 15) extra(rest)
    at += length
    anchor = at
  }
  literals(anchor, input.length, 0)
  return output.slice(0, to)
}
