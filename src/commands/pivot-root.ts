// `pivot_root`: stands in for that of util-linux, and says which rule was broken.
//
// EINVAL and EBUSY of pivot_root(2) have ten causes; mountinfo tells them apart.  pivot_root(8), pivot_root(2)

import { isAbsoluteRoot, mountContaining, rootMount, topMountAt, type Mount } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { isWithin } from '../facts/mount-path.ts'
import { errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { VERSION } from '../version.ts'
import { EXIT_FAILED, EXIT_OK, type Command } from './command.ts'
import { formatCommandHelp } from './help.ts'
import { parseLeadingOptions } from './leading-options.ts'

const usageError = (problem: string): string => `pivot_root: ${problem}\nTry 'pivot_root --help' for more information.\n`

/**
 * Why pivot_root(2) refuses these two directories (absolute, without symbolic links), in the kernel's order; null
 * when mountinfo shows no reason.
 */
export function explainPivot(mounts: readonly Mount[], newRoot: string, putOld: string): string | null {
  const root = rootMount(mounts)
  if (root === undefined) return '"/" of this process is not a mount point: it is in a chroot'
  const there = mountContaining(mounts, newRoot)
  const old = mountContaining(mounts, putOld)
  const parent = there === undefined ? undefined : mounts.find((m) => m.id === there.parentId)
  if (old?.optional.shared !== undefined) return `the mount of '${putOld}' ('${old.mountPoint}') is shared: make it private`
  if (parent?.optional.shared !== undefined) return `the mount below '${newRoot}' ('${parent.mountPoint}') is shared: make it private`
  if (there?.id === root.id) return `'${newRoot}' is on the current root mount: bind it onto itself first`
  if (old?.id === root.id) return `'${putOld}' is on the current root mount: it has to be below '${newRoot}'`
  if (isAbsoluteRoot(mounts)) return 'this process stands on the absolute root, which kernels before 7.0 cannot pivot away from: use switch_root or fulcrum switch'
  if (topMountAt(mounts, newRoot) === undefined) return `'${newRoot}' is not a mount point: bind it onto itself first`
  if (!isWithin(newRoot, putOld)) return `'${putOld}' is not below '${newRoot}'`
  return null
}

function explanation(kernel: Kernel, newRoot: string, putOld: string): string | null {
  try {
    const mounts = readOwnMounts(kernel)
    return explainPivot(mounts, kernel.realpath(newRoot), kernel.realpath(putOld))
  } catch {
    // Without /proc there is the errno and its hint.
    return null
  }
}

export const pivotRootCommand: Command = {
  name: 'pivot_root',
  summary: 'as pivot_root(8): make NEW_ROOT the root and put the old one at PUT_OLD',
  usage: ['pivot_root NEW_ROOT PUT_OLD', 'pivot_root -h | -V'],
  help: `Calls pivot_root(2) and nothing else, as that of util-linux. When the kernel refuses, the mounts are
looked at and the broken rule is named. \`fulcrum switch\` does the whole of a switch.

  -h, --help     this text
  -V, --version  the version

Exit status: 1 on failure.
`,
  run(args, io) {
    const { flags, rest, problem } = parseLeadingOptions(args, { flags: ['h', 'V', 'help', 'version'], values: [] })
    if (problem !== null) {
      io.stderr(usageError(problem))
      return EXIT_FAILED
    }
    if (flags.has('h') || flags.has('help')) {
      io.stdout(formatCommandHelp(pivotRootCommand))
      return EXIT_OK
    }
    if (flags.has('V') || flags.has('version')) {
      io.stdout(`pivot_root from fulcrum ${VERSION}\n`)
      return EXIT_OK
    }
    const [newRoot, putOld, ...more] = rest
    if (newRoot === undefined || putOld === undefined || more.length > 0) {
      io.stderr(usageError('bad usage'))
      return EXIT_FAILED
    }
    const kernel = io.kernel()
    try {
      kernel.pivotRoot(newRoot, putOld)
      return EXIT_OK
    } catch (error) {
      const why = isErrno(error, 'EINVAL', 'EBUSY') ? explanation(kernel, newRoot, putOld) : null
      const detail = why !== null && isErrno(error, 'EINVAL', 'EBUSY') ? `${error.message}; ${why}` : errorLine(error)
      io.stderr(`pivot_root: Cannot change root from '${newRoot}' to '${putOld}': ${detail}\n`)
      return EXIT_FAILED
    }
  },
}
