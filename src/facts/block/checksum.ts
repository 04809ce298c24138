// The two 32-bit checksums that superblocks and partition tables carry.
//
// By hand and not from node:zlib: zlib knows no CRC-32C, its first use costs PID 1 five
// milliseconds, and this code stays pure. Windows are a few KiB, a table of bytes is enough.
// RFC 3720 appendix B.4 (CRC-32C), UEFI specification 5.3 (CRC-32).

function makeTable(reversedPolynomial: number): Uint32Array {
  const table = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ reversedPolynomial : value >>> 1
    table[byte] = value
  }
  return table
}

const castagnoli = makeTable(0x82f63b78)
const ethernet = makeTable(0xedb88320)

function update(table: Uint32Array, crc: number, bytes: Uint8Array): number {
  let value = crc
  for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0)
  return value >>> 0
}

/** CRC-32C without the final inversion, as the kernel's crc32c() returns it. `seed` is usually 0xffffffff. */
export function crc32cRaw(bytes: Uint8Array, seed = 0xffffffff): number {
  return update(castagnoli, seed, bytes)
}

/** CRC-32C as RFC 3720 defines it. */
export function crc32c(bytes: Uint8Array): number {
  return ~crc32cRaw(bytes) >>> 0
}

/** CRC-32 of zip, Ethernet and GPT. */
export function crc32(bytes: Uint8Array): number {
  return ~update(ethernet, 0xffffffff, bytes) >>> 0
}

/** CRC-32 with another start and without the final inversion, as LVM uses it. */
export function crc32Raw(bytes: Uint8Array, seed: number): number {
  return update(ethernet, seed, bytes)
}

/** A copy of `bytes` in which `length` bytes at `at` are zero: what a checksum inside a structure covers. */
export function withZeros(bytes: Uint8Array, at: number, length: number): Uint8Array {
  // Not slice(): that of a Buffer shares its memory.
  const copy = new Uint8Array(bytes)
  copy.fill(0, at, at + length)
  return copy
}
