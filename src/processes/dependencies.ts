// Which processes the root's device depends on.
//
// The kernel is asked what each process holds open: the device itself, /dev/fuse with the number of the root's
// connection, the files of an md array, the device mapper, the iSCSI socket. A name of a program decides only
// where a layer could not be followed, and is called a hint. Pure; the facts come from read-dependencies.ts.

import { S_IFBLK, S_IFCHR, S_IFMT, S_IFSOCK } from '../abi/process.ts'
import { makeDev } from '../facts/mountinfo.ts'
import type { Need, RootStack } from './root-stack.ts'

/** An open descriptor of a process. */
export interface OpenDescriptor {
  readonly fd: number
  readonly dev: bigint
  readonly ino: bigint
  readonly mode: number
  readonly rdev: bigint
  /** Of /dev/fuse: the connection's number; null where the kernel does not say (before 6.18). */
  readonly fuseConnection: number | null
}

/** What is asked about a process; `descriptors` is null when it may not be looked at. */
export interface Holder {
  readonly pid: number
  readonly ppid: number
  readonly comm: string
  readonly descriptors: readonly OpenDescriptor[] | null
}

/** Misc devices with fixed numbers: Documentation/admin-guide/devices.txt. */
export const FUSE_DEVICE = makeDev(10, 229)
const MAPPER_CONTROL = makeDev(10, 236)

/** Programs that serve storage: only a hint, for layers that could not be followed. */
const STORAGE_PROGRAMS: readonly string[] = [
  'nbd-client', 'mdmon', 'iscsid', 'iscsiuio', 'multipathd', 'dmeventd', 'fuse2fs', 'ntfs-3g', 'mount.ntfs-3g', 'sshfs', 'ublk', 'tcmu-runner',
]

const isBlock = (d: OpenDescriptor, rdev: bigint): boolean => (d.mode & S_IFMT) === S_IFBLK && d.rdev === rdev
const isChar = (d: OpenDescriptor, rdev: bigint): boolean => (d.mode & S_IFMT) === S_IFCHR && d.rdev === rdev

/** Why this process is needed for one thing, or null. */
function servedBy(need: Need, holder: Holder, what: string): string | null {
  const { pid, descriptors } = holder
  const holds = (test: (d: OpenDescriptor) => boolean): boolean => descriptors?.some(test) === true
  switch (need.kind) {
    case 'nbd':
      return need.pid === pid ? `it serves ${need.name}, which ${what} is on` : null
    case 'block-device':
      return holds((d) => isBlock(d, need.rdev)) ? `it holds ${need.name} open, which ${what} is on` : null
    case 'char-device':
      return holds((d) => isChar(d, need.rdev)) ? `it holds ${need.name} open and serves the device of ${what}` : null
    case 'fuse':
      if (holds((d) => isChar(d, FUSE_DEVICE) && d.fuseConnection === need.connection)) return `it serves ${what} by FUSE connection ${need.connection}`
      // KERNEL(6.18): older ones do not say which connection a descriptor of /dev/fuse belongs to.
      return holds((d) => isChar(d, FUSE_DEVICE) && d.fuseConnection === null) ? `it serves a FUSE file system, and ${what} is on one` : null
    case 'md':
      return holds((d) => need.files.has(`${d.dev}:${d.ino}`)) ? `it keeps the metadata of ${need.name}, which ${what} is on` : null
    case 'device-mapper':
      if (!holds((d) => isChar(d, MAPPER_CONTROL))) return null
      return `it holds the device mapper open, and ${what} is on ${need.isMultipath ? 'multipath ' : ''}device ${need.name}`
    case 'iscsi':
      return holds((d) => (d.mode & S_IFMT) === S_IFSOCK && need.sockets.has(d.ino)) ? `it holds the iSCSI socket, and ${what} is on ${need.name}` : null
  }
}

function reasonFor(holder: Holder, stack: RootStack, what: string): string | null {
  for (const need of stack.needs) {
    const reason = servedBy(need, holder, what)
    if (reason !== null) return reason
  }
  const isBlind = stack.unresolved.length > 0 || (holder.descriptors === null && stack.needs.length > 0)
  if (isBlind && STORAGE_PROGRAMS.includes(holder.comm)) {
    return `hint by its name '${holder.comm}' only: ${stack.unresolved[0] === undefined ? 'its descriptors' : `${stack.unresolved[0]} of ${what}`} could not be looked at`
  }
  return null
}

/** The processes that the root (or `what` in the reasons) needs, by pid, with the reason. Children of one are needed as it is (ssh of sshfs). */
export function findDependencies(holders: readonly Holder[], stack: RootStack, what = 'the root'): Map<number, string> {
  const found = new Map<number, string>()
  for (const holder of holders) {
    const reason = holder.pid === 1 ? null : reasonFor(holder, stack, what)
    if (reason !== null) found.set(holder.pid, reason)
  }
  for (let grows = true; grows; ) {
    grows = false
    for (const { pid, ppid } of holders) {
      if (found.has(pid) || !found.has(ppid)) continue
      found.set(pid, `its parent ${ppid} is needed by ${what}`)
      grows = true
    }
  }
  return found
}
