// From the initramfs that was returned to, forward into the root again: /init is executed a second time.
//
// As if the kernel had started it: with the words and the environment that it got from the kernel, which the record
// of the first boot has. The API file systems, modules and devices are there already. /init is told how often this
// was done, and whether a person wants to stop in the initramfs.  docs/return.md.

import { MNT_DETACH, MS_BIND, MS_PRIVATE, MS_REC, MS_REMOUNT } from '../abi/mount.ts'
import { handOver, recordStartState } from '../boot/hand-over.ts'
import { readParameters } from '../boot/parameters.ts'
import { parseCommandLine } from '../facts/cmdline.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { isBelow } from '../facts/paths.ts'
import { OLD_ROOT_DIRECTORY } from '../facts/return-types.ts'
import { INITRAMFS_DIRECTORY, ROOTFS_DIRECTORY, SYSROOT } from '../facts/switch-types.ts'
import { attempt, errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { endProcesses } from '../processes/end-processes.ts'
import { readRulesFile } from '../processes/judge.ts'
import type { KillOptions } from '../processes/kill.ts'
import { isForeignInit, prepareForeignInit } from './foreign-init.ts'
import { readForwardRecord } from './forward-record.ts'
import { formatReturned, RETURN_VARIABLE } from './returned.ts'

/** Written by `fulcrum return` where systemd asks for the way down: it turns 'reboot' into 'return'. */
export const RETURN_FILE = '/run/fulcrum/return'

/** Mount points of the round that is over, which the next one makes anew. */
const LEFTOVERS: readonly string[] = [OLD_ROOT_DIRECTORY, ROOTFS_DIRECTORY, INITRAMFS_DIRECTORY, SYSROOT]
/** What systemd binds onto itself when it switches root; what is mounted below is as visible without it. */
const BOUND_BY_SYSTEMD: readonly string[] = ['/run/credentials', '/run/host']
const TIMEOUTS: KillOptions = { timeoutMs: 2000, killTimeoutMs: 1000 }
/** Mounts can be stacked on one point. */
const MAX_PASSES = 16

function unmountLeftovers(kernel: Kernel, print: (line: string) => void): void {
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const points = readOwnMounts(kernel).map((m) => m.mountPoint).filter((point) => LEFTOVERS.some((it) => isBelow(point, it)))
    if (points.length === 0) return
    for (const point of new Set(points.reverse())) {
      try {
        kernel.umount2(point, MNT_DETACH)
      } catch (error) {
        // Gone with one that it stood on.
        if (!isErrno(error, 'EINVAL', 'ENOENT')) print(`Cannot unmount '${point}': ${errorLine(error)}, ignoring`)
      }
    }
  }
}

function unbind(kernel: Kernel, print: (line: string) => void): void {
  const mounts = readOwnMounts(kernel)
  const run = mounts.find((m) => m.mountPoint === '/run')
  for (const mount of mounts) {
    if (!BOUND_BY_SYSTEMD.includes(mount.mountPoint) || mount.dev !== run?.dev) continue
    try {
      kernel.umount2(mount.mountPoint, MNT_DETACH)
    } catch (error) {
      print(`Cannot unmount '${mount.mountPoint}': ${errorLine(error)}, ignoring`)
    }
  }
}

/**
 * Ends the processes of the initramfs that no device needs: hooks will start them again. What serves a device of the
 * root carries a mark since the hand-over (processes/mark.ts), which policy respects, as it does the rules.
 */
function endLeftovers(kernel: Kernel, print: (line: string) => void): void {
  try {
    const rules = readParameters(parseCommandLine(kernel.readText('/proc/cmdline'))).values.processRules
    const { reports } = endProcesses(kernel, { rules, file: readRulesFile(kernel).file, keep: 'none', default: 'kill' }, TIMEOUTS)
    for (const { pid, name, outcome, detail } of reports) {
      if (outcome === 'survived') print(`Cannot end process ${pid} (${name}): ${detail ?? 'unknown'}, ignoring`)
    }
  } catch (error) {
    print(`Cannot look at processes: ${errorLine(error)}, ignoring`)
  }
}

/** Executes /init. Throws SyscallError when that cannot be; everything but the leftovers is as before then. */
export function goForward(kernel: Kernel, options: { readonly shell: boolean }, print: (line: string) => void): never {
  const start = recordStartState(kernel)
  const { argv, env, returns } = readForwardRecord(kernel)
  unmountLeftovers(kernel, print)
  unbind(kernel, print)
  endLeftovers(kernel, print)
  attempt(() => kernel.unlink(RETURN_FILE))
  // systemd comes by the mount that is read-only, after it has made the file system read-only too, as everything that
  // it could not unmount. Hooks may run programs as others. A compressed initramfs stays as it is.
  attempt(() => kernel.mount('none', '/', null, MS_REMOUNT, null))
  attempt(() => kernel.mount('none', '/', null, MS_REMOUNT | MS_BIND, null))
  // It is unbindable as well where services were not to see it (plan/keep.ts), and is to be bound again.
  attempt(() => kernel.mount('none', '/', null, MS_REC | MS_PRIVATE, null))
  attempt(() => kernel.chmod('/', 0o755))
  const told = { returns: returns + 1, stop: options.shell }
  if (isForeignInit(kernel)) prepareForeignInit(kernel, told, print)
  return handOver(kernel, { op: 'exec', path: '/init', argv, env: { ...env, [RETURN_VARIABLE]: formatReturned(told) }, kind: 'plain' }, start)
}
