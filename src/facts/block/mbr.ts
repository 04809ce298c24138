// Parser of the MBR (DOS) partition table, extended and logical partitions included.
//
// Numbers follow the kernel: 1 to 4 are the slots of the first sector, logical ones count from 5 in
// the order of the chain. PARTUUID is the disk's signature and the number, both hexadecimal.
// Source: block/partitions/msdos.c.

import { hex, le32, u8, type ReadAt } from './bytes.ts'
import type { PartitionEntry, PartitionTable } from './partition-table.ts'

const entriesAt = 446
const entrySize = 16
const extendedTypes = [0x05, 0x0f, 0x85]
const typeProtective = 0xee
/** A chain that is longer is a loop. */
const maxLogical = 128

interface Slot {
  readonly slot: number
  readonly type: number
  readonly start: number
  readonly sectors: number
}

/**
 * The table in the first sector, or null when there is none: the boot sector of a file system ends
 * with the same two bytes, so the boot flags have to make sense too. `sectorSize` in bytes.
 */
export function parseMbr(read: ReadAt, sectorSize: number): PartitionTable | null {
  const sector = read(0, 512)
  if (sector === null || !isTable(sector)) return null
  const slots = slotsOf(sector)
  if (slots.length === 0 || slots.some(s => s.type === typeProtective && s.slot === 0)) return null
  const signature = le32(sector, 440)
  const id = signature === 0 ? null : signature.toString(16).padStart(8, '0')
  const found = slots.map(s => ({ number: s.slot + 1, type: s.type, start: s.start, sectors: s.sectors }))
  const extended = slots.find(s => extendedTypes.includes(s.type))
  const chain = extended === undefined ? noChain : logicalPartitions(read, sectorSize, extended.start)
  return {
    type: 'dos',
    id,
    entries: [...found, ...chain.partitions].map(p => entry(p, id)),
    damaged: chain.damaged,
  }
}

/** True when the first sector holds the protective MBR that GPT requires. */
export function isProtectiveMbr(sector: Uint8Array): boolean {
  return hex(sector, 510, 2) === '55aa' && slotsOf(sector).some(s => s.type === typeProtective)
}

interface Found {
  readonly number: number
  readonly type: number
  readonly start: number
  readonly sectors: number
}

const noChain: { partitions: readonly Found[]; damaged: string | null } = { partitions: [], damaged: null }

/** Walks the extended boot records: each holds one logical partition and the link to the next record. */
function logicalPartitions(read: ReadAt, sectorSize: number, extendedStart: number): typeof noChain {
  const partitions: Found[] = []
  const seen = new Set<number>()
  let at = extendedStart
  while (partitions.length < maxLogical) {
    if (seen.has(at)) return { partitions, damaged: 'its chain of logical partitions is a loop' }
    seen.add(at)
    const sector = read(at * sectorSize, 512)
    if (sector === null || hex(sector, 510, 2) !== '55aa') {
      return { partitions, damaged: 'its chain of logical partitions is broken' }
    }
    const slots = slotsOf(sector)
    for (const s of slots) {
      if (extendedTypes.includes(s.type)) continue
      partitions.push({ number: 5 + partitions.length, type: s.type, start: at + s.start, sectors: s.sectors })
    }
    const next = slots.find(s => extendedTypes.includes(s.type))
    if (next === undefined) break
    at = extendedStart + next.start
  }
  return { partitions, damaged: null }
}

function isTable(sector: Uint8Array): boolean {
  if (hex(sector, 510, 2) !== '55aa') return false
  for (let slot = 0; slot < 4; slot++) {
    const flag = u8(sector, entriesAt + slot * entrySize)
    if (flag !== 0 && flag !== 0x80) return false
  }
  return true
}

function slotsOf(sector: Uint8Array): Slot[] {
  const slots: Slot[] = []
  for (let slot = 0; slot < 4; slot++) {
    const at = entriesAt + slot * entrySize
    const type = u8(sector, at + 4)
    const sectors = le32(sector, at + 12)
    if (type !== 0 && sectors !== 0) slots.push({ slot, type, start: le32(sector, at + 8), sectors })
  }
  return slots
}

function entry(p: Found, id: string | null): PartitionEntry {
  return {
    number: p.number,
    startSector: p.start,
    sectors: p.sectors,
    uuid: id === null ? null : `${id}-${p.number.toString(16).padStart(2, '0')}`,
    label: null,
    partitionType: `0x${p.type.toString(16)}`,
    typeAttributes: 0,
  }
}
