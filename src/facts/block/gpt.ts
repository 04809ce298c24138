// Parser of the GUID partition table, primary and backup, with its CRCs.
//
// The kernel is strict: without a protective MBR, or with a damaged primary table and no `gpt` on its
// command line, it makes no partitions, and it looks for the table in the disk's own sector size
// only. All three are told as damage, with the partitions that would be there.
// Source: UEFI specification 2.10 chapter 5, block/partitions/efi.c.

import { guidAt, hasText, le16, le32, le64, utf16At, type ReadAt } from './bytes.ts'
import { crc32, withZeros } from './checksum.ts'
import { isProtectiveMbr } from './mbr.ts'
import type { PartitionEntry, PartitionTable } from './partition-table.ts'

const sectorSizes = [512, 4096]
const headerSize = 92
/** A table of more bytes than this is no table. The usual one is 128 entries of 128 bytes. */
const maxTableBytes = 4 * 1024 * 1024

/** The table of a disk of `sizeBytes` bytes with logical sectors of `sectorSize` bytes, or null. */
export function parseGpt(read: ReadAt, sizeBytes: number, sectorSize: number): PartitionTable | null {
  const others = sectorSizes.filter(size => size !== sectorSize)
  return (
    parseWith(read, sizeBytes, sectorSize, null) ??
    firstOf(others, size =>
      parseWith(read, sizeBytes, size, `it was written for sectors of ${size} bytes, this disk has ${sectorSize}`),
    )
  )
}

function parseWith(read: ReadAt, sizeBytes: number, sectorSize: number, remark: string | null): PartitionTable | null {
  const primary = header(read, 1, sectorSize)
  if (primary.table !== null) {
    const mbr = read(0, 512)
    const isProtected = mbr !== null && isProtectiveMbr(mbr)
    return { ...primary.table, damaged: remark ?? (isProtected ? null : 'it has no protective MBR, so the kernel ignores it') }
  }
  // Without any sign of a primary table a backup is a leftover, unless the protective MBR promises one.
  const mbr = read(0, 512)
  if (primary.reason === null && (mbr === null || !isProtectiveMbr(mbr))) return null
  const reason = primary.reason ?? 'it is missing'
  const backup = header(read, Math.floor(sizeBytes / sectorSize) - 1, sectorSize)
  const damaged = remark ?? `its primary table cannot be used: ${reason}`
  if (backup.table !== null) {
    return { ...backup.table, damaged: `${damaged}; the backup is good, 'gpt' on the kernel command line makes the kernel use it` }
  }
  return primary.reason === null ? null : { type: 'gpt', id: null, entries: [], damaged: `${damaged}; there is no good backup` }
}

/** Either a table, or why not; both null when there is no header at all. */
type HeaderResult = { table: PartitionTable; reason: null } | { table: null; reason: string | null }

function header(read: ReadAt, lba: number, sectorSize: number): HeaderResult {
  const none = (reason: string | null): HeaderResult => ({ table: null, reason })
  const bytes = lba > 0 ? read(lba * sectorSize, 512) : null
  if (bytes === null || !hasText(bytes, 0, 'EFI PART')) return none(null)
  const size = le32(bytes, 12)
  if (size < headerSize || size > 512) return none(`its header says it is ${size} bytes long`)
  if (crc32(withZeros(bytes.subarray(0, size), 16, 4)) !== le32(bytes, 16)) return none('the checksum of its header is wrong')
  if (le64(bytes, 24) !== lba) return none('its header belongs to another place')
  const entrySize = le32(bytes, 84)
  const tableBytes = le32(bytes, 80) * entrySize
  if (entrySize < 128 || tableBytes > maxTableBytes) return none('the size of its entries makes no sense')
  const entries = read(le64(bytes, 72) * sectorSize, tableBytes)
  if (entries === null) return none('its entries cannot be read')
  if (crc32(entries) !== le32(bytes, 88)) return none('the checksum of its entries is wrong')
  return { table: { type: 'gpt', id: guidAt(bytes, 56), entries: parseEntries(entries, entrySize), damaged: null }, reason: null }
}

function parseEntries(bytes: Uint8Array, entrySize: number): PartitionEntry[] {
  const entries: PartitionEntry[] = []
  for (let at = 0; at + entrySize <= bytes.length; at += entrySize) {
    const partitionType = guidAt(bytes, at)
    if (partitionType === null) continue
    const first = le64(bytes, at + 32)
    entries.push({
      number: at / entrySize + 1,
      startSector: first,
      sectors: le64(bytes, at + 40) - first + 1,
      uuid: guidAt(bytes, at + 16),
      label: utf16At(bytes, at + 56, 36),
      partitionType,
      typeAttributes: le16(bytes, at + 54),
    })
  }
  return entries
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | null): R | null {
  for (const item of items) {
    const found = find(item)
    if (found !== null) return found
  }
  return null
}
