// Finds a shell in the image and the terminal behind /dev/console.
//
// /dev/console cannot be a controlling terminal, so ^C would do nothing in a shell on it: the device
// that the kernel writes its console to can. Source: drivers/tty/tty_io.c; console(4), /sys/class/tty.

import { S_IFCHR, S_IFMT } from '../../abi/process.ts'
import { toFd } from '../../kernel/kernel.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** Shells in the order of preference, with the arguments that make them one. */
const shells: readonly (readonly [path: string, ...args: string[]])[] = [
  ['/bin/bash'],
  ['/bin/sh'],
  ['/bin/dash'],
  ['/bin/busybox', 'sh'],
  ['/usr/bin/bash'],
  ['/usr/bin/sh'],
]

/** The first shell that exists, or null. */
export function findShell(kernel: Pick<Kernel, 'exists'>): { readonly path: string; readonly args: readonly string[] } | null {
  for (const [path, ...args] of shells) if (kernel.exists(path)) return { path, args }
  return null
}

type Doors = Pick<Kernel, 'exists' | 'fstat' | 'readText' | 'readlink'>

/** makedev(5, 1), /dev/console; Documentation/admin-guide/devices.txt. */
const consoleDevice = 0x501n

/** The device that /dev/console stands for, for instance '/dev/ttyS0'. */
function behindConsole(kernel: Doors): string | null {
  let name = 'console'
  // 'console' names a terminal, 'tty0' names the virtual terminal that is shown.
  for (let depth = 0; depth < 3; depth++) {
    const active = `/sys/class/tty/${name}/active`
    if (!kernel.exists(active)) break
    const next = kernel.readText(active).trim().split(/\s+/).at(-1)
    if (next === undefined || next === '') return null
    name = next
  }
  return name === 'console' ? null : `/dev/${name}`
}

/** The terminal of descriptor 0, by a name that can be a controlling terminal; null when there is none. Never throws. */
export function findTerminal(kernel: Doors): string | null {
  try {
    const { mode, rdev } = kernel.fstat(toFd(0))
    if ((mode & S_IFMT) !== S_IFCHR) return null
    const device = rdev === consoleDevice ? behindConsole(kernel) : kernel.readlink('/proc/self/fd/0')
    return device !== null && kernel.exists(device) ? device : null
  } catch {
    return null
  }
}
