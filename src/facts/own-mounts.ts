// The mounts of this process, and which of them a descriptor is on.
//
// Apart from mountinfo.ts, which parses only and which the Kernel interface itself takes its types from.
// proc_pid_mountinfo(5), proc_pid_fdinfo(5)

import type { FileCalls } from '../kernel/kernel.ts'
import { parseMountInfo } from './mountinfo.ts'
import type { Mount } from './mountinfo.ts'

/** The mounts that this process sees. Throws SyscallError where /proc is not mounted. */
export function readOwnMounts(kernel: Pick<FileCalls, 'readText'>): Mount[] {
  return parseMountInfo(kernel.readText('/proc/self/mountinfo'))
}

/** mountinfo's id of the mount in a text of fdinfo; null where it is not said. */
export function mountIdIn(fdinfo: string): number | null {
  const id = /^mnt_id:\s+(\d+)$/m.exec(fdinfo)?.[1]
  return id === undefined ? null : Number(id)
}
