// What the running machine's devices and root file system ask for, from /sys and /proc.
//
// For images for one machine only. Every `modalias` below /sys/devices is taken, as udev's cold plug
// does, and from the mount table the drivers of the chain of block devices under `/` and `/usr`, which
// for device mapper and RAID no modalias tells.

import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { baseOf } from '../image/image-path.ts'
import type { WantedModule } from './select-modules.ts'

export interface HostDevices {
  /** Sorted, each once. */
  readonly modaliases: readonly string[]
  /** Drivers and file systems of the root, with their reasons. */
  readonly wanted: readonly WantedModule[]
}

/** Reads /sys and /proc; undefined if there is no /sys or it shows no device. */
export function readHostDevices(): HostDevices | undefined {
  const modaliases = new Set<string>()
  walkDevices('/sys/devices', modaliases)
  if (modaliases.size === 0) return undefined
  return { modaliases: [...modaliases].sort(), wanted: readRootChain() }
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

function readRootChain(): WantedModule[] {
  const wanted: WantedModule[] = []
  for (const line of readText('/proc/self/mountinfo')?.split('\n') ?? []) {
    const fields = line.split(' ')
    const separator = fields.indexOf('-')
    const mountPoint = fields[4]
    const fileSystem = fields[separator + 1]
    const source = fields[separator + 2]
    if (separator < 0 || fileSystem === undefined || (mountPoint !== '/' && mountPoint !== '/usr')) continue
    wanted.push({ name: `fs-${fileSystem}`, reason: `file system of '${mountPoint}'` })
    const device = source?.startsWith('/dev/') === true ? deviceNumber(source) : fields[2]
    if (device !== undefined) collectChain(`/sys/dev/block/${device}`, mountPoint, wanted)
  }
  return wanted
}

/** The drivers of a block device, of its parents in /sys, and of the devices that it is made of. */
function collectChain(path: string, mountPoint: string, wanted: WantedModule[]): void {
  const device = realPath(path)
  if (device === undefined) return
  const reason = `drives a device under '${mountPoint}'`
  for (let at = device; at.startsWith('/sys/devices/'); at = at.slice(0, at.lastIndexOf('/'))) {
    const module = linkTarget(`${at}/driver/module`)
    if (module !== undefined) wanted.push({ name: baseOf(module), reason })
  }
  const base = baseOf(device)
  const stacked = /^dm-/.test(base) ? /^dm_/ : /^md/.test(base) ? /^(raid|md_)/ : undefined
  if (stacked !== undefined) {
    for (const line of readText('/proc/modules')?.split('\n') ?? []) {
      const name = line.split(' ')[0] ?? ''
      if (stacked.test(name)) wanted.push({ name, reason: `loaded, and '${mountPoint}' is on '${base}'` })
    }
  }
  for (const slave of readDirectory(`${device}/slaves`)) collectChain(`${device}/slaves/${slave.name}`, mountPoint, wanted)
}

function deviceNumber(path: string): string | undefined {
  try {
    const { rdev } = statSync(path)
    // The kernel's encoding of dev_t for user space, <linux/kdev_t.h> new_encode_dev.
    return `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`
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
