// Going forward where /init of the initramfs is a script of others (dracut, initramfs-tools, mkinitcpio): it is to find
// the initramfs as the kernel leaves it.
//
// Such a script mounts what it needs without looking, or hands only some variables on: so all that is mounted goes,
// and the number of returns is in a file, for the switch at its end.  docs/return.md

import { MNT_DETACH } from '../abi/mount.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { attempt, errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { formatReturned, parseReturned } from './returned.ts'
import type { Returned } from './returned.ts'

/** In the initramfs. */
const RETURNED_FILE = '/etc/fulcrum/returned'
const HASH_BANG = '#!'

/** Whether /init is a script: ours never is. */
export function isForeignInit(kernel: Pick<Kernel, 'open' | 'read' | 'close'>): boolean {
  const fd = attempt(() => kernel.open('/init', 0))
  if (fd === null) return false
  try {
    const bytes = new Uint8Array(HASH_BANG.length)
    kernel.read(fd, bytes, 0)
    return Buffer.from(bytes).toString('latin1') === HASH_BANG
  } catch {
    return false
  } finally {
    kernel.close(fd)
  }
}

/** Takes away what is mounted on the initramfs, the newest first. What is busy is detached. */
function unmountAll(kernel: Kernel, print: (line: string) => void): void {
  const points = readOwnMounts(kernel).map((m) => m.mountPoint).filter((point) => point !== '/')
  for (const point of points.reverse()) {
    try {
      kernel.umount2(point, MNT_DETACH)
    } catch (error) {
      // Gone with one that it stood on.
      if (!isErrno(error, 'EINVAL', 'ENOENT')) print(`Cannot unmount '${point}': ${errorLine(error)}, ignoring`)
    }
  }
}

/** Makes it ready. Never throws. */
export function prepareForeignInit(kernel: Kernel, told: Returned, print: (line: string) => void): void {
  if (told.stop) print("Cannot stop in the initramfs: its /init is not fulcrum's, and goes on to the root")
  try {
    unmountAll(kernel, print)
    if (!kernel.exists('/etc/fulcrum')) kernel.mkdir('/etc/fulcrum', 0o755)
    kernel.writeFile(RETURNED_FILE, formatReturned({ ...told, stop: false }))
  } catch (error) {
    print(`${errorLine(error)}, ignoring`)
  }
}

/** How often the machine has returned, told once. */
export function takeReturns(kernel: Pick<Kernel, 'readText' | 'unlink'>): number {
  const returned = parseReturned(attempt(() => kernel.readText(RETURNED_FILE)) ?? undefined)
  if (returned !== null) attempt(() => kernel.unlink(RETURNED_FILE))
  return returned?.returns ?? 0
}
