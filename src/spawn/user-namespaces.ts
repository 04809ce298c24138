// User namespaces that are kept as descriptors, one for each map.
//
// A child that lives just long enough makes one; we write its map, open the namespace, and end the child. Later children
// enter by setns(2), without a hand-shake, and the same descriptor serves MOUNT_ATTR_IDMAP.  user_namespaces(7)

import { CLONE_NEWUSER, CLONE_VM, O_RDONLY, PR_SET_PDEATHSIG, SIGKILL } from '../abi/process.ts'
import { RAW_CALLS } from '../abi/raw-syscalls.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { killAndReap } from './running.ts'

export class UserNamespaces {
  readonly #kernel: Kernel
  readonly #byMap = new Map<string, Fd>()

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /** The namespace with these maps, as in uid_map(5) and gid_map(5). It belongs to this object. Throws SyscallError. */
  get(uidMap: string, gidMap: string): Fd {
    const key = `${uidMap}\0${gidMap}`
    const known = this.#byMap.get(key)
    if (known !== undefined) return known
    const made = this.#make(uidMap, gidMap)
    this.#byMap.set(key, made)
    return made
  }

  #make(uidMap: string, gidMap: string): Fd {
    const kernel = this.#kernel
    const rows = [
      { nr: RAW_CALLS.prctl, args: [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0] },
      { nr: RAW_CALLS.pause, args: [] },
    ]
    const table = kernel.startChild(rows, { flags: CLONE_VM | CLONE_NEWUSER })
    try {
      const proc = `/proc/${table.pid}`
      kernel.writeFile(`${proc}/uid_map`, uidMap)
      kernel.writeFile(`${proc}/gid_map`, gidMap)
      return kernel.open(`${proc}/ns/user`, O_RDONLY)
    } finally {
      killAndReap(kernel, table.pid, table.pidfd)
      kernel.close(table.pidfd)
      table.release()
    }
  }

  /** Closes all of them: a namespace goes when nobody is in it and nothing is mounted through it. */
  close(): void {
    for (const fd of this.#byMap.values()) this.#kernel.close(fd)
    this.#byMap.clear()
  }
}
