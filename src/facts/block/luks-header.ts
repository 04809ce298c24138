// What the header of a LUKS device says: which ciphers the kernel must have before it can be opened.
//
// The kernel asks modprobe(8) for algorithms, which an image need not have: PID 1 loads them first. LUKS2 keeps this in
// JSON behind its binary header. Source: LUKS1 on-disk format 1.2.3, LUKS2 on-disk format 1.1.

import { be16, hex, textAt } from './bytes.ts'

export interface LuksHeader {
  readonly version: 1 | 2
  /** dm-crypt's specifications of the data and of the key slots: 'aes-xts-plain64', 'capi:gcm(aes)-random'. */
  readonly ciphers: readonly string[]
  /** Authenticated encryption: 'hmac(sha256)', 'aead'; null without. */
  readonly integrity: string | null
  /** Types of its tokens: 'systemd-tpm2', 'clevis'. */
  readonly tokens: readonly string[]
}

/** Bytes of LUKS1's header, and of LUKS2's before its JSON. */
export const LUKS_BINARY_BYTES = 4096
const LUKS_MAGIC = '4c554b53babe'
/** More is no header: LUKS2 allows 4 MiB, cryptsetup makes 16 KiB. */
const MOST_BYTES = 4 << 20

/** How many bytes a header has; 0 when this is none. `start` are its first LUKS_BINARY_BYTES. */
export function luksHeaderBytes(start: Uint8Array): number {
  if (hex(start, 0, 6) !== LUKS_MAGIC) return 0
  if (be16(start, 6) !== 2) return LUKS_BINARY_BYTES
  const size = new DataView(start.buffer, start.byteOffset).getBigUint64(8)
  return size > MOST_BYTES ? 0 : Number(size)
}

/** Reads a header; null when this is none that can be read. */
export function parseLuksHeader(bytes: Uint8Array): LuksHeader | null {
  if (hex(bytes, 0, 6) !== LUKS_MAGIC) return null
  if (be16(bytes, 6) === 1) {
    return { version: 1, ciphers: [`${textAt(bytes, 8, 32)}-${textAt(bytes, 40, 32)}`], integrity: null, tokens: [] }
  }
  try {
    const text = textAt(bytes, LUKS_BINARY_BYTES, bytes.length - LUKS_BINARY_BYTES)
    const metadata: unknown = JSON.parse(text ?? '')
    const segments = membersOf(metadata, 'segments')
    const slots = membersOf(metadata, 'keyslots').map((slot) => get(slot, 'area'))
    return {
      version: 2,
      ciphers: [...new Set([...segments, ...slots].map((part) => get(part, 'encryption')).filter((cipher) => typeof cipher === 'string'))],
      integrity: segments.map((segment) => get(get(segment, 'integrity'), 'type')).find((type) => typeof type === 'string') ?? null,
      tokens: membersOf(metadata, 'tokens').map((token) => get(token, 'type')).filter((type) => typeof type === 'string'),
    }
  } catch {
    return null
  }
}

/** Modules and aliases that the kernel would ask for: of the target, and of each word of the specification. */
export function luksModules(ciphers: readonly string[], integrity: string | null): string[] {
  const words = [...ciphers, integrity ?? ''].flatMap((spec) => spec.toLowerCase().split(/[^a-z0-9_]+/)).filter((word) => word !== '')
  const names = [...new Set(words)].flatMap((word) => (word === 'xts' ? ['crypto-ecb', 'crypto-xts'] : [`crypto-${word}`]))
  const more = integrity === null ? [] : ['dm_integrity', 'crypto-authenc', 'crypto-hmac']
  return ['dm_crypt', ...names, ...more]
}

function get(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function membersOf(value: unknown, key: string): unknown[] {
  const member = get(value, key)
  return typeof member === 'object' && member !== null ? Object.values(member) : []
}
