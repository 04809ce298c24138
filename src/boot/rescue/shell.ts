// Finds a shell in the image and the terminal behind /dev/console.
//
// /dev/console cannot be a controlling terminal, so ^C would do nothing in a shell on it: the device
// that the kernel writes its console to can. Source: drivers/tty/tty_io.c; console(4), /sys/class/tty.

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

/** The device behind /dev/console, for instance '/dev/ttyS0'; null when it cannot be found out. */
export function findTerminal(kernel: Pick<Kernel, 'exists' | 'readText'>): string | null {
  let name = 'console'
  // 'console' names a terminal, 'tty0' names the virtual terminal that is shown.
  for (let depth = 0; depth < 3; depth++) {
    const active = `/sys/class/tty/${name}/active`
    if (!kernel.exists(active)) break
    const next = kernel.readText(active).trim().split(/\s+/).at(-1)
    if (next === undefined || next === '') return null
    name = next
  }
  const device = `/dev/${name}`
  return name !== 'console' && kernel.exists(device) ? device : null
}
