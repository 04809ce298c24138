// A disk with a GUID partition table, as bytes: protective MBR, primary and backup, right checksums.
//
// Test helper. Sectors of 512 bytes, 128 entries of 128 bytes.

import { crc32 } from './checksum.ts'

export interface GptEntry {
  readonly type: string
  readonly uuid: string
  readonly label?: string
  /** Bits 48 to 63. */
  readonly typeAttributes?: number
}

const SECTOR = 512
const TABLE = 128 * 128

function guidBytes(guid: string): Buffer {
  const [a = '', b = '', c = '', d = '', e = ''] = guid.split('-')
  const swapped = (hex: string): Buffer => Buffer.from(hex, 'hex').reverse()
  return Buffer.concat([swapped(a), swapped(b), swapped(c), Buffer.from(d + e, 'hex')])
}

function header(lba: number, other: number, tableLba: number, sectors: number, table: Uint8Array): Buffer {
  const bytes = Buffer.alloc(SECTOR)
  bytes.write('EFI PART\0\0\x01\0', 'latin1')
  bytes.writeUInt32LE(92, 12)
  bytes.writeUInt32LE(lba, 24)
  bytes.writeUInt32LE(other, 32)
  bytes.writeUInt32LE(34, 40)
  bytes.writeUInt32LE(sectors - 34, 48)
  bytes.set(guidBytes('d15c0000-0000-4000-8000-000000000001'), 56)
  bytes.writeUInt32LE(tableLba, 72)
  bytes.writeUInt32LE(128, 80)
  bytes.writeUInt32LE(128, 84)
  bytes.writeUInt32LE(crc32(table), 88)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 16)
  return bytes
}

/** The disk; partition N begins at sector 64 + 8 * N and has 8 sectors. */
export function gptDisk(entries: readonly GptEntry[], sectors = 2048): Buffer {
  const disk = Buffer.alloc(sectors * SECTOR)
  disk.set([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], 446)
  disk.set([0x55, 0xaa], 510)
  const table = Buffer.alloc(TABLE)
  for (const [i, { type, uuid, label = '', typeAttributes = 0 }] of entries.entries()) {
    const at = i * 128
    table.set(guidBytes(type), at)
    table.set(guidBytes(uuid), at + 16)
    table.writeUInt32LE(64 + 8 * (i + 1), at + 32)
    table.writeUInt32LE(64 + 8 * (i + 1) + 7, at + 40)
    table.writeUInt16LE(typeAttributes, at + 54)
    table.write(label, at + 56, 'utf16le')
  }
  disk.set(header(1, sectors - 1, 2, sectors, table), SECTOR)
  disk.set(table, 2 * SECTOR)
  disk.set(table, (sectors - 33) * SECTOR)
  disk.set(header(sectors - 1, 1, sectors - 33, sectors, table), (sectors - 1) * SECTOR)
  return disk
}
