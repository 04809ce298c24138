// Reads the mounts of a process: by listmount(2) and statmount(2) where the kernel has them, else from mountinfo.
//
// With privilege the first way also shows what lies beneath "/": the rootfs and shadow trees that a moved root
// covers. Another process's namespace is read from its mountinfo.  docs/mounts.md

import { parseMountInfo } from '../facts/mountinfo.ts'
import { buildMountTree, recordOf } from '../facts/mounts/mount-tree.ts'
import type { MountRecord, MountTree } from '../facts/mounts/mount-tree.ts'
import type { SavedMounts } from '../facts/mounts/saved.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Kernel, MountDetails } from '../kernel/kernel.ts'

export type MountDoors = Pick<Kernel, 'readText' | 'uniqueMountId' | 'statmountDetails' | 'listmount'>

/** The value of a call, or undefined when the kernel refuses. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (isErrno(error, 'ENOSYS', 'EPERM', 'ENOENT', 'EINVAL', 'EACCES')) return undefined
    throw error
  }
}

/** What mountinfo says of the same mounts, for what an older kernel's statmount leaves out. */
function missing(kernel: MountDoors, found: readonly MountDetails[]): ReadonlyMap<number, MountRecord> {
  if (found.every((m) => m.source !== null)) return new Map()
  const text = attempt(() => kernel.readText('/proc/self/mountinfo')) ?? ''
  return new Map(parseMountInfo(text).map((m) => [m.id, recordOf(m)]))
}

/** The tree by statmount(2); undefined where the kernel does not have it or does not let us. */
export function readByStatmount(kernel: MountDoors): MountTree | undefined {
  const top = attempt(() => kernel.statmountDetails(kernel.uniqueMountId('/')))
  if (top === undefined) return undefined
  // Up to the absolute root, or as far as we may look.
  let lowest = top
  while (lowest.parentId !== lowest.id) {
    const below = attempt(() => kernel.statmountDetails(lowest.parentId))
    if (below === undefined) break
    lowest = below
  }
  const ids = attempt(() => kernel.listmount(lowest.id))
  if (ids === undefined) return undefined
  const found = [lowest]
  for (const id of new Set(ids)) {
    const one = id === lowest.id ? undefined : attempt(() => kernel.statmountDetails(id))
    if (one !== undefined) found.push(one)
  }
  const known = missing(kernel, found)
  const records = found.map((m): MountRecord => ({
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
    fstype: known.get(m.oldId)?.fstype ?? m.fstype,
    source: m.source ?? known.get(m.oldId)?.source ?? 'none',
    superOptions: m.superOptions,
  }))
  return buildMountTree(records, 'statmount', top.oldId)
}

/** The tree by /proc/PID/mountinfo. Throws SyscallError when that cannot be read. */
export function readByMountInfo(kernel: Pick<Kernel, 'readText'>, pid: string): MountTree {
  return buildMountTree(parseMountInfo(kernel.readText(`/proc/${pid}/mountinfo`)).map(recordOf), 'mountinfo')
}

/** The mounts of a process, 'self' for this one. Throws SyscallError when neither way works. */
export function readMounts(kernel: MountDoors, pid: string): SavedMounts {
  const tree = (pid === 'self' ? readByStatmount(kernel) : undefined) ?? readByMountInfo(kernel, pid)
  return { tree, boot: attempt(() => kernel.readText('/proc/sys/kernel/random/boot_id').trim()) ?? null }
}
