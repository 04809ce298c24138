// Reads the mounts of a process: by listmount(2) and statmount(2) where the kernel has them, else from mountinfo.
//
// With privilege the first way also shows what lies beneath "/": the rootfs and shadow trees that a moved root
// covers. Another process's namespace is read by its id, with the paths that this process sees.  docs/mounts.md

import { NS_GET_MNTNS_ID } from '../abi/namespaces.ts'
import { O_RDONLY } from '../abi/process.ts'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { buildMountTree, recordOf } from '../facts/mounts/mount-tree.ts'
import type { MountRecord, MountTree } from '../facts/mounts/mount-tree.ts'
import type { SavedMounts } from '../facts/mounts/saved.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Kernel, MountDetails } from '../kernel/kernel.ts'

export type MountDoors = Pick<Kernel, 'readText' | 'uniqueMountId' | 'statmountDetails' | 'listmount'>
export type NamespaceDoors = MountDoors & Pick<Kernel, 'open' | 'close' | 'ioctl'>

/** The value of a call, or undefined when the kernel refuses. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (isErrno(error, 'ENOSYS', 'EPERM', 'ENOENT', 'EINVAL', 'EACCES', 'ENOTTY')) return undefined
    throw error
  }
}

/** What mountinfo lists, by id. */
type Listed = ReadonlyMap<number, MountRecord>

function listedIn(text: string): Listed {
  return new Map(parseMountInfo(text).map((m) => [m.id, recordOf(m)]))
}

/** Down to the lowest mount that may be looked at: the absolute root, with privilege. */
function lowestBelow(kernel: MountDoors, top: MountDetails, namespace?: bigint): MountDetails {
  let lowest = top
  while (lowest.parentId !== lowest.id) {
    const below = attempt(() => kernel.statmountDetails(lowest.parentId, namespace))
    if (below === undefined) break
    lowest = below
  }
  return lowest
}

/** That mount and all on it. */
function everythingOn(kernel: MountDoors, lowest: MountDetails, ids: readonly bigint[], namespace?: bigint): MountDetails[] {
  const found = [lowest]
  for (const id of new Set(ids)) {
    const one = id === lowest.id ? undefined : attempt(() => kernel.statmountDetails(id, namespace))
    if (one !== undefined) found.push(one)
  }
  return found
}

/** `listed` has what an older kernel's statmount leaves out. */
function recordsOf(found: readonly MountDetails[], listed: Listed): MountRecord[] {
  return found.map((m): MountRecord => ({
    id: m.oldId,
    parentId: m.oldParentId,
    uniqueId: m.id,
    parentUniqueId: m.parentId,
    major: m.major,
    minor: m.minor,
    root: m.root,
    mountPoint: m.mountPoint,
    options: m.options,
    propagation: m.propagation,
    fstype: listed.get(m.oldId)?.fstype ?? m.fstype,
    source: m.source ?? listed.get(m.oldId)?.source ?? 'none',
    superOptions: m.superOptions,
  }))
}

/** The tree by statmount(2); undefined where the kernel does not have it or does not let us. */
export function readByStatmount(kernel: MountDoors): MountTree | undefined {
  const top = attempt(() => kernel.statmountDetails(kernel.uniqueMountId('/')))
  if (top === undefined) return undefined
  const lowest = lowestBelow(kernel, top)
  const ids = attempt(() => kernel.listmount(lowest.id))
  if (ids === undefined) return undefined
  const found = everythingOn(kernel, lowest, ids)
  const complete = found.every((m) => m.source !== null)
  const listed: Listed = complete ? new Map() : listedIn(attempt(() => kernel.readText('/proc/self/mountinfo')) ?? '')
  return buildMountTree(recordsOf(found, listed), 'statmount', top.oldId)
}

