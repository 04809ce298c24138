// Compresses one block of lz4: the loop that a cold build spends nearly all of its time in.
//
// One function that needs nothing outside of itself, so that its own text can run in a worker thread (lz4-legacy-writer.ts).
// Matches are searched along hash chains and a longer one at the next byte is preferred, as in lz4's HC mode;
// how long is spent on packing makes no difference to unpacking. What the search changes is in local variables and in no
// closure's: that halves its time. See lz4's lz4_Block_format.md.

/**
 * The block of `input`, at most 8 MiB. `depth` is how many earlier places each search looks at. The same input and depth
 * give the same bytes.
 */
export function compressLz4Block(input: Uint8Array, depth: number): Uint8Array {
  const minimumMatch = 4
  // Shorter ones are left to the literals: what the kernel needs for a sequence does not depend on its length, so a third
  // fewer of them unpacks sooner by more than the 8 % of size take to load (docs/image.md). Only places where this many
  // bytes have the same hash are looked at.
  const worthwhile = 6
  const size = input.length
  // The format's end rules: the last match starts 12 bytes before the end, the last 5 bytes are literals.
  const end = size - 12
  const limit = size - 5
  // The largest distance of the format.
  const reach = 0xffff
  const hashBits = 15
  // A match of this length is taken as it is: a longer one would save next to nothing.
  const enough = 128
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  // The last place of each hash, and from each place the distance to the one before; 0 where that is out of reach.
  const heads = new Int32Array(1 << hashBits).fill(-1 - reach)
  const chain = new Uint16Array(reach + 1)
  // LZ4_compressBound: what is incompressible grows by one byte in 255.
  const output = new Uint8Array(size + Math.ceil(size / 255) + 16)

  const hashAt = (at: number): number =>
    (Math.imul(view.getInt32(at, true), 0x9e3779b1) ^ Math.imul(view.getInt32(at + worthwhile - 4, true), 0x85ebca6b)) >>> (32 - hashBits)

  /** Writes what of a length does not fit into the token's four bits. Returns where it ends. */
  const writeExtra = (to: number, length: number): number => {
    if (length < 15) return to
    let place = to
    let left = length - 15
    for (; left >= 255; left -= 255) output[place++] = 255
    output[place++] = left
    return place
  }
  /** Writes a token and the literals from `anchor` to `at`. Returns where they end. */
  const writeLiterals = (to: number, anchor: number, at: number, matchNibble: number): number => {
    const count = at - anchor
    output[to] = (Math.min(count, 15) << 4) | matchNibble
    const place = writeExtra(to + 1, count)
    if (count > 32) output.set(input.subarray(anchor, at), place)
    else for (let i = 0; i < count; i++) output[place + i] = input[anchor + i] ?? 0
    return place + count
  }

  let to = 0
  let inserted = 0
  let anchor = 0
  let at = 0
  while (at <= end) {
    let start = 0
    let length = worthwhile - 1
    // One byte later there may be a longer match; a literal costs less than a second sequence.
    for (let next = at; next <= end && length < enough; next++) {
      for (; inserted < next; inserted++) {
        const hash = hashAt(inserted)
        const delta = inserted - (heads[hash] ?? 0)
        chain[inserted & reach] = delta > reach ? 0 : delta
        heads[hash] = inserted
      }
      const oldest = Math.max(0, next - reach)
      let best = length
      let wanted = view.getInt32(next + best - 3, true)
      let candidate = heads[hashAt(next)] ?? 0
      for (let left = depth; candidate >= oldest && left > 0; left--) {
        // The end of what would be a longer match differs more often than its beginning.
        if (view.getInt32(candidate + best - 3, true) === wanted) {
          let same = 0
          while (next + same < limit - 3 && view.getInt32(candidate + same, true) === view.getInt32(next + same, true)) same += 4
          while (next + same < limit && input[candidate + same] === input[next + same]) same++
          if (same > best) {
            best = same
            start = candidate
            if (best >= enough || next + best >= limit) break
            wanted = view.getInt32(next + best - 3, true)
          }
        }
        const delta = chain[candidate & reach] ?? 0
        if (delta === 0) break
        candidate -= delta
      }
      if (best === length) break
      length = best
      at = next
    }
    if (length < worthwhile) {
      // Where nothing has matched for long nothing soon will: programs hold compressed tables.
      at += 1 + ((at - anchor) >> 7)
      continue
    }
    // And it may begin earlier than where it was found.
    while (at > anchor && start > 0 && input[at - 1] === input[start - 1]) {
      at--
      start--
      length++
    }
    const rest = length - minimumMatch
    const distance = at - start
    to = writeLiterals(to, anchor, at, Math.min(rest, 15))
    output[to++] = distance & 255
    output[to++] = distance >> 8
    to = writeExtra(to, rest)
    at += length
    anchor = at
  }
  return output.slice(0, writeLiterals(to, anchor, size, 0))
}
