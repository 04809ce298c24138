// Whether a mount's server still answers.
//
// Asked in a helper and with a limit (Kernel.bounded): statfs(2) of one that is gone waits for ever.

import type { BoundedOptions, Kernel } from '../kernel/kernel.ts'
import type { Mount } from './mountinfo.ts'
import { isOnServer } from './server-filesystems.ts'

/** A server that is there answers in milliseconds; one that is taken for gone and is not loses nothing by it. */
const ANSWER_MS = 5000

/** True when `mount`, which `path` leads to, is on a server that does not answer, or with an error. FUSE is not asked: it may be slow. */
export function isSilent(kernel: Pick<Kernel, 'bounded'>, mount: Mount | undefined, path: string, options: Omit<BoundedOptions, 'timeoutMs'> = {}): boolean {
  if (mount === undefined || !isOnServer(mount.fstype)) return false
  try {
    return kernel.bounded({ call: 'statfs', path }, { ...options, timeoutMs: ANSWER_MS }) === 'hung'
  } catch {
    return true // EIO, ETIMEDOUT of a soft mount, ESTALE
  }
}
