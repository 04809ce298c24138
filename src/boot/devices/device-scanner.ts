// DeviceScanner: the block devices of the machine, each read at most once.
//
// Waiting for a root looks at all devices again after every event; what was read is kept by device
// number and diskseq, so that a look costs a few reads of sysfs and none of the disks.
// Only what a spec needs is read: /dev/vda1 needs nothing, PARTUUID= the tables, UUID= superblocks.

import { makeBlockDevice, unread, type BlockDevice, type DeviceContents, type DeviceFacts } from '../../facts/block/block-device.ts'
import { compareNames, matchRoot, needsReading, type RootMatch } from '../../facts/block/match-root.ts'
import type { RootSpec } from '../../facts/block/root-spec.ts'
import { readContents } from './device-reader.ts'
import type { DeviceKernel } from './device-kernel.ts'
import { listBlockDevices } from './sysfs-block.ts'

/** Drives whose opening can take seconds, and boot areas of eMMC: read last and only when nothing else matches. */
const majorFloppy = 2
const majorCdrom = 11
const emmcBootArea = /^mmcblk\d+boot\d+$/

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

  /** Devices put together from those contents that `wanted` asks for. */
  const assemble = (all: readonly DeviceFacts[], wanted: (device: DeviceFacts) => boolean): BlockDevice[] => {
    const tables = new Map<string, DeviceContents['table']>()
    const withContents = all.map(device => {
      const contents = wanted(device) ? contentsOf(device) : unread
      tables.set(device.name, contents.table)
      return { device, contents }
    })
    return withContents.map(({ device, contents }) =>
      makeBlockDevice(device, contents, device.parent === null ? null : (tables.get(device.parent) ?? null)),
    )
  }

  /** Reads superblocks one device after the other until the root is there: a dying data disk then cannot hinder a healthy root. */
  const findByReading = (spec: RootSpec, all: readonly DeviceFacts[]): RootMatch => {
    const read = new Set<string>()
    let match: RootMatch = { outcome: 'notYet', detail: null }
    for (const device of [...all].sort(readingOrder)) {
      if (device.sizeBytes === 0) continue
      read.add(device.name)
      const { superblock } = contentsOf(device)
      if (superblock === null) continue
      match = matchRoot(spec, assemble(all, d => read.has(d.name)))
      if (match.outcome === 'found') return match
    }
    return match
  }

  return {
    find(spec) {
      failed.clear()
      const all = withLinks(kernel, spec, listBlockDevices(kernel))
      const reading = needsReading(spec)
      if (reading === 'superblocks') return findByReading(spec, all)
      const isTableNeeded = (d: DeviceFacts): boolean =>
        reading === 'tables' && isDiskWithPartitions(d, all) && all.some(p => p.parent === d.name && p.kernelPartUuid === null)
      const match = matchRoot(spec, assemble(all, isTableNeeded))
      if (match.outcome === 'notYet') return match
      const name = match.device.name
      return matchRoot(spec, assemble(all, d => isTableNeeded(d) || d.name === name))
    },
    scan() {
      failed.clear()
      return assemble(listBlockDevices(kernel), d => d.sizeBytes > 0)
    },
    forget(name) {
      for (const [key, entry] of cache) if (name === null || entry.name === name) cache.delete(key)
    },
  }
}

function isDiskWithPartitions(device: DeviceFacts, all: readonly DeviceFacts[]): boolean {
  return device.kind === 'disk' && all.some(other => other.parent === device.name)
}

function readingRank(device: DeviceFacts): number {
  if (device.major === majorFloppy || device.major === majorCdrom || emmcBootArea.test(device.name)) return 2
  return device.mapperName !== null || device.slaves.length > 0 ? 0 : 1
}

/** Mapped devices first, since what they are built on can look the same; slow drives last. */
function readingOrder(a: DeviceFacts, b: DeviceFacts): number {
  return readingRank(a) - readingRank(b) || compareNames(a.name, b.name)
}

/** For a spec that is a link: the device it leads to learns that name. */
function withLinks(kernel: DeviceKernel, spec: RootSpec, all: readonly DeviceFacts[]): readonly DeviceFacts[] {
  if (spec.kind !== 'link' || !kernel.exists(spec.path)) return all
  const target = kernel.realpath(spec.path)
  return all.map(device => (`/dev/${device.name}` === target ? { ...device, links: [spec.path] } : device))
}
