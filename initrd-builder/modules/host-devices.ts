// What the running machine's devices and root file system ask for, from /sys and /proc.
//
// For images for one machine only. Every `modalias` below /sys/devices is taken, as udev's cold plug
// does, and from the mount table the drivers of the chain of block devices under `/` and `/usr`, which
// for device mapper and RAID no modalias tells, and the features of the image that put such a chain together.

import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { baseOf } from '../image/image-path.ts'
import type { WantedModule } from './select-modules.ts'

/** A feature that the root of this machine needs. */
export interface WantedFeature {
  readonly name: string
  /** "'/' is on 'vg0-root' (dm-0)". */
  readonly reason: string
}

export interface HostDevices {
  /** Sorted, each once. */
  readonly modaliases: readonly string[]
  /** Drivers and file systems of the root, with their reasons. */
  readonly wanted: readonly WantedModule[]
  /** Each once, with the first reason for it. */
  readonly features: readonly WantedFeature[]
  /** What the root stands on that no feature brings, for a person. */
  readonly warnings: readonly string[]
}

/** Where to look; tests have trees of their own. */
export interface HostPlaces {
  readonly sys: string
  readonly proc: string
  /** 'MAJOR:MINOR' of a device node, undefined for what is none. */
  readonly numberOf: (path: string) => string | undefined
}

/** The machine that this runs on. */
export const thisMachine: HostPlaces = { sys: '/sys', proc: '/proc', numberOf: deviceNumber }

/** Reads /sys and /proc; undefined if there is no /sys or it shows no device. */
export function readHostDevices(places: HostPlaces = thisMachine): HostDevices | undefined {
  const modaliases = new Set<string>()
  walkDevices(`${places.sys}/devices`, modaliases)
  if (modaliases.size === 0) return undefined
  const chain = new RootChain(places)
  chain.read()
  return { modaliases: [...modaliases].sort(), wanted: chain.wanted, features: chain.features, warnings: chain.warnings }
}

function walkDevices(directory: string, found: Set<string>): void {
  for (const entry of readDirectory(directory)) {
    if (entry.isDirectory()) walkDevices(`${directory}/${entry.name}`, found)
    else if (entry.name === 'modalias') {
      const text = readText(`${directory}/modalias`)?.trim()
      if (text !== undefined && text !== '') found.add(text)
    }
  }
}

/** File systems that a feature mounts. */
const fileSystemFeatures: Readonly<Record<string, string>> = {
  nfs: 'nfs', nfs4: 'nfs', overlay: 'overlay', virtiofs: 'virtiofs', '9p': '9p', btrfs: 'btrfs',
}

/** Mapped devices by the beginning of their UUID (Documentation of lvm2: libdevmapper.h, "UUID prefix"). */
const mappedFeatures: readonly (readonly [prefix: string, feature: string])[] = [
  ['LVM-', 'lvm'], ['CRYPT-VERITY-', 'verity'], ['CRYPT-', 'luks'],
]

/** Collects what the devices under the root need, from the file systems down to the disks. */
class RootChain {
  readonly wanted: WantedModule[] = []
  readonly features: WantedFeature[] = []
  readonly warnings: string[] = []
  readonly #places: HostPlaces
  readonly #seen = new Set<string>()

  constructor(places: HostPlaces) {
    this.#places = places
  }

  read(): void {
    const { sys, proc } = this.#places
    for (const line of readText(`${proc}/self/mountinfo`)?.split('\n') ?? []) this.#addMount(line)
    const resume = readText(`${sys}/power/resume`)?.trim() ?? '0:0'
    if (resume === '0:0') return
    this.#addFeature('resume', `the machine resumes from ${resume}`)
    this.#addDevice(`${sys}/dev/block/${resume}`, 'the swap of resume')
  }

  #addMount(line: string): void {
    const { sys, numberOf } = this.#places
    const fields = line.split(' ')
    const separator = fields.indexOf('-')
    const [, , number = '', , mountPoint] = fields
    const fileSystem = fields[separator + 1]
    const source = fields[separator + 2]
    if (separator < 0 || fileSystem === undefined || (mountPoint !== '/' && mountPoint !== '/usr')) return
    this.wanted.push({ name: `fs-${fileSystem}`, reason: `file system of '${mountPoint}'` })
    const feature = fileSystemFeatures[fileSystem]
    if (feature !== undefined) this.#addFeature(feature, `'${mountPoint}' is ${fileSystem}`)
    // Btrfs has a number of its own that is no device's.
    const device = realPath(`${sys}/dev/block/${number}`) === undefined && source?.startsWith('/') === true ? numberOf(source) : number
    if (device === undefined) return
    const path = `${sys}/dev/block/${device}`
    this.#addDevice(path, `'${mountPoint}'`)
    for (const fellow of fileSystem === 'btrfs' ? this.#btrfsDevices(path) : []) this.#addDevice(fellow, `'${mountPoint}'`)
  }

