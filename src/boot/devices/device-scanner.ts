// DeviceScanner: the block devices of the machine, each read at most once.
//
// Waiting for a root looks at the devices again after every event; what was read is kept by device
// number and diskseq, so that a look costs a few reads of sysfs and none of the disks. Only what a
// spec needs is read: /dev/vda1 that one device, PARTUUID= the tables, UUID= superblocks, one device
// after the other until the root is there, so that a dying data disk cannot hinder a healthy root.

import { makeBlockDevice, unread, type BlockDevice, type DeviceContents, type DeviceFacts } from '../../facts/block/block-device.ts'
import { matchRoot, needsReading, type RootMatch } from '../../facts/block/match-root.ts'
import { compareNames } from '../../facts/block/names.ts'
import type { RootSpec } from '../../facts/block/root-spec.ts'
import { readContents } from './device-reader.ts'
import type { DeviceKernel } from './device-kernel.ts'
import { blockNameOf, listBlockNames, readBlockDevice } from './sysfs-block.ts'

export interface DeviceScanner {
  /** Looks for a root, reading as little as can be. A found device has its contents. */
  find(spec: RootSpec): RootMatch
  /** All devices with their contents. */
  scan(): BlockDevice[]
  /** Forgets what was read of a device ('vda'), or of all. */
  forget(name: string | null): void
}

/** All block devices with their contents, once. */
export function scanDevices(kernel: DeviceKernel): BlockDevice[] {
  return createDeviceScanner(kernel).scan()
}

export function createDeviceScanner(kernel: DeviceKernel): DeviceScanner {
  const cache = new Map<string, { name: string; contents: DeviceContents }>()
  // A device that failed may only be late (a drive spinning up, a path not ready): it is asked again,
  // but only once per look.
  const failed = new Map<string, DeviceContents>()

  const contentsOf = (device: DeviceFacts): DeviceContents => {
    const key = `${device.major}:${device.minor}:${device.diskseq ?? ''}:${device.sizeBytes}`
    const known = cache.get(key)?.contents ?? failed.get(key)
    if (known !== undefined) return known
    const contents = readContents(kernel, device)
    if (contents.error === null) cache.set(key, { name: device.name, contents })
    else failed.set(key, contents)
    return contents
  }

  const find = (spec: RootSpec): RootMatch => {
    const reading = needsReading(spec)
    if (reading === 'superblocks') return findByReading(kernel, spec, contentsOf)
    const all = withLinks(kernel, spec, factsFor(kernel, spec))
    // What type a partition has the kernel never tells.
    const isWanted = (d: DeviceFacts): boolean =>
      (reading === 'types' && all.some(p => p.parent === d.name)) || (reading === 'tables' && isTableUntold(d, all))
    const match = matchRoot(spec, assemble(all, isWanted, contentsOf))
    if (match.outcome !== 'found') return match
    const { name } = match.device
    const whole = matchRoot(spec, assemble(all, d => isWanted(d) || d.name === name, contentsOf))
    // One device of several was named: its fellows can be anywhere.
    if (whole.outcome === 'found') return whole
    return matchRoot(spec, assemble(withLinks(kernel, spec, listFacts(kernel)), isNotEmpty, contentsOf))
  }

  return {
    find(spec) {
      failed.clear()
      return find(spec)
    },
    scan() {
      failed.clear()
      return assemble(listFacts(kernel), isNotEmpty, contentsOf)
    },
    forget(name) {
      for (const [key, entry] of cache) if (name === null || entry.name === name) cache.delete(key)
    },
  }
}

type ContentsOf = (device: DeviceFacts) => DeviceContents

const isNotEmpty = (device: DeviceFacts): boolean => device.sizeBytes > 0

/** Facts of all devices, in the order in which they are read. */
function listFacts(kernel: DeviceKernel): DeviceFacts[] {
  const names = listBlockNames(kernel).sort(readingOrder)
  return names.map(name => readBlockDevice(kernel, name)).filter(device => device !== null)
}

/** Facts of the devices that can be meant: of one, where the spec says which. */
function factsFor(kernel: DeviceKernel, spec: RootSpec): DeviceFacts[] {
  if (spec.kind !== 'name' && spec.kind !== 'number') return listFacts(kernel)
  const name = spec.kind === 'name' ? spec.name : blockNameOf(kernel, spec.major, spec.minor)
  const device = name === null ? null : readBlockDevice(kernel, name)
  return device === null ? [] : [device]
}

/** Superblocks one after the other; neither facts nor contents of a device behind the root are read. */
function findByReading(kernel: DeviceKernel, spec: RootSpec, contentsOf: ContentsOf): RootMatch {
  const seen: DeviceFacts[] = []
  let match: RootMatch = { outcome: 'notYet', detail: null, incomplete: [] }
  for (const name of listBlockNames(kernel).sort(readingOrder)) {
    const device = readBlockDevice(kernel, name)
    if (device === null || device.sizeBytes === 0) continue
    seen.push(device)
    if (contentsOf(device).superblock === null) continue
    match = matchRoot(spec, assemble(seen, isNotEmpty, contentsOf))
    if (match.outcome === 'found') return match
  }
  return match
}

/** Devices put together from those contents that `isWanted` asks for. */
function assemble(all: readonly DeviceFacts[], isWanted: (d: DeviceFacts) => boolean, contentsOf: ContentsOf): BlockDevice[] {
  const read = all.map(device => ({ device, contents: isWanted(device) ? contentsOf(device) : unread }))
  const tables = new Map(read.map(({ device, contents }) => [device.name, contents.table]))
  return read.map(({ device, contents }) =>
    makeBlockDevice(device, contents, device.parent === null ? null : (tables.get(device.parent) ?? null)),
  )
}

/** True for a disk with partitions of which the kernel does not tell the PARTUUID. */
function isTableUntold(disk: DeviceFacts, all: readonly DeviceFacts[]): boolean {
  return all.some(d => d.parent === disk.name && d.kernelPartUuid === null)
}

/** By name alone, so that the order is known before anything is read. */
const readingRanks: readonly (readonly [RegExp, number])[] = [
  // Mapped devices: what they are built on can look the same.
  [/^(dm-|md)\d/, 0],
  [/^(loop|ram|zram|nbd)\d/, 2],
  // Floppies and empty drives can take seconds; boot areas of eMMC hold firmware.
  [/^(fd|sr)\d|^mmcblk\d+boot/, 3],
]

function readingRank(name: string): number {
  return readingRanks.find(([pattern]) => pattern.test(name))?.[1] ?? 1
}

function readingOrder(a: string, b: string): number {
  return readingRank(a) - readingRank(b) || compareNames(a, b)
}

/**
 * For a spec that is a link: the device it leads to learns that name. Without udev what is below /dev/mapper are no links
 * but nodes, which /dev/VG/LV leads to.
 */
function withLinks(kernel: DeviceKernel, spec: RootSpec, all: readonly DeviceFacts[]): readonly DeviceFacts[] {
  if (spec.kind !== 'link' || !kernel.exists(spec.path)) return all
  const target = kernel.realpath(spec.path)
  const isTarget = ({ name, mapperName }: DeviceFacts): boolean => target === `/dev/${name}` || (mapperName !== null && target === `/dev/mapper/${mapperName}`)
  return all.map(device => (isTarget(device) ? { ...device, links: [spec.path] } : device))
}
