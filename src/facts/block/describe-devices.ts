// describeDevices: block devices as a table for the console.
//
// The order is disks with their partitions below them, as lsblk(8) shows them; the columns are what
// a person needs to write a root= that works.

import type { BlockDevice } from './block-device.ts'
import { compareNames } from './names.ts'
import { sizeText } from './probe-superblock.ts'

/** One line per device, with a heading line; empty devices (size 0) are left out. `[]` when there is none. */
export function describeDevices(devices: readonly BlockDevice[]): string[] {
  const shown = sortDevices(devices).filter(d => d.sizeBytes > 0)
  if (shown.length === 0) return []
  const rows = shown.map(d => [`${d.parent === null ? '' : '  '}${d.name}`, sizeText(d.sizeBytes), typeOf(d), idsOf(d)])
  const table = [['NAME', 'SIZE', 'TYPE', 'IDS'], ...rows]
  const widths = [0, 1, 2].map(column => Math.max(...table.map(row => (row[column] ?? '').length)))
  return table.map(row => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd())
}

/** Disks by name, each followed by its partitions in the order of their numbers. */
export function sortDevices(devices: readonly BlockDevice[]): BlockDevice[] {
  return [...devices].sort(
    (a, b) =>
      compareNames(a.parent ?? a.name, b.parent ?? b.name) ||
      (a.partition ?? -1) - (b.partition ?? -1) ||
      compareNames(a.name, b.name),
  )
}

/** What is on a device in a few words: 'ext4', 'gpt table', 'nothing known'. */
function typeOf(d: BlockDevice): string {
  if (d.superblock !== null) return d.superblock.type
  if (d.table !== null) return `${d.table.type} table`
  return d.error === null ? '-' : '?'
}

function idsOf(d: BlockDevice): string {
  const words: string[] = []
  const add = (key: string, value: string | null | undefined): void => {
    if (value !== null && value !== undefined) words.push(/[\s"]/.test(value) ? `${key}="${value}"` : `${key}=${value}`)
  }
  add('UUID', d.superblock?.uuid)
  add('LABEL', d.superblock?.label)
  add('PARTUUID', d.partUuid)
  add('PARTLABEL', d.partLabel)
  if (d.mapperName !== null) words.push(`(/dev/mapper/${d.mapperName})`)
  if (d.backingFile !== null) words.push(`(file ${d.backingFile})`)
  if (d.isReadOnly) words.push('(read-only)')
  if (d.superblock?.dirty === true) words.push('(not cleanly unmounted)')
  const damage = d.superblock?.damaged ?? d.table?.damaged ?? d.error
  if (damage !== null && damage !== undefined) words.push(`(${damage})`)
  return words.join(' ')
}
