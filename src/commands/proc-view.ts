// A /proc for the planner where the caller has none at "/proc".
//
// Scripts differ in what they leave to switch_root: initramfs-tools moves /proc into the new root first, hand-written
// ones unmount it. Mounts cannot be known without it, so it is found in the new root, or mounted.  proc(5).

import { inRoot } from '../facts/paths.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

const MOUNTINFO = '/proc/self/mountinfo'

export interface ProcView {
  /** Reads mountinfo and the like wherever they are. */
  readonly kernel: Kernel
  /** The same, and what was mounted to read them is not seen. */
  readonly unseen: Kernel
  /** Takes back what was mounted, before anything else is done. Never throws. */
  release(): void
}

/** The same kernel, with another way to read texts. */
function reading(kernel: Kernel, readText: (path: string) => string): Kernel {
  return new Proxy(kernel, {
    get(target, key): unknown {
      if (key === 'readText') return readText
      const found: unknown = Reflect.get(target, key)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

/** Finds or makes a /proc. Throws SyscallError when it can be neither. */
export function openProcView(kernel: Kernel, newRoot: string): ProcView {
  const nothing = (): void => undefined
  if (kernel.exists(MOUNTINFO)) return { kernel, unseen: kernel, release: nothing }
  if (kernel.exists(inRoot(newRoot, MOUNTINFO))) {
    const there = reading(kernel, (path) => kernel.readText(path.startsWith('/proc/') ? inRoot(newRoot, path) : path))
    return { kernel: there, unseen: there, release: nothing }
  }
  let made = true
  try {
    kernel.mkdir('/proc', 0o555)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
    made = false
  }
  kernel.mount('proc', '/proc', 'proc', 0, null)
  const release = (): void => {
    try {
      kernel.umount2('/proc', 0)
      if (made) kernel.rmdir('/proc')
    } catch {
      // Something else took hold of it: it stays, and is in nobody's way.
    }
  }
  const isOwn = (line: string): boolean => / \/proc .* - proc /.test(line)
  const unseen = reading(kernel, (path) => {
    const text = kernel.readText(path)
    return path === MOUNTINFO ? text.split('\n').filter((line) => !isOwn(line)).join('\n') : text
  })
  return { kernel, unseen, release }
}
