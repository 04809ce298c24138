// Signature of swap space, and of a hibernation image that lies in one.
//
// The magic ends the first page, whose size is that of the machine which made it.
// Source: include/linux/swap.h (union swap_header), kernel/power/swap.c.

import { be32, hasText, le32, textAt, uuidAt } from '../bytes.ts'
import { superblock, type SuperblockProber } from '../superblock.ts'

const pageSizes = [4096, 8192, 16384, 32768, 65536]
const suspendMagics = ['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001']

export const swapProber: SuperblockProber = {
  window: { offset: 0, length: 65536 },
  probe(bytes) {
    for (const pageSize of pageSizes) {
      const at = pageSize - 10
      const isSwap = hasText(bytes, at, 'SWAPSPACE2') || hasText(bytes, at, 'SWAP-SPACE')
      const isSuspended = suspendMagics.some(magic => hasText(bytes, at, magic))
      if (!isSwap && !isSuspended) continue
      const isVersion1 = le32(bytes, 1024) === 1 || be32(bytes, 1024) === 1
      return superblock({
        type: isSwap ? 'swap' : 'swsuspend',
        usage: 'other',
        uuid: isVersion1 ? uuidAt(bytes, 1036) : null,
        label: isVersion1 ? textAt(bytes, 1052, 16) : null,
        sizeBytes: isVersion1 ? (le32(bytes, 1028) + 1) * pageSize : null,
      })
    }
    return null
  },
}
