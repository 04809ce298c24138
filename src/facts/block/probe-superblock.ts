// probeSuperblock: what is on a device, from reads that somebody else makes.
//
// The common case reads one window of 68 KiB at the start (headLength) and a few sectors at the end.
// Copies of lost superblocks are looked for only when nothing else was found.

import type { ReadAt } from './bytes.ts'
import type { Superblock } from './superblock.ts'
import { probeBtrfsMirror } from './superblocks/btrfs.ts'
import { probeExtBackup } from './superblocks/ext.ts'
import { superblockProbers } from './superblocks/index.ts'

/** Bytes at the start of a device that hold every fixed superblock; one read of it serves all probers. */
export const headLength = 68 * 1024

/** Bytes to readable size: '1.5 GiB'. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value < 10 && unit > 0 ? Math.round(value * 10) / 10 : Math.round(value)} ${units[unit] ?? ''}`
}

/**
 * The superblock of a device of `sizeBytes` bytes, or null when nothing is recognised.
 * With `lookForCopies` (a device without partition table) also one whose primary is gone.
 */
export function probeSuperblock(read: ReadAt, sizeBytes: number, lookForCopies: boolean): Superblock | null {
  for (const prober of superblockProbers) {
    const bytes = readWindow(read, prober.window.offset, prober.window.length, sizeBytes)
    const found = bytes === null ? null : prober.probe(bytes, read, sizeBytes)
    if (found !== null) return withSizeCheck(found, sizeBytes)
  }
  if (!lookForCopies) return null
  return probeExtBackup(read) ?? probeBtrfsMirror(read)
}

/** A window, shortened when the device ends inside it. */
function readWindow(read: ReadAt, offset: number, length: number, sizeBytes: number): Uint8Array | null {
  const available = Math.min(length, sizeBytes - offset)
  return available <= 0 ? null : read(offset, available)
}

/** Kernels refuse a file system that is larger than its device, as a shrunk partition or a cut image leaves it. */
function withSizeCheck(found: Superblock, sizeBytes: number): Superblock {
  const isFilesystem = found.usage === 'filesystem'
  if (!isFilesystem || found.damaged !== null || found.sizeBytes === null || found.sizeBytes <= sizeBytes) return found
  return {
    ...found,
    damaged: `it is ${sizeText(found.sizeBytes)} (${found.sizeBytes} bytes), larger than its device of ${sizeBytes} bytes`,
  }
}
