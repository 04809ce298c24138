// A pseudo terminal of a container that runs, so that what is run in there finds its terminal in its own /dev/pts.
//
// The container may have put anything in that place. So the way there follows no symbolic link, and what is found has to be the
// multiplexer of a devpts before it is opened.  pty(7), path_resolution(7)

import { O_DIRECTORY, O_NOFOLLOW, O_PATH, S_IFCHR, S_IFMT } from '../abi/process.ts'
import { attempt } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { openTerminal } from '../spawn/terminal.ts'
import type { Terminal } from '../spawn/terminal.ts'

/** <linux/magic.h>. */
const DEVPTS_SUPER_MAGIC = 0x1cd1
/** Device 5:2. */
const PTMX = 0x502n

type Doors = Pick<Kernel, 'open' | 'close' | 'fstat' | 'statfs' | 'ioctl'>

/** Opens the last of the names below a directory, one by one. Throws SyscallError. */
function walk(kernel: Doors, root: Fd, names: readonly string[]): Fd {
  let at = root
  for (const [i, name] of names.entries()) {
    try {
      const next = kernel.open(`/proc/self/fd/${at}/${name}`, O_PATH | O_NOFOLLOW | (i < names.length - 1 ? O_DIRECTORY : 0))
      if (at !== root) kernel.close(at)
      at = next
    } catch (error) {
      if (at !== root) kernel.close(at)
      throw error
    }
  }
  return at
}

/** A terminal of the target's devpts, or of the host's where the target has none that can be trusted. Throws SyscallError. */
export function openTargetTerminal(kernel: Doors, root: Fd): Terminal {
  const ptmx = attempt(() => walk(kernel, root, ['dev', 'pts', 'ptmx']))
  if (ptmx === null) return openTerminal(kernel, '/dev/ptmx')
  try {
    const { mode, rdev } = kernel.fstat(ptmx)
    const isOne = (mode & S_IFMT) === S_IFCHR && rdev === PTMX && kernel.statfs(`/proc/self/fd/${ptmx}`).type === DEVPTS_SUPER_MAGIC
    return openTerminal(kernel, isOne ? `/proc/self/fd/${ptmx}` : '/dev/ptmx')
  } finally {
    kernel.close(ptmx)
  }
}