  /** All devices of the btrfs that this one is of. */
  #btrfsDevices(path: string): string[] {
    const name = baseOf(realPath(path) ?? '')
    const folders = readDirectory(`${this.#places.sys}/fs/btrfs`).map(entry => `${this.#places.sys}/fs/btrfs/${entry.name}/devices`)
    const names = folders.map(folder => readDirectory(folder).map(entry => entry.name)).find(found => found.includes(name)) ?? []
    return names.map(fellow => `${this.#places.sys}/class/block/${fellow}`)
  }

  /** The drivers of a block device, of its parents in /sys, and of the devices that it is made of. */
  #addDevice(path: string, what: string): void {
    const device = realPath(path)
    if (device === undefined || this.#seen.has(device)) return
    this.#seen.add(device)
    const devices = realPath(`${this.#places.sys}/devices`) ?? ''
    for (let at = device; at.startsWith(`${devices}/`); at = at.slice(0, at.lastIndexOf('/'))) {
      const module = linkTarget(`${at}/driver/module`)
      if (module !== undefined) this.wanted.push({ name: baseOf(module), reason: `drives a device under ${what}` })
    }
    this.#addStack(device, what)
    for (const slave of readDirectory(`${device}/slaves`)) this.#addDevice(`${device}/slaves/${slave.name}`, what)
    // A partition has no slaves: those of its disk (an array with a table).
    if (readText(`${device}/partition`) !== undefined) this.#addDevice(device.slice(0, device.lastIndexOf('/')), what)
  }

  /** What the device itself is, if it is made of others. */
  #addStack(device: string, what: string): void {
    const base = baseOf(device)
    const uuid = readText(`${device}/dm/uuid`)?.trim()
    if (uuid !== undefined) this.#addMapped(base, uuid, `${what} is on '${readText(`${device}/dm/name`)?.trim() ?? base}' (${base})`)
    const level = readText(`${device}/md/level`)?.trim()
    if (level !== undefined) this.#addFeature('md', `${what} is on '${base}' (${level})`)
    if (/^nbd\d/.test(base)) this.#addFeature('nbd', `${what} is on '${base}'`)
    if (/\/session\d+\//.test(device)) this.#addFeature('iscsi', `${what} is on '${base}', behind an iSCSI session`)
    const stacked = uuid !== undefined ? /^dm_/ : level !== undefined ? /^(raid|md_)/ : undefined
    if (stacked === undefined) return
    for (const line of readText(`${this.#places.proc}/modules`)?.split('\n') ?? []) {
      const name = line.split(' ')[0] ?? ''
      if (stacked.test(name)) this.wanted.push({ name, reason: `loaded, and ${what} is on '${base}'` })
    }
  }

  #addMapped(base: string, uuid: string, reason: string): void {
    const feature = mappedFeatures.find(([prefix]) => uuid.startsWith(prefix))?.[1]
    if (feature !== undefined) this.#addFeature(feature, reason)
    else if (!/^part\d+-/.test(uuid)) {
      const kind = uuid.startsWith('mpath-') ? 'multipath' : `device mapper without a known owner`
      this.warnings.push(`Cannot choose a feature for '${base}': ${reason}, which is ${kind}; a hook has to make it, ignoring`)
    }
  }

  #addFeature(name: string, reason: string): void {
    if (!this.features.some(feature => feature.name === name)) this.features.push({ name, reason })
  }
}

function deviceNumber(path: string): string | undefined {
  try {
    const stats = statSync(path)
    if (!stats.isBlockDevice()) return undefined
    // The kernel's encoding of dev_t for user space, <linux/kdev_t.h> new_encode_dev.
    return `${(stats.rdev >> 8) & 0xfff}:${(stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00)}`
  } catch {
    return undefined
  }
}

function readDirectory(path: string): { name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    return []
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
