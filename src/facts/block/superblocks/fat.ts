// Boot sector of FAT12, FAT16 and FAT32 (vfat).
//
// FAT has no magic worth the name: 0x55AA ends every boot sector. So the numbers must make sense
// together. The label that counts is the volume entry of the root directory, as in blkid(8); the one
// in the boot sector is a leftover of formatting. Source: Microsoft FAT specification 1.03,
// include/uapi/linux/msdos_fs.h.

import { hasText, hex, le16, le32, textAt, u8, type ReadAt } from '../bytes.ts'
import { superblock, type SuperblockProber } from '../superblock.ts'

const dirEntrySize = 32
const attributeVolume = 0x08
const attributeDirectory = 0x10
const attributeLongName = 0x0f
const maxRootClusters = 64

interface Geometry {
  readonly sectorSize: number
  readonly clusterSize: number
  readonly fatAt: number
  readonly rootAt: number
  readonly rootEntries: number
  readonly dataAt: number
  readonly rootCluster: number
  readonly isFat32: boolean
  readonly sizeBytes: number
}

export const fatProber: SuperblockProber = {
  window: { offset: 0, length: 512 },
  probe(bytes, read) {
    const geometry = geometryOf(bytes)
    if (geometry === null) return null
    const serialAt = geometry.isFat32 ? 67 : 39
    const flagsAt = geometry.isFat32 ? 65 : 37
    return superblock({
      type: 'vfat',
      usage: 'filesystem',
      uuid: serialText(bytes, serialAt),
      label: rootLabel(geometry, read),
      sizeBytes: geometry.sizeBytes,
      dirty: (u8(bytes, flagsAt) & 1) !== 0,
    })
  },
}

/** A 32-bit volume serial as FAT and exFAT show it: 'ABCD-1234'; null when zero. */
export function serialText(bytes: Uint8Array, at: number): string | null {
  if (le32(bytes, at) === 0) return null
  const h = le32(bytes, at).toString(16).padStart(8, '0').toUpperCase()
  return `${h.slice(0, 4)}-${h.slice(4)}`
}

const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0

function geometryOf(b: Uint8Array): Geometry | null {
  const jump = u8(b, 0)
  const isNamed = hasText(b, 54, 'FAT') || hasText(b, 82, 'FAT32')
  const isBootSector = hex(b, 510, 2) === '55aa'
  if (!isNamed && !(isBootSector && (jump === 0xeb || jump === 0xe9))) return null
  if (hasText(b, 3, 'NTFS') || hasText(b, 3, 'EXFAT')) return null
  const sectorSize = le16(b, 11)
  const sectorsPerCluster = u8(b, 13)
  const reserved = le16(b, 14)
  const fats = u8(b, 16)
  const rootEntries = le16(b, 17)
  const media = u8(b, 21)
  const isFat32 = le16(b, 22) === 0
  const fatSectors = isFat32 ? le32(b, 36) : le16(b, 22)
  const sectors = le16(b, 19) !== 0 ? le16(b, 19) : le32(b, 32)
  if (!isPowerOfTwo(sectorSize) || sectorSize < 512 || sectorSize > 4096 || !isPowerOfTwo(sectorsPerCluster)) return null
  if (reserved === 0 || fats === 0 || fatSectors === 0 || sectors === 0) return null
  if (media < 0xf8 && media !== 0xf0) return null
  const rootAt = (reserved + fats * fatSectors) * sectorSize
  return {
    sectorSize,
    clusterSize: sectorSize * sectorsPerCluster,
    fatAt: reserved * sectorSize,
    rootAt,
    rootEntries,
    dataAt: rootAt + rootEntries * dirEntrySize,
    rootCluster: le32(b, 44),
    isFat32,
    sizeBytes: sectors * sectorSize,
  }
}

function rootLabel(g: Geometry, read: ReadAt): string | null {
  if (!g.isFat32) {
    const root = read(g.rootAt, g.rootEntries * dirEntrySize)
    return root === null ? null : labelIn(root).label
  }
  let cluster = g.rootCluster
  for (let i = 0; i < maxRootClusters && cluster >= 2 && cluster < 0x0ffffff0; i++) {
    const bytes = read(g.dataAt + (cluster - 2) * g.clusterSize, g.clusterSize)
    if (bytes === null) return null
    const { label, ended } = labelIn(bytes)
    if (ended) return label
    const next = read(g.fatAt + cluster * 4, 4)
    if (next === null) return null
    cluster = le32(next, 0) & 0x0fffffff
  }
  return null
}

/** The volume entry among directory entries; `ended` when it was found or no entry can follow. */
function labelIn(entries: Uint8Array): { label: string | null; ended: boolean } {
  for (let at = 0; at + dirEntrySize <= entries.length; at += dirEntrySize) {
    const first = u8(entries, at)
    const attributes = u8(entries, at + 11)
    if (first === 0) return { label: null, ended: true }
    if (first === 0xe5 || (attributes & 0x3f) === attributeLongName) continue
    if ((attributes & (attributeVolume | attributeDirectory)) !== attributeVolume) continue
    return { label: textAt(entries, at, 11, 'latin1'), ended: true }
  }
  return { label: null, ended: false }
}
