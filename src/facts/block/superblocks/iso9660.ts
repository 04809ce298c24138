// Volume descriptors of ISO 9660, with Joliet's label.
//
// Live media are found by this label. blkid's UUID is the date of modification, else of creation,
// and its label is Joliet's spelling where that is the same name. Source: ECMA-119, Joliet 1.0.

import { hasText, le32, textAt, u8, utf16At, type ReadAt } from '../bytes.ts'
import { superblock, type SuperblockProber } from '../superblock.ts'

const firstDescriptor = 32768
const descriptorSize = 2048
const typePrimary = 1
const typeSupplementary = 2
const typeEnd = 255
const maxDescriptors = 16

export const iso9660Prober: SuperblockProber = {
  window: { offset: firstDescriptor, length: descriptorSize },
  probe(bytes, read) {
    if (u8(bytes, 0) !== typePrimary || !hasText(bytes, 1, 'CD001')) return null
    return superblock({
      type: 'iso9660',
      usage: 'filesystem',
      uuid: dateText(bytes, 830) ?? dateText(bytes, 813),
      label: labelOf(bytes, read),
      sizeBytes: le32(bytes, 80) * descriptorSize,
      dirty: false,
    })
  },
}

/** 'YYYYMMDDhhmmsscc' as blkid writes it, 'YYYY-MM-DD-hh-mm-ss-cc'; null when it is all zeros. */
function dateText(bytes: Uint8Array, at: number): string | null {
  const digits = textAt(bytes, at, 16, 'latin1') ?? ''
  if (!/^\d{16}$/.test(digits) || /^0*$/.test(digits)) return null
  return [digits.slice(0, 4), ...(digits.slice(4).match(/../g) ?? [])].join('-')
}

function labelOf(primary: Uint8Array, read: ReadAt): string | null {
  const label = textAt(primary, 40, 32)
  for (let i = 1; i < maxDescriptors; i++) {
    const bytes = read(firstDescriptor + i * descriptorSize, 128)
    if (bytes === null || !hasText(bytes, 1, 'CD001') || u8(bytes, 0) === typeEnd) break
    // An escape sequence %/@, %/C or %/E means UCS-2, that is Joliet.
    if (u8(bytes, 0) !== typeSupplementary || !hasText(bytes, 88, '%/')) continue
    const joliet = utf16At(bytes, 40, 16, 'be')
    if (joliet === null) break
    if (label === null) return joliet
    // Joliet holds 16 characters: the same name with its case, the rest comes from the long one.
    if (sameName(label.slice(0, 16), joliet)) return joliet + label.slice(16)
    break
  }
  return label
}

function sameName(iso: string, joliet: string): boolean {
  if (iso.length !== joliet.length) return false
  return [...iso].every((c, i) => c === '_' || c.toLowerCase() === joliet[i]?.toLowerCase())
}
