// /proc, /sys, /dev and /run where this program looks for them, whoever brought it here.
//
// systemd binds them into the initramfs before it pivots, our own way back moves them; a plain pivot_root leaves them
// in the old root, from where they are fetched. What is nowhere is mounted anew.  mount(2), systemd-shutdown(8).

import { MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../abi/mount.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** Directory, a file in it that says that it is there, type, flags. /proc first: the others are looked for with it. */
const apis: readonly (readonly [string, string, string, number])[] = [
  ['/proc', '/proc/self', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC],
  ['/sys', '/sys/dev', 'sysfs', MS_NOSUID | MS_NODEV | MS_NOEXEC],
  ['/dev', '/dev/kmsg', 'devtmpfs', MS_NOSUID],
]

function isMountPoint(kernel: Pick<Kernel, 'stat'>, path: string): boolean {
  return kernel.stat(path).dev !== kernel.stat('/').dev
}

function fetch(kernel: Kernel, oldRoot: string, path: string): boolean {
  try {
    if (!isMountPoint(kernel, `${oldRoot}${path}`)) return false
    kernel.mount(`${oldRoot}${path}`, path, null, MS_MOVE, null)
    return true
  } catch {
    // Not there, or not movable: it is made anew.
    return false
  }
}

/** Makes them be there. Returns what could not be done; never throws. */
export function ensureApiMounts(kernel: Kernel, oldRoot: string): string[] {
  const problems: string[] = []
  for (const [path, probe, fstype, flags] of apis) {
    if (kernel.exists(probe) || fetch(kernel, oldRoot, path)) continue
    try {
      kernel.mount(fstype, path, fstype, flags, null)
    } catch (error) {
      problems.push(`Cannot mount ${path}: ${errorLine(error)}`)
    }
  }
  // Nothing is asked of /run but what the old one holds.
  if (!kernel.exists('/run/fulcrum')) fetch(kernel, oldRoot, '/run')
  return problems
}
