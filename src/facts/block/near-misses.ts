// nearMisses: why the root that was asked for is not there, as far as the devices can tell.
//
// "No such device" costs people hours; most of the time the answer stands in what was seen: a digit
// mistyped, a UUID used as a PARTUUID, a file system inside LUKS, a table that the kernel refused.

import { editDistance } from '../nearest.ts'
import type { BlockDevice } from './block-device.ts'
import { gptAutoMisses } from './gpt-auto.ts'
import { matchRoot } from './match-root.ts'
import type { RootSpec } from './root-spec.ts'

/** Ids that differ in more characters than this are different ids. */
const nearIdDistance = 4

/** Lines without full stop, the likeliest first; empty when nothing comes near. */
export function nearMisses(spec: RootSpec, devices: readonly BlockDevice[]): string[] {
  const lines: string[] = []
  const match = matchRoot(spec, devices)
  if (match.outcome === 'notYet' && match.detail !== null) lines.push(match.incomplete.length === 0 ? match.detail : `${match.detail}; rootflags=degraded does without the others, if it can`)
  lines.push(...bySpec(spec, devices))
  lines.push(...obstacles(spec, devices))
  return [...new Set(lines)]
}

function bySpec(spec: RootSpec, devices: readonly BlockDevice[]): string[] {
  switch (spec.kind) {
    case 'gpt-auto':
      return gptAutoMisses(spec, devices)
    case 'uuid':
      return nearIds('UUID', spec.uuid, devices)
    case 'partuuid':
      return [...nearIds('PARTUUID', spec.uuid, devices), ...offsetMiss(spec.uuid, spec.offset, devices)]
    case 'label':
      return nearIds('LABEL', spec.label, devices)
    case 'partlabel':
      return nearIds('PARTLABEL', spec.label, devices)
    case 'name':
      return nearNames(spec.name, devices)
    case 'tag':
      return devices
        .filter(d => d.name === spec.tag)
        .map(d => `'${spec.tag}' is a block device here, root=/dev/${d.name} names it`)
    case 'mapper':
      return nearMapper(spec.name, devices)
    case 'inside':
    case 'number':
    case 'hooks':
    case 'link':
      return []
  }
}

type IdKey = 'UUID' | 'LABEL' | 'PARTUUID' | 'PARTLABEL'

interface SeenId {
  readonly key: IdKey | 'PTUUID'
  readonly value: string
  readonly device: BlockDevice
  readonly where: string
}

/** Every id that was seen, those in tables for which the kernel made no partition included. */
function seenIds(devices: readonly BlockDevice[]): SeenId[] {
  const seen: SeenId[] = []
  for (const device of devices) {
    const add = (key: SeenId['key'], value: string | null | undefined, where: string): void => {
      if (value !== null && value !== undefined) seen.push({ key, value, device, where })
    }
    const type = device.superblock?.type ?? device.table?.type
    const here = type === undefined ? device.name : `${device.name} (${type})`
    add('UUID', device.superblock?.uuid, here)
    add('LABEL', device.superblock?.label, here)
    add('PARTUUID', device.partUuid, here)
    add('PARTLABEL', device.partLabel, here)
    add('PTUUID', device.table?.id, here)
    for (const entry of device.table?.entries ?? []) {
      if (devices.some(d => d.parent === device.name && d.partition === entry.number)) continue
      const there = `entry ${entry.number} in the table of ${device.name}, for which the kernel made no partition`
      add('PARTUUID', entry.uuid, there)
      add('PARTLABEL', entry.label, there)
    }
  }
  return seen
}

function nearIds(key: IdKey, wanted: string, devices: readonly BlockDevice[]): string[] {
  const seen = seenIds(devices)
  const lower = wanted.toLowerCase()
  const equal = seen.filter(id => id.value.toLowerCase() === lower)
  const near = seen
    .filter(id => id.key === key && id.value.toLowerCase() !== lower)
    .map(id => ({ id, distance: distanceOf(lower, id.value.toLowerCase()) }))
    .filter(({ id, distance }) => distance <= Math.min(nearIdDistance, Math.floor(id.value.length / 3)))
    .sort((a, b) => a.distance - b.distance)
  return [
    ...equal.map(id => equalLine(key, wanted, id)).filter(line => line !== null),
    ...near.map(({ id, distance }) => `${id.key}=${id.value} of ${id.where} ${difference(wanted, id.value, distance)}`),
  ]
}

/** Two long ids are compared only when they can be near: the full distance of all pairs would be slow. */
function distanceOf(a: string, b: string): number {
  return Math.abs(a.length - b.length) > nearIdDistance ? Infinity : editDistance(a, b)
}

function difference(wanted: string, seen: string, distance: number): string {
  if (seen.startsWith(wanted)) return 'begins with what was asked for'
  if (wanted.startsWith(seen)) return 'is only the beginning of what was asked for'
  return `differs in ${distance} character${distance === 1 ? '' : 's'}`
}

