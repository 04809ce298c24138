// Reading numbers, texts and ids out of on-disk structures.
//
// Probers work on bytes that somebody else read, so that they run without a disk. Numbers beyond
// the end of a window read as 0: a prober checks its magic first, and a truncated structure then
// fails its own checks rather than throwing.

/** Reads `length` bytes at a byte offset of a device; null when that is outside of it or cannot be read. */
export type ReadAt = (offset: number, length: number) => Uint8Array | null

/** A part of a device. A negative offset counts from its end. In bytes. */
export interface Window {
  readonly offset: number
  readonly length: number
}

export const u8 = (b: Uint8Array, at: number): number => b[at] ?? 0
export const le16 = (b: Uint8Array, at: number): number => u8(b, at) | (u8(b, at + 1) << 8)
export const le32 = (b: Uint8Array, at: number): number => (le16(b, at) | (le16(b, at + 2) << 16)) >>> 0
/** Exact up to 2^53, which is 8 PiB. */
export const le64 = (b: Uint8Array, at: number): number => le32(b, at) + le32(b, at + 4) * 2 ** 32
export const be16 = (b: Uint8Array, at: number): number => (u8(b, at) << 8) | u8(b, at + 1)
export const be32 = (b: Uint8Array, at: number): number => ((be16(b, at) << 16) | be16(b, at + 2)) >>> 0
export const be64 = (b: Uint8Array, at: number): number => be32(b, at) * 2 ** 32 + be32(b, at + 4)

/** True when the ASCII text `magic` stands at `at`. */
export function hasText(b: Uint8Array, at: number, magic: string): boolean {
  for (let i = 0; i < magic.length; i++) if (b[at + i] !== magic.charCodeAt(i)) return false
  return true
}

/** `length` bytes as lower-case hexadecimal. */
export function hex(b: Uint8Array, at: number, length: number): string {
  let text = ''
  for (let i = at; i < at + length; i++) text += u8(b, i).toString(16).padStart(2, '0')
  return text
}

/** 16 bytes as a UUID in the order of the bytes (RFC 4122), lower case; null when all are zero. */
export function uuidAt(b: Uint8Array, at: number): string | null {
  const h = hex(b, at, 16)
  return /^0*$/.test(h) ? null : dashed(h)
}

/** 16 bytes as a GUID of GPT, whose first three fields are little-endian; lower case; null when zero. */
export function guidAt(b: Uint8Array, at: number): string | null {
  const first = le32(b, at).toString(16).padStart(8, '0')
  const second = le16(b, at + 4).toString(16).padStart(4, '0') + le16(b, at + 6).toString(16).padStart(4, '0')
  const h = first + second + hex(b, at + 8, 8)
  return /^0*$/.test(h) ? null : dashed(h)
}

function dashed(h: string): string {
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`
}

/** A text of at most `length` bytes ended by NUL, trailing white space removed; null when empty. */
export function textAt(b: Uint8Array, at: number, length: number, encoding: 'utf8' | 'latin1' = 'utf8'): string | null {
  const field = b.subarray(at, at + length)
  const nul = field.indexOf(0)
  const used = nul < 0 ? field : field.subarray(0, nul)
  // Buffer, not TextDecoder: the latter may start ICU, which costs PID 1 milliseconds.
  const text = Buffer.from(used.buffer, used.byteOffset, used.length).toString(encoding).trimEnd()
  return text === '' ? null : text
}

/** UTF-16 of at most `units` units ended by a zero unit; null when empty. */
export function utf16At(b: Uint8Array, at: number, units: number, order: 'le' | 'be' = 'le'): string | null {
  let text = ''
  for (let i = 0; i < units; i++) {
    const unit = order === 'le' ? le16(b, at + 2 * i) : be16(b, at + 2 * i)
    if (unit === 0) break
    text += String.fromCharCode(unit)
  }
  text = text.trimEnd()
  return text === '' ? null : text
}
