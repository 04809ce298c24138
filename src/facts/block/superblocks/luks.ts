// Header of LUKS versions 1 and 2.
//
// Not a root by itself: reported so that "no such UUID" can say that the file system is probably
// inside. Source: LUKS1 on-disk format 1.2.3, LUKS2 on-disk format 1.1.

import { be16, hex, textAt, type ReadAt } from '../bytes.ts'
import { superblock, type Superblock, type SuperblockProber } from '../superblock.ts'

const primaryMagic = '4c554b53babe'
const secondaryMagic = '534b554cbabe'
/** Where the second header of LUKS2 can be, one for each size of its metadata; larger ones are rare. */
const secondaryOffsets = [0x4000, 0x8000]

export const luksProber: SuperblockProber = {
  window: { offset: 0, length: 4096 },
  probe(bytes, read) {
    if (hex(bytes, 0, 6) === primaryMagic) return parse(bytes, null)
    return secondary(read)
  },
}

function secondary(read: ReadAt): Superblock | null {
  for (const offset of secondaryOffsets) {
    const bytes = read(offset, 512)
    if (bytes !== null && hex(bytes, 0, 6) === secondaryMagic) {
      return parse(bytes, 'its first header is gone, the second is there')
    }
  }
  return null
}

function parse(bytes: Uint8Array, damaged: string | null): Superblock {
  const version = be16(bytes, 6)
  return superblock({
    type: 'crypto_LUKS',
    usage: 'crypto',
    uuid: textAt(bytes, 168, 40),
    label: version === 2 ? textAt(bytes, 24, 48) : null,
    damaged,
  })
}