/** The highest of the mounts at "/": where setns(2) leads to. */
function topOfRoot(records: readonly MountRecord[]): MountRecord | undefined {
  const atRoot = records.filter((m) => m.mountPoint === '/')
  let top = atRoot.find((m) => m.parentId === m.id || !atRoot.some((other) => other.id === m.parentId))
  for (let next = top; next !== undefined; next = atRoot.find((m) => m.parentId === top?.id && m !== top)) top = next
  return top
}

/**
 * The tree of another mount namespace by statmount(2), since Linux 6.11; undefined where that cannot be. `mountinfo` is
 * that of a process in it, whose paths and "/" count then: it may be in a chroot. Without one the namespace's own do.
 * `quick` leaves out the unique ids of what mountinfo lists, one call for each.
 */
export function readByNamespace(kernel: MountDoors, namespace: bigint, mountinfo: string | null, quick = false): MountTree | undefined {
  const visible = attempt(() => kernel.listmount('root', namespace))
  const first = visible?.[0]
  const one = first === undefined ? undefined : attempt(() => kernel.statmountDetails(first, namespace))
  if (visible === undefined || one === undefined) return undefined
  const lowest = lowestBelow(kernel, one, namespace)
  const ids = attempt(() => kernel.listmount(lowest.id, namespace)) ?? visible
  const listed = listedIn(mountinfo ?? '')
  if (mountinfo === null) {
    const records = recordsOf(everythingOn(kernel, lowest, ids, namespace), listed)
    return buildMountTree(records, 'statmount', topOfRoot(records)?.id)
  }
  const root = buildMountTree([...listed.values()], 'mountinfo').rootId ?? undefined
  // A chroot sees less than the namespace, and then only the calls tell what there is.
  const known = quick && listed.size === visible.length ? new Set(visible) : new Set<bigint>()
  const found = everythingOn(kernel, lowest, ids.filter((id) => !known.has(id)), namespace)
  const records = recordsOf(found, listed).map((m) => ({ ...m, mountPoint: listed.get(m.id)?.mountPoint ?? null }))
  const seen = new Set(records.map((m) => m.id))
  const rest = known.size === 0 ? [] : [...listed.values()].filter((m) => !seen.has(m.id))
  return buildMountTree([...records, ...rest], 'statmount', root)
}

/** The id of the mount namespace behind a path such as /proc/PID/ns/mnt; undefined before Linux 6.11, or if it may not be asked. */
export function namespaceIdOf(kernel: NamespaceDoors, path: string): bigint | undefined {
  return attempt(() => {
    const fd = kernel.open(path, O_RDONLY)
    try {
      const id = new Uint8Array(8)
      kernel.ioctl(fd, NS_GET_MNTNS_ID, id)
      return new DataView(id.buffer).getBigUint64(0, true)
    } finally {
      kernel.close(fd)
    }
  })
}

/** The tree by /proc/PID/mountinfo. Throws SyscallError when that cannot be read. */
export function readByMountInfo(kernel: Pick<Kernel, 'readText'>, pid: string): MountTree {
  return buildMountTree(parseMountInfo(kernel.readText(`/proc/${pid}/mountinfo`)).map(recordOf), 'mountinfo')
}

/** The mounts as another process sees them, and what lies hidden in its namespace. Throws SyscallError where its mountinfo cannot be read. */
function readOther(kernel: NamespaceDoors, pid: string): MountTree {
  const mountinfo = kernel.readText(`/proc/${pid}/mountinfo`)
  const namespace = namespaceIdOf(kernel, `/proc/${pid}/ns/mnt`)
  const tree = namespace === undefined ? undefined : readByNamespace(kernel, namespace, mountinfo)
  return tree ?? readByMountInfo(kernel, pid)
}

/** The mounts of a process, 'self' for this one. Throws SyscallError when neither way works. */
export function readMounts(kernel: NamespaceDoors, pid: string): SavedMounts {
  const tree = pid === 'self' ? (readByStatmount(kernel) ?? readByMountInfo(kernel, pid)) : readOther(kernel, pid)
  return { tree, boot: attempt(() => kernel.readText('/proc/sys/kernel/random/boot_id').trim()) ?? null }
}
