// A mount namespace for a moment, in which things can be attached that nobody else ever sees.
//
// The calling thread goes there and comes back: root, working directory and namespace are as before. Its file system
// state is its own afterwards, no longer that of the process's other threads, which stand at the same places.
// SAFETY: between enter and leave nothing may run that looks at paths of the old namespace.  unshare(2), setns(2)

import { MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { CLONE_NEWNS, O_PATH, O_RDONLY } from '../abi/process.ts'
import { mountPathPrefixes } from '../facts/mount-path.ts'
import { REPLACE_DIRECTORY } from '../facts/replace/replace-types.ts'
import { attempt } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

export interface Staging {
  /** Goes back; the namespace ends with what is attached in it. */
  leave(): void
}

/** Goes to a copy of this namespace with a tmpfs on the directory `path`. Throws SyscallError, back in the old one. */
export function enterStaging(kernel: Kernel, path: string): Staging {
  const open: Fd[] = []
  const keep = (fd: Fd): Fd => {
    open.push(fd)
    return fd
  }
  const closeAll = (): void => open.forEach((fd) => kernel.close(fd))
  let back: (() => void) | null = null
  try {
    const [namespace, root, cwd] = [keep(kernel.open('/proc/self/ns/mnt', O_RDONLY)), keep(kernel.open('/', O_PATH)), keep(kernel.open('.', O_PATH))]
    kernel.unshare(CLONE_NEWNS)
    back = () => {
      kernel.setns(namespace, CLONE_NEWNS)
      // setns(2) leaves the thread at the root of the namespace, which is not "/" in a chroot.
      kernel.fchdir(root)
      kernel.chroot('.')
      kernel.fchdir(cwd)
    }
    kernel.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
    kernel.mount('fulcrum', path, 'tmpfs', 0, 'mode=0700')
  } catch (error) {
    back?.()
    closeAll()
    throw error
  }
  const leave = back
  return {
    leave: () => {
      leave()
      closeAll()
    },
  }
}

/** Runs `body` with a directory that enterStaging can use, and removes what had to be made for it. */
export function withStage<T>(kernel: Pick<Kernel, 'exists' | 'mkdir' | 'rmdir'>, body: (path: string) => T): T {
  const missing = mountPathPrefixes(REPLACE_DIRECTORY).filter((path) => !kernel.exists(path))
  for (const path of missing) kernel.mkdir(path, path === REPLACE_DIRECTORY ? 0o700 : 0o755)
  try {
    return body(REPLACE_DIRECTORY)
  } finally {
    for (const path of missing.reverse()) attempt(() => kernel.rmdir(path))
  }
}