/** The same value elsewhere: under another key, in another case, or on something that is no file system. */
function equalLine(key: IdKey, wanted: string, id: SeenId): string | null {
  if (id.key !== key) {
    if (id.key === 'PTUUID') return `${wanted} is the id of the partition table of ${id.device.name}, not of a partition`
    return `${wanted} is the ${id.key} of ${id.where}, not its ${key}: write root=${id.key}=${id.value}`
  }
  const contents = id.device.superblock
  if ((key === 'UUID' || key === 'LABEL') && contents !== null && contents.usage !== 'filesystem') {
    return `${key}=${id.value} is ${contents.type} on ${id.device.name}, which is no file system${inside(contents.type)}`
  }
  if (id.value !== wanted && (key === 'LABEL' || key === 'PARTLABEL')) {
    return `${key}=${id.value} of ${id.where} differs in upper and lower case`
  }
  return id.where.startsWith('entry') ? `${key}=${id.value} is ${id.where}` : null
}

function inside(type: string): string {
  if (type === 'crypto_LUKS') return ': the root is inside and has to be unlocked first'
  if (type === 'LVM2_member') return ': the root is a logical volume in it'
  if (type === 'linux_raid_member') return ': the array has to be assembled first'
  return ''
}

function offsetMiss(uuid: string, offset: number, devices: readonly BlockDevice[]): string[] {
  const anchor = offset === 0 ? undefined : devices.find(d => d.partUuid?.toLowerCase() === uuid.toLowerCase())
  if (anchor === undefined) return []
  return [`PARTUUID=${uuid} is ${anchor.name}, but ${anchor.parent ?? 'its disk'} has no partition ${(anchor.partition ?? 0) + offset}`]
}

function nearNames(name: string, devices: readonly BlockDevice[]): string[] {
  const lines: string[] = []
  const self = devices.find(d => d.name === name)
  if (self !== undefined && self.sizeBytes === 0) lines.push(`${name} is there but empty (size 0)`)
  const parts = /^(.*?\D)(?:(?<=\d)p)?(\d+)$/.exec(name)
  const disk = devices.find(d => d.name === parts?.[1])
  if (self === undefined && disk !== undefined) {
    const own = devices.filter(d => d.parent === disk.name).map(d => d.name)
    if (own.length > 0) lines.push(`${disk.name} is there, with ${own.join(', ')} but no ${name}`)
    else if (disk.superblock !== null) {
      const { type } = disk.superblock
      lines.push(`${disk.name} has no partitions, but ${type} on the whole disk: try root=/dev/${disk.name}`)
    } else lines.push(`${disk.name} is there, but the kernel sees no partitions on it`)
  }
  const number = partitionNumber(name)
  for (const device of self === undefined && disk === undefined ? devices : []) {
    if (device.sizeBytes === 0 || device.superblock?.usage !== 'filesystem') continue
    if (number !== device.partition) continue
    lines.push(`${device.name} has ${device.superblock.type}: the same disk under another driver is named differently`)
  }
  return lines
}

/** The partition number in a device name: sda1 is 1, nvme0n1p3 is 3, vda and nvme0n1 have none. */
function partitionNumber(name: string): number | null {
  const digits = /^(?:nvme\d+n\d+|mmcblk\d+|loop\d+|nbd\d+|md\d+)(?:p(\d+))?$/.exec(name) ?? /^[a-z]+(\d+)?$/.exec(name)
  return digits?.[1] === undefined ? null : Number(digits[1])
}

function nearMapper(name: string, devices: readonly BlockDevice[]): string[] {
  const names = devices.map(d => d.mapperName).filter(n => n !== null)
  const near = names.filter(n => editDistance(n, name) <= nearIdDistance).map(n => `/dev/mapper/${n} is there`)
  return [...near, ...devices.flatMap(d => unnamedLuks(name, d))]
}

/** What was unlocked without anybody having said how it is called. */
function unnamedLuks(name: string, { mapperName, superblock }: BlockDevice): string[] {
  const uuid = /^luks-([0-9a-f-]{36})$/.exec(mapperName ?? '')?.[1]
  if (uuid === undefined || superblock?.usage !== 'filesystem') return []
  return [`/dev/mapper/luks-${uuid} has ${superblock.type} on it: rd.luks.name=${uuid}=${name} gives it this name`]
}

/** What stands between the disks and any root: refused tables, unreadable disks, containers, damage. */
function obstacles(spec: RootSpec, devices: readonly BlockDevice[]): string[] {
  if (spec.kind === 'tag') return []
  const lines: string[] = []
  const used = new Set(devices.flatMap(d => d.slaves))
  for (const device of devices) {
    if (device.error !== null) lines.push(`${device.name} cannot be read: ${device.error}`)
    if (device.table?.damaged) lines.push(`the ${device.table.type} table of ${device.name}: ${device.table.damaged}`)
    if (device.superblock?.damaged) lines.push(`${device.superblock.type} on ${device.name}: ${device.superblock.damaged}`)
    const type = device.superblock?.type ?? ''
    const note = inside(type).replace('the root is', 'the root may be')
    if (note !== '' && !used.has(device.name)) lines.push(`${device.name} is ${type}${note}`)
  }
  return lines
}
