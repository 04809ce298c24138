// The words of the kernel command line about LVM and md RAID, and what they mean.
//
// Table and reader side by side. Pure: part of parameters.ts.
// Man pages: dracut.cmdline(7), lvm(8), mdadm(8), docs/man/fulcrum.7.

import { parameter } from './parameter.ts'
import type { Parameter } from './parameter.ts'
import type { WordReader } from './reader.ts'

/** What may be activated of LVM. */
export interface LvmWords {
  readonly isOn: boolean
  /** Volume groups, as given. */
  readonly groups: readonly string[]
  /** Logical volumes, as given: 'VG/LV'. */
  readonly volumes: readonly string[]
  /** Whether the lvm.conf of the image is used. */
  readonly useConf: boolean
}

/** What may be assembled of md. */
export interface MdWords {
  readonly isOn: boolean
  /** UUIDs of arrays, lower case hexadecimal digits alone; empty: all. */
  readonly uuids: readonly string[]
  readonly useConf: boolean
  /** Intel's metadata, and DDF. */
  readonly imsm: boolean
  readonly ddf: boolean
}

export const volumeParameters: readonly Parameter[] = [
  parameter('dracut', 'rd.lvm', 'BOOL', 'yes', 'Whether LVM is activated'),
  parameter('dracut', 'rd.lvm.lv', 'VG/LV', 'all',
    'Activate this logical volume; repeat it for more. What root= names is activated as well, and nothing else',
  ),
  parameter('dracut', 'rd.lvm.vg', 'VG', 'all',
    'Activate this volume group; repeat it for more. What root= names is activated as well, and nothing else',
  ),
  parameter('dracut', 'rd.lvm.conf', 'BOOL', 'yes', 'Whether the lvm.conf of the image is used'),
  parameter('dracut', 'rd.md', 'BOOL', 'yes', 'Whether md arrays are assembled'),
  parameter('dracut', 'rd.md.uuid', 'UUID', 'all', 'Assemble this array; repeat it for more, and nothing else'),
  parameter('dracut', 'rd.md.conf', 'BOOL', 'yes', 'Whether the mdadm.conf of the image is used'),
  parameter('dracut', 'rd.md.imsm', 'BOOL', 'yes', 'Whether arrays with the metadata of Intel (IMSM) are assembled'),
  parameter('dracut', 'rd.md.ddf', 'BOOL', 'yes', 'Whether arrays with DDF metadata are assembled'),
]

/** UUIDs as mdadm ('1:2:3:4') and blkid ('1-2-3') spell them, as what both have. */
export function arrayId(text: string): string {
  return text.toLowerCase().replaceAll(/[^0-9a-f]/g, '')
}

function readArrays(read: WordReader): string[] {
  const ids: string[] = []
  for (const text of read.list('rd.md.uuid')) {
    if (/^[0-9a-f]{32}$/.test(arrayId(text))) ids.push(arrayId(text))
    else read.problem('rd.md.uuid', text, 'the UUID of an array, 32 hexadecimal digits')
  }
  return ids
}

function readVolumes(read: WordReader): string[] {
  const volumes: string[] = []
  for (const text of read.list('rd.lvm.lv')) {
    const name = text.replace(/^\/dev\//, '')
    if (/^[^/]+\/[^/]+$/.test(name)) volumes.push(name)
    else read.problem('rd.lvm.lv', text, "'VG/LV'")
  }
  return volumes
}

export function readLvmWords(read: WordReader): LvmWords {
  return { isOn: read.boolean('rd.lvm', true), groups: read.list('rd.lvm.vg'), volumes: readVolumes(read), useConf: read.boolean('rd.lvm.conf', true) }
}

export function readMdWords(read: WordReader): MdWords {
  return {
    isOn: read.boolean('rd.md', true), uuids: readArrays(read), useConf: read.boolean('rd.md.conf', true),
    imsm: read.boolean('rd.md.imsm', true), ddf: read.boolean('rd.md.ddf', true),
  }
}
