// matchRoot: which of the devices seen is the root that was asked for.
//
// Pure, so that every spelling can be tested without a disk. Where several devices carry the same
// id (a snapshot, the paths of a multipath disk, both halves of a mirror) the choice is defined:
// never a device that another one is built on, mapped devices first, then by name.

import type { BlockDevice } from './block-device.ts'
import { findByType } from './gpt-auto.ts'
import { compareNames } from './names.ts'
import { decodeUdev, type RootSpec } from './root-spec.ts'

export type RootMatch =
  | {
      readonly outcome: 'found'
      readonly device: BlockDevice
      /** All devices of the file system, `device` among them (btrfs); else that one alone. */
      readonly members: readonly BlockDevice[]
      /** Names of further devices with the same id, which were not chosen. */
      readonly others: readonly string[]
    }
  | {
      readonly outcome: 'notYet'
      /** What is there but not complete, or null: "btrfs has 1 of its 2 devices". */
      readonly detail: string | null
      /** What is there of a file system on several devices, preferred one first; else empty. */
      readonly incomplete: readonly BlockDevice[]
    }
  /** Several, and nothing says which; `detail` lists them. gpt-auto only. */
  | { readonly outcome: 'ambiguous'; readonly detail: string }

/** Finds the root among devices. A tag is not among them: see findTag in src/boot/devices. */
export function matchRoot(spec: RootSpec, devices: readonly BlockDevice[]): RootMatch {
  if (spec.kind === 'gpt-auto') return matchGptAuto(spec, devices)
  const matching = candidates(spec, devices)
  const used = new Set(devices.flatMap(d => d.slaves))
  const usable = spec.kind === 'name' || spec.kind === 'number' ? matching : matching.filter(d => !used.has(d.name))
  const [device, ...rest] = [...usable].sort(byPreference)
  if (device === undefined) return { outcome: 'notYet', detail: null, incomplete: [] }
  const count = device.superblock?.deviceCount ?? 1
  if (count === 1) return { outcome: 'found', device, members: [device], others: rest.map(d => d.name) }
  const members = devices.filter(d => isSameFilesystem(d, device))
  if (members.length < count) {
    const detail = `${device.superblock?.type ?? ''} on ${device.name} has ${members.length} of its ${count} devices`
    return { outcome: 'notYet', detail, incomplete: [device, ...members.filter(d => d !== device)] }
  }
  return { outcome: 'found', device, members, others: [] }
}

/** How much of the devices has to be read before a spec can be matched. */
export function needsReading(spec: RootSpec): 'nothing' | 'types' | 'tables' | 'superblocks' {
  if (spec.kind === 'gpt-auto') return 'types'
  if (spec.kind === 'uuid' || spec.kind === 'label') return 'superblocks'
  return spec.kind === 'partuuid' || spec.kind === 'partlabel' ? 'tables' : 'nothing'
}

function candidates(spec: RootSpec, devices: readonly BlockDevice[]): BlockDevice[] {
  switch (spec.kind) {
    case 'name':
      return devices.filter(d => d.name === spec.name && d.sizeBytes > 0)
    case 'mapper':
      return devices.filter(d => d.mapperName === spec.name && d.sizeBytes > 0)
    case 'link':
      // cciss!c0d0 and its like are real nodes one level down, everything else is a link.
      // An array that was not started yet has its link already.
      return devices.filter(d => (d.path === spec.path || d.links.includes(spec.path)) && d.sizeBytes > 0)
    case 'inside':
      return devices.filter(d => d.slaves.includes(spec.name) && d.sizeBytes > 0)
    case 'number':
      return devices.filter(d => d.major === spec.major && d.minor === spec.minor && d.sizeBytes > 0)
    case 'uuid':
      return devices.filter(d => isNamed(d) && sameId(d.superblock?.uuid, spec.uuid))
    case 'label':
      return devices.filter(d => isNamed(d) && sameLabel(d.superblock?.label, spec.label))
    case 'partuuid':
      return devices.filter(d => sameId(d.partUuid, spec.uuid)).flatMap(d => atOffset(d, spec.offset, devices))
    case 'partlabel':
      return devices.filter(d => sameLabel(d.partLabel, spec.label))
    case 'tag':
    case 'hooks':
    case 'gpt-auto':
      return []
  }
}

function matchGptAuto(spec: RootSpec & { readonly kind: 'gpt-auto' }, devices: readonly BlockDevice[]): RootMatch {
  const found = findByType('root', spec.arch, spec.esp, devices)
  const [device, second] = found.partitions
  if (device === undefined) return { outcome: 'notYet', detail: found.detail, incomplete: [] }
  if (second !== undefined) return { outcome: 'ambiguous', detail: found.detail ?? '' }
  return { outcome: 'found', device, members: [device], others: [] }
}

/** Without a file system, and named all the same: swap for resume=, the hashes of dm-verity. */
const NAMED_TYPES: readonly string[] = ['swap', 'swsuspend', 'DM_verity_hash']

/** What else is no file system (LUKS, LVM) is named by what is in it. */
const isNamed = ({ superblock }: BlockDevice): boolean =>
  superblock !== null && (superblock.usage === 'filesystem' || NAMED_TYPES.includes(superblock.type))

const sameId = (seen: string | null | undefined, wanted: string): boolean =>
  seen !== null && seen !== undefined && seen.toLowerCase() === wanted.toLowerCase()

/** A label may be given as it is or with udev's escapes. */
const sameLabel = (seen: string | null | undefined, wanted: string): boolean =>
  seen !== null && seen !== undefined && (seen === wanted || seen === decodeUdev(wanted))

function atOffset(device: BlockDevice, offset: number, devices: readonly BlockDevice[]): BlockDevice[] {
  if (offset === 0) return [device]
  return devices.filter(d => d.parent === device.parent && d.partition === (device.partition ?? 0) + offset)
}

function isSameFilesystem(a: BlockDevice, b: BlockDevice): boolean {
  return a.superblock?.type === b.superblock?.type && a.superblock?.uuid === b.superblock?.uuid
}

function rank(device: BlockDevice): number {
  if (device.mapperName !== null) return 0
  return device.slaves.length > 0 ? 1 : 2
}

/** Mapped devices first, then by name with numbers as numbers: vda2 before vda10. */
function byPreference(a: BlockDevice, b: BlockDevice): number {
  return rank(a) - rank(b) || compareNames(a.name, b.name)
}
