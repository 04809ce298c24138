// IPv4 and IPv6 addresses as text and as bytes: what ip= and its relatives are made of.
//
// An address stays text (as it was given, without brackets) until the kernel needs its bytes. Pure.
// RFC 4291 2.2 has the text forms of IPv6; a netmask may be a number of bits too, as dracut.cmdline(7) allows.

/** An address and how many bits of it name the network. */
export interface Prefixed {
  readonly address: string
  readonly prefix: number
}

function bytes4(text: string): number[] | null {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return null
  return parts.map(Number)
}

/** The 16-bit groups of one side of '::'; an IPv4 address may be its end. */
function groups(text: string): number[] | null {
  if (text === '') return []
  const all: number[] = []
  for (const [i, part] of text.split(':').entries()) {
    const v4 = part.includes('.') && i === text.split(':').length - 1 ? bytes4(part) : null
    if (v4 !== null) {
      const [a = 0, b = 0, c = 0, d = 0] = v4
      all.push(a * 256 + b, c * 256 + d)
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) all.push(parseInt(part, 16))
    else return null
  }
  return all
}

function bytes6(text: string): number[] | null {
  const sides = text.split('::')
  if (sides.length > 2 || !text.includes(':')) return null
  // An IPv4 address may only be the end of it.
  if (sides.length === 2 && (sides[0] ?? '').includes('.')) return null
  const [head, tail] = [groups(sides[0] ?? ''), groups(sides[1] ?? '')]
  if (head === null || tail === null) return null
  const missing = 8 - head.length - tail.length
  if (sides.length === 1 ? missing !== 0 : missing < 1) return null
  return [...head, ...Array.from({ length: sides.length === 1 ? 0 : missing }, () => 0), ...tail].flatMap((g) => [g >> 8, g & 255])
}

/** The 4 or 16 bytes in network order; null when it is no address. */
export function addressBytes(text: string): Uint8Array | null {
  const found = bytes4(text) ?? bytes6(text)
  return found === null ? null : Uint8Array.from(found)
}

/** 4, 6, or null when it is no address. */
export function familyOf(text: string): 4 | 6 | null {
  const length = addressBytes(text)?.length
  return length === undefined ? null : length === 4 ? 4 : 6
}

export function isAddress(text: string): boolean {
  return addressBytes(text) !== null
}

/** How many bits a netmask has: '255.255.255.0', '24'. Null when it is none, or has gaps. */
export function prefixOf(mask: string, family: 4 | 6): number | null {
  if (/^\d{1,3}$/.test(mask)) return Number(mask) <= (family === 4 ? 32 : 128) ? Number(mask) : null
  const bytes = family === 4 ? bytes4(mask) : null
  if (bytes === null) return null
  const bits = bytes.map((b) => b.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : null
}

/** '255.255.255.0' of 24. */
export function maskOf(prefix: number): string {
  return [0, 8, 16, 24].map((at) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - at)))).join('.')
}

/** What the kernel takes when ip= has no netmask: by the class of the address; 64 bits for IPv6. Source: net/ipv4/ipconfig.c. */
export function defaultPrefix(address: string): number {
  if (familyOf(address) === 6) return 64
  const first = addressBytes(address)?.[0] ?? 0
  return first < 128 ? 8 : first < 192 ? 16 : 24
}

/** The highest address of an IPv4 network; null for IPv6 and for networks of one or two. */
export function broadcastOf({ address, prefix }: Prefixed): string | null {
  const bytes = bytes4(address)
  if (bytes === null || prefix > 30) return null
  const mask = bytes4(maskOf(prefix)) ?? []
  return bytes.map((b, i) => b | (255 - (mask[i] ?? 0))).join('.')
}

/** Whether `other` is in the network. */
export function contains({ address, prefix }: Prefixed, other: string): boolean {
  const [a, b] = [addressBytes(address), addressBytes(other)]
  if (a === null || b === null || a.length !== b.length) return false
  return a.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefix - i * 8))
    return byte >> (8 - bits) === (b[i] ?? 0) >> (8 - bits)
  })
}

/** 'ADDRESS/PREFIX'; without a prefix all bits. Null when it is neither. */
export function parsePrefixed(text: string): Prefixed | null {
  const [address = '', mask, more] = text.split('/')
  const family = familyOf(address)
  if (family === null || more !== undefined) return null
  const prefix = mask === undefined ? (family === 4 ? 32 : 128) : prefixOf(mask, family)
  return prefix === null ? null : { address, prefix }
}

/** An IPv6 address in brackets, for 'HOST:PATH'; others as they are. */
export function bracketed(host: string): string {
  return familyOf(host) === 6 ? `[${host}]` : host
}

/** Splits at ':' outside of brackets, and takes the brackets off: the fields of ip=, root=nfs: and others. */
export function splitFields(text: string): string[] {
  const fields: string[] = []
  let field = ''
  let depth = 0
  for (const char of text) {
    if (char === ':' && depth === 0) {
      fields.push(field)
      field = ''
      continue
    }
    if (char === '[') depth++
    else if (char === ']') depth = Math.max(0, depth - 1)
    field += char
  }
  return [...fields, field].map((one) => (/^\[.*\]$/.test(one) ? one.slice(1, -1) : one))
}

/** '52:54:00:12:34:56' of that or of its spelling with '-'; null when it is none. */
export function parseMac(text: string): string | null {
  const lower = text.toLowerCase().replaceAll('-', ':')
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(lower) ? lower : null
}
