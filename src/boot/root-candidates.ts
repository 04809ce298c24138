// The guided choice: which file systems of this machine look like roots.
//
// Each is mounted read-only for a moment, with its log not replayed and its device write-protected (BLKROSET;
// ext4 would clean up orphans even of a read-only mount), so that nothing on it changes. What is in use already
// is not touched. Bounded in time: a device that hangs costs seconds. mount(2), ioctl(2).

import { MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '../abi/mount.ts'
import { BLKROSET, O_CLOEXEC, O_NONBLOCK, O_RDONLY } from '../abi/process.ts'
import type { BlockDevice } from '../facts/block/block-device.ts'
import { sortDevices } from '../facts/block/describe-devices.ts'
import { LOOK_OPTIONS, OS_RELEASE_PATHS, ROOT_SIGNS, ROOT_SUBVOLUMES, systemName } from '../facts/block/root-signs.ts'
import { chaseInRoot } from '../facts/chase.ts'
import { makeDev } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { inRoot } from '../facts/paths.ts'
import { attempt, errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { mountTypes, registerBtrfsMembers, scanDevices } from './devices/index.ts'
import type { RootCandidate, RootCandidates } from './rescue/session.ts'

const PLACE = '/run/fulcrum/look'
const CALL_MS = 5000
const ALL_MS = 15_000

/** What was found in one file system. */
interface Look {
  readonly name: string | null
  readonly subvolume: string | null
}

/** A directory that is a root, and its name; null when it is none. */
function lookInto(kernel: Kernel, root: string, subvolume: string | null): Look | null {
  const real = (path: string): string | null => attempt(() => chaseInRoot(kernel, root, path))
  if (ROOT_SIGNS.every((path) => real(path) === null)) return null
  for (const path of OS_RELEASE_PATHS) {
    const found = real(path)
    const text = found === null ? null : attempt(() => kernel.readText(inRoot(root, found)))
    const name = text === null ? null : systemName(text)
    if (name !== null) return { name, subvolume }
  }
  return { name: null, subvolume }
}

function lookAround(kernel: Kernel, type: string): Look | null {
  const top = lookInto(kernel, PLACE, null)
  if (top !== null || type !== 'btrfs') return top
  for (const subvolume of ROOT_SUBVOLUMES) {
    const inside = lookInto(kernel, inRoot(PLACE, subvolume), subvolume)
    if (inside !== null) return inside
  }
  return null
}

function protect(kernel: Kernel, path: string, isProtected: boolean): void {
  const argument = new Uint8Array(4)
  argument[0] = isProtected ? 1 : 0
  const outcome = kernel.bounded({ call: 'ioctl', path, open: O_RDONLY | O_CLOEXEC | O_NONBLOCK, request: BLKROSET, argument }, { timeoutMs: CALL_MS })
  if (outcome === 'hung') throw new Error(`${path} does not answer`)
}

/** Mounts, looks, unmounts. Throws what hinders it. */
function look(kernel: Kernel, device: BlockDevice, type: string): Look | null {
  if (!device.isReadOnly) protect(kernel, device.path, true)
  try {
    const flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    const call = { call: 'mount', source: device.path, target: PLACE, fstype: type, flags, data: LOOK_OPTIONS[type] ?? null } as const
    if (kernel.bounded(call, { timeoutMs: CALL_MS }) === 'hung') throw new Error(`${device.path} does not answer`)
    try {
      return lookAround(kernel, type)
    } finally {
      if (kernel.bounded({ call: 'umount2', target: PLACE, flags: 0 }, { timeoutMs: CALL_MS }) === 'hung') kernel.umount2(PLACE, MNT_DETACH)
    }
  } finally {
    if (!device.isReadOnly) protect(kernel, device.path, false)
  }
}

/** Devices that are mounted: write protection would hit what uses them. */
function inUse(kernel: Kernel): ReadonlySet<string> {
  return new Set(readOwnMounts(kernel).flatMap((m) => [m.source, String(m.dev)]))
}

/** One that can be looked into: whole, not in use, and of a type that roots have. */
function isOpen(device: BlockDevice, used: ReadonlySet<string>, below: ReadonlySet<string>): boolean {
  const { superblock } = device
  if (superblock === null || superblock.usage !== 'filesystem' || LOOK_OPTIONS[superblock.type] === undefined) return false
  return !used.has(device.path) && !used.has(String(makeDev(device.major, device.minor))) && !below.has(device.name)
}

/** A root= that means this device and no other. */
function specOf(device: BlockDevice, all: readonly BlockDevice[]): string {
  const uuid = device.superblock?.uuid ?? null
  if (uuid !== null && all.filter((d) => d.superblock?.uuid === uuid).length === (device.superblock?.deviceCount ?? 1)) return `UUID=${uuid}`
  if (device.partUuid !== null && all.filter((d) => d.partUuid === device.partUuid).length === 1) return `PARTUUID=${device.partUuid}`
  return device.path
}

function candidate(device: BlockDevice, found: Look, all: readonly BlockDevice[]): RootCandidate {
  const words = [device.path, device.superblock?.type ?? '', found.name === null ? '(no os-release)' : `'${found.name}'`]
  if (found.subvolume !== null) words.push(`subvolume ${found.subvolume}`)
  const label = device.superblock?.label ?? device.partLabel
  if (label !== null) words.push(`label ${label}`)
  if (device.superblock?.dirty === true) words.push('not cleanly unmounted')
  const flags = found.subvolume === null ? {} : { rootflags: `subvol=${found.subvolume}` }
  return { text: words.join('  '), settings: { root: specOf(device, all), ...flags } }
}

/**
 * The file systems that look like roots, in the order of `blk`. Never throws for a device: what could not be
 * looked into is a remark. `load` makes a file system type known.
 */
export function findRootCandidates(kernel: Kernel, load: (type: string) => void): RootCandidates {
  const devices = scanDevices(kernel)
  const used = inUse(kernel)
  const below = new Set(devices.flatMap((d) => d.slaves))
  const roots: RootCandidate[] = []
  const remarks: string[] = []
  const seen = new Set<string>()
  const end = kernel.monotonicUs() + BigInt(ALL_MS) * 1000n
  for (const path of ['/run/fulcrum', PLACE]) if (!kernel.exists(path)) kernel.mkdir(path, 0o700)
  for (const device of sortDevices(devices).filter((d) => isOpen(d, used, below))) {
    const { superblock } = device
    if (superblock === null) continue
    if (kernel.monotonicUs() > end) {
      remarks.push(`not looked into ${device.path} and what follows: that took more than ${ALL_MS / 1000} s`)
      break
    }
    // All devices of a btrfs lead to the same one.
    if (superblock.deviceCount > 1 && superblock.uuid !== null && seen.has(superblock.uuid)) continue
    if (superblock.uuid !== null) seen.add(superblock.uuid)
    try {
      load(superblock.type)
      if (superblock.type === 'btrfs') registerBtrfsMembers(kernel, devices.filter((d) => d.superblock?.uuid === superblock.uuid))
      const found = look(kernel, device, mountTypes(superblock.type)[0] ?? superblock.type)
      if (found !== null) roots.push(candidate(device, found, devices))
    } catch (error) {
      remarks.push(`cannot look into ${device.path}: ${errorLine(error)}`)
    }
  }
  attempt(() => kernel.rmdir(PLACE))
  return { roots, remarks }
}
