// Reads the mount namespaces of the machine: those that processes are in, each as its process with the lowest pid sees
// it, and those that only a descriptor or a bind mount keeps.
//
// The kernel lists the latter since Linux 6.12, for the privileged; before, they are not found. Without privilege only
// the own processes are seen.  namespaces(7), proc_pid_ns(5), ioctl_nsfs(2).

import { NS_MNT_GET_NEXT, NS_MNT_GET_PREV } from '../abi/namespaces.ts'
import { O_RDONLY } from '../abi/process.ts'
import { buildMountTree } from '../facts/mounts/mount-tree.ts'
import type { MountTree } from '../facts/mounts/mount-tree.ts'
import type { Keeper, Namespaces, SeenNamespace } from '../facts/mounts/namespaces.ts'
import { attempt } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { namespaceIdOf, readByMountInfo, readByNamespace, readByStatmount } from './read-mounts.ts'
import type { NamespaceDoors } from './read-mounts.ts'

type Doors = NamespaceDoors & Pick<Kernel, 'readdir' | 'readlink' | 'fstat'>

/** The pids of /proc in order. Throws SyscallError when it is not mounted. */
export function processIds(kernel: Pick<Kernel, 'readdir'>): number[] {
  return kernel.readdir('/proc').filter((name) => /^[1-9]\d*$/.test(name)).map(Number).sort((a, b) => a - b)
}

/** Struct mnt_ns_info. */
const INFO_BYTES = 16

/** Unique ids of all mount namespaces, with their names; none before Linux 6.12 or without privilege. */
function everyNamespace(kernel: Doors): ReadonlyMap<bigint, string> {
  const found = new Map<bigint, string>()
  for (const request of [NS_MNT_GET_PREV, NS_MNT_GET_NEXT]) {
    let at: Fd | null = attempt(() => kernel.open('/proc/self/ns/mnt', O_RDONLY))
    while (at !== null) {
      const from: Fd = at
      const info = new Uint8Array(INFO_BYTES)
      // ENOENT behind the last one.
      at = attempt(() => toFd(kernel.ioctl(from, request, info)))
      kernel.close(from)
      if (at !== null) found.set(new DataView(info.buffer).getBigUint64(8, true), `mnt:[${kernel.fstat(at).ino}]`)
    }
  }
  return found
}

/** Who keeps namespaces in which no process is: descriptors, and bind mounts in the namespaces that are known. */
function keepersOf(kernel: Doors, ids: ReadonlySet<string>, known: readonly SeenNamespace[], pids: readonly number[]): ReadonlyMap<string, readonly Keeper[]> {
  const keepers = new Map<string, Keeper[]>([...ids].map((id) => [id, []]))
  if (ids.size === 0) return keepers
  for (const pid of pids) {
    for (const fd of attempt(() => kernel.readdir(`/proc/${pid}/fd`)) ?? []) {
      const link = attempt(() => kernel.readlink(`/proc/${pid}/fd/${fd}`)) ?? ''
      const command = keepers.has(link) ? (attempt(() => kernel.readText(`/proc/${pid}/comm`).trimEnd()) ?? '') : ''
      keepers.get(link)?.push({ pid, command, fd: Number(fd) })
    }
  }
  for (const { id, tree } of known) {
    for (const { fstype, root, mountPoint } of tree.nodes) if (fstype === 'nsfs') keepers.get(root)?.push({ namespace: id, mountPoint })
  }
  return keepers
}

/** As the process sees it, with the mounts that nobody sees where the kernel tells them. */
function treeOf(kernel: Doors, own: boolean, pid: number, uniqueId: bigint | null): MountTree | null {
  if (own) return readByStatmount(kernel) ?? attempt(() => readByMountInfo(kernel, 'self'))
  const mountinfo = attempt(() => kernel.readText(`/proc/${pid}/mountinfo`))
  if (mountinfo === null) return null
  if (mountinfo === '') return buildMountTree([], 'mountinfo')
  return (uniqueId === null ? undefined : readByNamespace(kernel, uniqueId, mountinfo, true)) ?? readByMountInfo({ readText: () => mountinfo }, String(pid))
}

/** All mount namespaces that are found. Throws SyscallError when /proc is not mounted. */
export function readNamespaces(kernel: Doors): Namespaces {
  const ownId = kernel.readlink('/proc/self/ns/mnt')
  const members = new Map<string, number[]>()
  const pids = processIds(kernel)
  let unknown = 0
  for (const pid of pids) {
    const id = attempt(() => kernel.readlink(`/proc/${pid}/ns/mnt`))
    const known = id === null ? undefined : members.get(id)
    if (id === null) unknown += 1
    else if (known === undefined) members.set(id, [pid])
    else known.push(pid)
  }
  const list: SeenNamespace[] = []
  for (const [id, inside] of members) {
    // The lowest may have ended since, or be a zombie without mounts: the next one will do.
    for (const pid of inside) {
      const own = id === ownId
      const uniqueId = namespaceIdOf(kernel, `/proc/${pid}/ns/mnt`) ?? null
      const tree = treeOf(kernel, own, pid, uniqueId)
      if (tree === null || (tree.nodes.length === 0 && pid !== inside.at(-1))) continue
      const command = attempt(() => kernel.readText(`/proc/${pid}/comm`).trimEnd()) ?? ''
      list.push({ id, uniqueId, pid, command, processes: inside.length, own, tree, keptBy: [] })
      break
    }
  }
  const without = [...everyNamespace(kernel)].filter(([, id]) => !members.has(id))
  const keepers = keepersOf(kernel, new Set(without.map(([, id]) => id)), list, pids)
  for (const [uniqueId, id] of without) {
    const tree = readByNamespace(kernel, uniqueId, null)
    if (tree !== undefined) list.push({ id, uniqueId, pid: null, command: '', processes: 0, own: false, tree, keptBy: keepers.get(id) ?? [] })
  }
  return { list, unknown }
}
