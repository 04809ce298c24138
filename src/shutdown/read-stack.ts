// Reads what an old root stands on: one look at mountinfo, swaps and /sys/block.
//
// Only devices that can be taken apart are looked at closely, and files that are not there cost one failed open: on a
// machine with a plain disk this is a dozen system calls.
// Documentation/ABI/stable/sysfs-block, sysfs-block-dm, sysfs-block-loop, Documentation/admin-guide/md.rst.

import { S_IFBLK, S_IFMT } from '../abi/process.ts'
import { makeDev, mountContaining, rootMount } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { unescapeOctal } from '../facts/octal.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { inMemory } from './stack-facts.ts'
import type { DeviceWay, StackDevice, StackFacts, StackMount, Swap } from './stack-facts.ts'

type Doors = Pick<Kernel, 'readText' | 'readdir' | 'realpath' | 'stat' | 'exists'>

function textOf(kernel: Doors, path: string): string | null {
  return attempt(() => kernel.readText(path).trim())
}

function parseDev(text: string | null): bigint | null {
  const found = /^(\d+):(\d+)$/.exec(text ?? '')
  return found === null ? null : makeDev(Number(found[1]), Number(found[2]))
}

function blockDevOf(kernel: Doors, path: string): bigint | null {
  const found = attempt(() => kernel.stat(path))
  return found !== null && (found.mode & S_IFMT) === S_IFBLK ? found.rdev : null
}

/** The lines of /proc/swaps behind its heading. Paths are escaped as in mountinfo. */
export function parseSwaps(text: string): { readonly path: string; readonly type: string }[] {
  return text.split('\n').slice(1).flatMap((line) => {
    const [path, type] = line.trim().split(/\s+/)
    if (path === undefined || path === '' || type === undefined) return []
    return [{ path: unescapeOctal(path).replace(/ ?\(deleted\)$/, ''), type }]
  })
}

/** zram is left out: taking it back would need the memory that it saves, and reboot(2) loses nothing by it. */
function readSwaps(kernel: Doors): Swap[] {
  return parseSwaps(textOf(kernel, '/proc/swaps') ?? '').flatMap(({ path, type }) => {
    if (/\/zram\d+$/.test(path)) return []
    return [{ path, isFile: type === 'file', dev: type === 'file' ? null : blockDevOf(kernel, path) }]
  })
}

/** The devices of a file system that mountinfo gives no real number for: its source, and all members of btrfs. */
function devicesOf(kernel: Doors, mount: Mount): bigint[] {
  if (mount.major !== 0) return [mount.dev]
  if (inMemory.has(mount.fstype) || !mount.source.startsWith('/')) return []
  const dev = blockDevOf(kernel, mount.source)
  if (dev === null || mount.fstype !== 'btrfs') return dev === null ? [] : [dev]
  for (const uuid of attempt(() => kernel.readdir('/sys/fs/btrfs')) ?? []) {
    const names = attempt(() => kernel.readdir(`/sys/fs/btrfs/${uuid}/devices`)) ?? []
    const members = names.flatMap((name) => parseDev(textOf(kernel, `/sys/class/block/${name}/dev`)) ?? [])
    if (members.includes(dev)) return members
  }
  return [dev]
}

/** How this disk of /sys/block could be taken apart; null for one that cannot, or is not put together. */
function wayOf(kernel: Doors, at: string, name: string): DeviceWay | null {
  if (name.startsWith('loop')) {
    const backingFile = textOf(kernel, `${at}/loop/backing_file`)
    return backingFile === null ? null : { kind: 'loop', backingFile }
  }
  if (name.startsWith('dm-')) return { kind: 'dm', name: textOf(kernel, `${at}/dm/name`) ?? '', uuid: textOf(kernel, `${at}/dm/uuid`) ?? '' }
  if (name.startsWith('md')) {
    const state = textOf(kernel, `${at}/md/array_state`)
    if (state === null || state === 'clear') return null
    // An array names its container so: 'external:/md127/0', or with '-' while it is read-only.
    return { kind: 'md', container: /^external:[/-](md[^/]*)\//.exec(textOf(kernel, `${at}/md/metadata_version`) ?? '')?.[1] ?? null }
  }
  if (name.startsWith('nbd')) return textOf(kernel, `${at}/pid`) === null ? null : { kind: 'nbd' }
  if (name.startsWith('sd') && /\/session\d+\//.test(attempt(() => kernel.realpath(at)) ?? '')) return { kind: 'iscsi' }
  return null
}

function readDevice(kernel: Doors, name: string): Omit<StackDevice, 'isOwn'> | null {
  const at = `/sys/block/${name}`
  const way = wayOf(kernel, at, name)
  if (way === null) return null
  const partitions = (attempt(() => kernel.readdir(at)) ?? []).filter((entry) => entry.startsWith(name) && kernel.exists(`${at}/${entry}/partition`))
  const slaves = attempt(() => kernel.readdir(`${at}/slaves`)) ?? []
  return {
    name,
    node: `/dev/${name.replaceAll('!', '/')}`,
    devs: [at, ...partitions.map((entry) => `${at}/${entry}`)].flatMap((path) => parseDev(textOf(kernel, `${path}/dev`)) ?? []),
    slaves: slaves.flatMap((slave) => parseDev(textOf(kernel, `${at}/slaves/${slave}/dev`)) ?? []),
    way,
  }
}

/** Names of the devices that a file system stands on, loops and what holds their files included. */
function namesBelow(devices: readonly Omit<StackDevice, 'isOwn'>[], mounts: readonly StackMount[], start: readonly bigint[]): Set<string> {
  const found = new Set<string>()
  const queue = [...start]
  for (let dev = queue.pop(); dev !== undefined; dev = queue.pop()) {
    const wanted = dev
    const device = devices.find((it) => it.devs.includes(wanted))
    if (device === undefined || found.has(device.name)) continue
    found.add(device.name)
    queue.push(...device.slaves)
    if (device.way.kind !== 'loop') continue
    const below = mountContaining(mounts, device.way.backingFile)
    const known = mounts.find((mount) => mount.id === below?.id)
    if (known !== undefined) queue.push(...known.devices)
  }
  return found
}

/** Reads everything but the processes. Throws SyscallError when mountinfo cannot be read. */
export function readStack(kernel: Doors, oldRoot: string): Omit<StackFacts, 'processes'> {
  const mounts = readOwnMounts(kernel).map((mount) => ({ ...mount, devices: devicesOf(kernel, mount) }))
  const found = (attempt(() => kernel.readdir('/sys/block')) ?? []).flatMap((name) => readDevice(kernel, name) ?? [])
  const own = rootMount(mounts)
  const ownNames = namesBelow(found, mounts, mounts.find((mount) => mount.id === own?.id)?.devices ?? [])
  return {
    oldRoot,
    mounts,
    ownDev: own?.dev ?? 0n,
    swaps: readSwaps(kernel),
    devices: found.map((device) => ({ ...device, isOwn: ownNames.has(device.name) })),
  }
}
