// The layout of the keyboard, where the image has one: the kernel's own is US, and a passphrase was thought up on another.
//
// The file is what `loadkeys --bkeymap` writes. Only the keyboards of the machine are meant; a serial line sends
// characters. Nothing here can stop a boot.  ioctl_console(2), loadkeys(1), docs/luks.md

import { parseKeymap } from '../facts/keymap.ts'
import { errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Log } from './log.ts'

/** In the image. */
export const KEYMAP = '/etc/fulcrum/keymap'
const CONSOLE = '/dev/tty0'
const O_RDWR_NOCTTY = 0o402
/** <linux/kd.h>; its argument is struct kbentry. */
const KDSKBENT = 0x4b47

/** Loads the layout; returns how many keys were set, 0 where there is no layout or no keyboard. Never throws. */
export function loadKeymap(kernel: Pick<Kernel, 'exists' | 'readFile' | 'open' | 'close' | 'ioctl'>, log: Pick<Log, 'warn'>): number {
  if (!kernel.exists(KEYMAP) || !kernel.exists(CONSOLE)) return 0
  try {
    const entries = parseKeymap(kernel.readFile(KEYMAP))
    if (entries === null) throw new Error(`Cannot use '${KEYMAP}': it is no binary layout (loadkeys --bkeymap)`)
    const fd = kernel.open(CONSOLE, O_RDWR_NOCTTY)
    try {
      let count = 0
      for (const { table, key, value } of entries) if (setKey(kernel, fd, Uint8Array.of(table, key, value & 0xff, value >> 8))) count++
      return count
    } finally {
      kernel.close(fd)
    }
  } catch (error) {
    // A machine without a screen has the node and no device.
    if (!isErrno(error, 'ENXIO', 'ENODEV', 'EIO')) log.warn(`${errorLine(error)}, ignoring`)
    return 0
  }
}

/** False for a value that this kernel does not know, which is no reason to leave out the others. */
function setKey(kernel: Pick<Kernel, 'ioctl'>, fd: Parameters<Kernel['ioctl']>[0], entry: Uint8Array): boolean {
  try {
    kernel.ioctl(fd, KDSKBENT, entry)
    return true
  } catch (error) {
    if (isErrno(error, 'EINVAL')) return false
    throw error
  }
}
