// Reads ReturnFacts: where this process stands, and how the kept initramfs can be reached.
//
// Changes nothing. A kept initramfs is at /run/rootfs; one that is concealed (somebody unmounted it, or another
// program switched by MS_MOVE) is found as the root directory of a process that came from it.
// proc_pid_root(5), pid_namespaces(7).

import { INITIAL_PID_NAMESPACE } from '../abi/namespaces.ts'
import { S_IFDIR, S_IFMT, S_IFREG } from '../abi/process.ts'
import { carriedMounts } from '../facts/carried.ts'
import { rootMount, topMountAt } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { inRoot } from '../facts/paths.ts'
import { OLD_ROOT_DIRECTORY } from '../facts/return-types.ts'
import type { KeptInitramfs, ReturnFacts, ReturnPlace } from '../facts/return-types.ts'
import { ROOTFS_DIRECTORY } from '../facts/switch-types.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { readBootRecord } from '../processes/read-origin.ts'

const INITRD_RELEASE = '/etc/initrd-release'

/** True when "/" is an initramfs; os-release(5). */
export function isInitramfs(kernel: Pick<Kernel, 'exists'>): boolean {
  return kernel.exists(INITRD_RELEASE)
}

function link(kernel: Kernel, path: string): string | null {
  return attempt(() => kernel.readlink(path))
}

/** Whether this is the root of PID 1 of the machine. What cannot be looked at says nothing. */
function readPlace(kernel: Kernel, mounts: readonly Mount[]): ReturnPlace {
  if (isInitramfs(kernel)) return { kind: 'initramfs' }
  if (kernel.exists('/run/.containerenv')) return { kind: 'elsewhere', what: 'this is a container' }
  const pidNamespace = link(kernel, '/proc/self/ns/pid')
  if (pidNamespace !== null && pidNamespace !== INITIAL_PID_NAMESPACE) return { kind: 'elsewhere', what: 'this is a pid namespace of its own' }
  if (rootMount(mounts) === undefined) return { kind: 'elsewhere', what: '"/" is not a mount point, this process is in a chroot' }
  const [own, first] = [link(kernel, '/proc/self/ns/mnt'), link(kernel, '/proc/1/ns/mnt')]
  if (own !== null && first !== null && own !== first) return { kind: 'elsewhere', what: 'this process has a mount namespace of its own' }
  const here = kernel.stat('/')
  const there = attempt(() => kernel.stat('/proc/1/root'))
  if (there !== null && (there.dev !== here.dev || there.ino !== here.ino)) return { kind: 'elsewhere', what: '"/" is not the root directory of PID 1, this process is in a chroot' }
  return { kind: 'running-root' }
}

function isDirectory(kernel: Kernel, path: string): boolean {
  return attempt(() => kernel.stat(path).mode & S_IFMT) === S_IFDIR
}

/** A process whose root directory is the initramfs: of a device that the boot has recorded, with the file of one. */
function findConcealed(kernel: Kernel, devices: readonly bigint[]): KeptInitramfs {
  const root = kernel.stat('/')
  for (const name of kernel.readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const path = `/proc/${name}/root`
    const found = attempt(() => kernel.stat(path))
    if (found === null || found.dev === root.dev || (devices.length > 0 && !devices.includes(found.dev))) continue
    if (kernel.exists(`${path}${INITRD_RELEASE}`)) return { kind: 'concealed', path, pid: Number(name) }
  }
  return { kind: 'none' }
}

function readKept(kernel: Kernel, mounts: readonly Mount[], devices: readonly bigint[]): KeptInitramfs {
  const mounted = topMountAt(mounts, ROOTFS_DIRECTORY)
  if (mounted === undefined || !kernel.exists(`${ROOTFS_DIRECTORY}${INITRD_RELEASE}`)) return findConcealed(kernel, devices)
  return {
    kind: 'mounted', path: ROOTFS_DIRECTORY,
    readOnlyMount: mounted.options.includes('ro'), readOnlyFilesystem: mounted.superOptions.includes('ro'),
  }
}

/** Any x bit on a regular file: what access(2) with X_OK says to root. */
function isExecutable(kernel: Kernel, path: string): boolean {
  const mode = attempt(() => kernel.stat(path).mode)
  return mode !== null && (mode & S_IFMT) === S_IFREG && (mode & 0o111) !== 0
}

/** Reads the facts. Throws SyscallError when /proc is not mounted. */
export function readReturnFacts(kernel: Kernel): ReturnFacts {
  const mounts = readOwnMounts(kernel)
  const uid = kernel.getuid()
  const record = readBootRecord(kernel)
  const place = readPlace(kernel, mounts)
  // Others' root directories are not for everybody to look at, and an initramfs has none to look for.
  const kept = uid === 0 && place.kind === 'running-root' ? readKept(kernel, mounts, record?.initramfsDevices ?? []) : { kind: 'none' as const }
  const inside = (path: string): string => (kept.kind === 'none' ? path : inRoot(kept.path, path))
  return {
    pid: kernel.getpid(),
    uid, place, mounts, kept,
    hasShutdown: kept.kind !== 'none' && isExecutable(kernel, inside('/shutdown')),
    hasOldRootDirectory: kept.kind !== 'none' && isDirectory(kernel, inside(OLD_ROOT_DIRECTORY)),
    targets: new Map(carriedMounts(mounts, OLD_ROOT_DIRECTORY).map((m) => [m.mountPoint, kept.kind !== 'none' && isDirectory(kernel, inside(m.mountPoint))])),
    recordedKeep: record?.keep ?? null,
  }
}
