// What is known of an old root before it is taken down: mounts, swap, block devices, processes. Types only,
// and what can be asked of them without looking again. read-stack.ts reads them, plan-round.ts plans with them. Pure.
//
// Man pages: proc_pid_mountinfo(5), swapon(2), sysfs(5).

import type { Mount } from '../facts/mountinfo.ts'
import { isBelow } from '../facts/paths.ts'
import { isFuse, isOnServer } from '../facts/server-filesystems.ts'
import type { ProcessFacts } from '../processes/process-facts.ts'

/** A mount, and the block devices that its file system is on (several for btrfs, none for those in memory). */
export interface StackMount extends Mount {
  readonly devices: readonly bigint[]
}

export interface Swap {
  /** As /proc/swaps shows it, seen from "/". */
  readonly path: string
  readonly isFile: boolean
  /** st_rdev of a device, null for a file or where it cannot be found any more. */
  readonly dev: bigint | null
}

/** How a device is let go of. */
export type DeviceWay =
  | { readonly kind: 'loop'; readonly backingFile: string }
  | { readonly kind: 'dm'; readonly name: string; readonly uuid: string }
  /** `container`: the md device that holds the metadata of this one, for instance 'md127'. */
  | { readonly kind: 'md'; readonly container: string | null }
  | { readonly kind: 'nbd' }
  /** A disk behind an iSCSI session. */
  | { readonly kind: 'iscsi' }

/** A block device that somebody has put together and that can be taken apart. Disks as such are none. */
export interface StackDevice {
  /** Its name in sysfs, 'dm-0'. */
  readonly name: string
  /** Its node, '/dev/dm-0'. */
  readonly node: string
  /** Its own number and those of its partitions, as st_rdev. */
  readonly devs: readonly bigint[]
  /** Numbers of what it stands on, partitions as such. */
  readonly slaves: readonly bigint[]
  readonly way: DeviceWay
  /** "/" itself, the kept initramfs, stands on it: never touched. */
  readonly isOwn: boolean
}

export interface StackProcess {
  readonly facts: ProcessFacts
  /**
   * 'victim': nothing that is still needed depends on it. 'server': it serves a file system or device of the old root
   * and is ended after it. 'other-server': the same for another file system than the root. 'stays': of the initramfs.
   */
  readonly role: 'victim' | 'server' | 'other-server' | 'stays'
  /** Why it is no victim; empty for one. */
  readonly reason: string
  /** It ends by itself once what it serves is gone (FUSE, NBD, mdmon), and may have data to write until then. */
  readonly endsItself: boolean
  /** It serves a mount (FUSE) and not a device: it ends before the devices go, which it may hold open itself. */
  readonly servesMount: boolean
}

export interface StackFacts {
  readonly oldRoot: string
  readonly mounts: readonly StackMount[]
  /** st_dev of the file system at "/". */
  readonly ownDev: bigint
  readonly swaps: readonly Swap[]
  readonly devices: readonly StackDevice[]
  readonly processes: readonly StackProcess[]
}

/** Types without a device to write to: read-only means nothing to them, and reboot(2) loses nothing of them. */
export const inMemory: ReadonlySet<string> = new Set([
  'proc', 'sysfs', 'devtmpfs', 'devpts', 'tmpfs', 'ramfs', 'rootfs', 'cgroup', 'cgroup2', 'securityfs', 'debugfs', 'tracefs',
  'bpf', 'pstore', 'efivarfs', 'configfs', 'mqueue', 'hugetlbfs', 'autofs', 'binfmt_misc', 'fusectl', 'rpc_pipefs', 'nsfs', 'selinuxfs',
])

/** Whether MNT_FORCE can help: it ends requests that a server does not answer. */
export function canBeForced(mount: Mount): boolean {
  return isOnServer(mount.fstype) || isFuse(mount.fstype)
}

/** Whether it is made read-only before it is unmounted. */
export function needsReadOnly(mount: Mount): boolean {
  return !inMemory.has(mount.fstype) && !isOnServer(mount.fstype) && !mount.superOptions.includes('ro')
}

/** For verbs that come back to this initramfs: mounts of its own, outside of these, are not touched. */
const carried = ['/run', '/dev', '/proc', '/sys']

/** The mounts that have to go. With `keepDevices` what the initramfs has mounted for itself stays. */
export function mountsInScope(facts: StackFacts, keepDevices: boolean): StackMount[] {
  return facts.mounts.filter((mount) => {
    if (isBelow(mount.mountPoint, facts.oldRoot)) return true
    if (mount.dev === facts.ownDev || inMemory.has(mount.fstype)) return false
    return !keepDevices || carried.some((prefix) => isBelow(mount.mountPoint, prefix))
  })
}

/** 'ext4 on /dev/vda2' for a line. */
export function describeMount(mount: Mount): string {
  return mount.source === '' || mount.source === 'none' || mount.source === mount.fstype ? mount.fstype : `${mount.fstype} on ${mount.source}`
}

const deviceKinds = { loop: 'loop device', dm: 'device mapper', md: 'array', nbd: 'network disk', iscsi: 'iSCSI disk' } as const

/** '/dev/dm-0 (device mapper vg-root)'. */
export function describeDevice({ node, way }: StackDevice): string {
  const detail = way.kind === 'dm' ? ` ${way.name}` : way.kind === 'loop' ? ` of ${way.backingFile}` : ''
  return `${node} (${deviceKinds[way.kind]}${detail})`
}

/** Paths that an overlay is made of. */
export function layersOf(mount: Mount): string[] {
  if (mount.fstype !== 'overlay') return []
  return mount.superOptions.flatMap((option) => {
    const found = /^(?:lowerdir|upperdir|workdir|datadir)\+?=(.*)$/s.exec(option)
    return found === null ? [] : (found[1] ?? '').split(/(?<!\\):+/).filter((path) => path.startsWith('/'))
  })
}
