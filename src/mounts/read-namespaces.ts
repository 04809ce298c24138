// Reads the mount namespaces that processes are in, each from the mountinfo of its process with the lowest pid.
//
// A namespace that only a descriptor or a bind mount keeps is not found: no process is in it. Without privilege only
// the own processes are seen.  namespaces(7), proc_pid_ns(5).

import type { Namespaces, SeenNamespace } from '../facts/mounts/namespaces.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { readByMountInfo } from './read-mounts.ts'

type Doors = Pick<Kernel, 'readdir' | 'readText' | 'readlink'>

/** The pids of /proc in order. Throws SyscallError when it is not mounted. */
export function processIds(kernel: Pick<Kernel, 'readdir'>): number[] {
  return kernel.readdir('/proc').filter((name) => /^[1-9]\d*$/.test(name)).map(Number).sort((a, b) => a - b)
}

/** All mount namespaces that are found. Throws SyscallError when /proc is not mounted. */
export function readNamespaces(kernel: Doors): Namespaces {
  const own = kernel.readlink('/proc/self/ns/mnt')
  const members = new Map<string, number[]>()
  let unknown = 0
  for (const pid of processIds(kernel)) {
    const id = attempt(() => kernel.readlink(`/proc/${pid}/ns/mnt`))
    const known = id === null ? undefined : members.get(id)
    if (id === null) unknown += 1
    else if (known === undefined) members.set(id, [pid])
    else known.push(pid)
  }
  const list: SeenNamespace[] = []
  for (const [id, pids] of members) {
    // The lowest may have ended since, or be a zombie without mounts: the next one will do.
    for (const pid of pids) {
      const tree = attempt(() => readByMountInfo(kernel, id === own ? 'self' : String(pid)))
      if (tree === null || (tree.nodes.length === 0 && pid !== pids.at(-1))) continue
      const command = attempt(() => kernel.readText(`/proc/${pid}/comm`).trimEnd()) ?? ''
      list.push({ id, pid, command, processes: pids.length, own: id === own, tree })
      break
    }
  }
  return { list, unknown }
}
