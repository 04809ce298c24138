// Marks a storage daemon of the initramfs so that systemd's final kill spares it, and the OOM killer as well.
//
// systemd knows two marks. '@' as first character of argv[0] holds for root's processes, in every version since 38;
// it is written into the living process at the place that /proc/PID/stat names. A cgroup with the attribute
// survive_final_kill_signal holds for everybody's processes, since version 255.  docs/processes.md says why both;
// proc_pid_mem(5), proc_pid_stat(5), cgroups(7), systemd's ROOT_STORAGE_DAEMONS.

import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../abi/mount.ts'
import { O_RDWR } from '../abi/process.ts'
import { topMountAt } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { attempt, errorLine, isErrno, SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { parseArguments, parseUid } from './process-facts.ts'
import { wakeForRequests } from './wake.ts'
import type { WakeDoors } from './wake.ts'

/** What one process got. Idempotent: what is there already counts. */
export interface MarkResult {
  readonly pid: number
  /** '@' is the first character of its argv[0]. */
  readonly at: boolean
  /** It is in the cgroup of survivors. */
  readonly cgroup: boolean
  /** The OOM killer leaves it alone. */
  readonly oom: boolean
  /** It serves FUSE, and is woken by a request if it is stopped; null when it does not. */
  readonly wakes: boolean | null
  /** What could not be done, a line each. */
  readonly problems: readonly string[]
}

/** The cgroup of survivors, or why there is none. */
export type SurvivorCgroup = { readonly path: string; readonly problem: null } | { readonly path: null; readonly problem: string | null }

const CGROUP_MOUNT = '/sys/fs/cgroup'
/** Beside systemd's slices: what is in the topmost cgroup goes to init.scope when systemd starts. */
const SURVIVOR_CGROUP = `${CGROUP_MOUNT}/fulcrum`
/** The options that systemd itself mounts it with: it takes what it finds mounted. */
const CGROUP_OPTIONS = 'nsdelegate,memory_recursiveprot'
/** First version that looks at the attribute. */
const CGROUP_SINCE = 255
const SURVIVE_ATTRIBUTES: readonly string[] = ['user.survive_final_kill_signal', 'trusted.survive_final_kill_signal']

const LIBRARY_DIRECTORIES: readonly string[] = [
  '/usr/lib/systemd', '/usr/lib/x86_64-linux-gnu/systemd', '/usr/lib/aarch64-linux-gnu/systemd', '/usr/lib64/systemd', '/lib/systemd',
]

/** The major version of the systemd that is installed below `root`, by the name of its private library; null without one. */
export function systemdVersion(kernel: Pick<Kernel, 'readdir'>, root: string): number | null {
  for (const directory of LIBRARY_DIRECTORIES) {
    for (const name of attempt(() => kernel.readdir(`${root}${directory}`)) ?? []) {
      const found = /^libsystemd-shared-(\d+)\D.*so$/.exec(name)?.[1]
      if (found !== undefined) return Number(found)
    }
  }
  return null
}

type CgroupDoors = Pick<Kernel, 'readText' | 'exists' | 'mount' | 'mkdir' | 'setxattr'>

function mountCgroups(kernel: CgroupDoors): void {
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
  try {
    kernel.mount('cgroup2', CGROUP_MOUNT, 'cgroup2', flags, CGROUP_OPTIONS)
  } catch (error) {
    // KERNEL(5.7): memory_recursiveprot.
    if (!isErrno(error, 'EINVAL')) throw error
    kernel.mount('cgroup2', CGROUP_MOUNT, 'cgroup2', flags, null)
  }
}

/**
 * Makes the cgroup whose processes systemd spares; mounts cgroup2 if nothing is mounted there. `version` is that of
 * the root's systemd: before 255 a cgroup says nothing to it, and a cgroup2 that it did not mount could decide
 * about the hierarchy that it uses. Never throws for a system call.
 */
export function makeSurvivorCgroup(kernel: CgroupDoors, version: number | null): SurvivorCgroup {
  if (version === null || version < CGROUP_SINCE) return { path: null, problem: null }
  try {
    const there = topMountAt(readOwnMounts(kernel), CGROUP_MOUNT)
    if (there === undefined) mountCgroups(kernel)
    else if (there.fstype !== 'cgroup2') return { path: null, problem: `Cannot use '${CGROUP_MOUNT}': ${there.fstype} is mounted there, not cgroup2` }
    if (!kernel.exists(SURVIVOR_CGROUP)) kernel.mkdir(SURVIVOR_CGROUP, 0o755)
    setFirst(kernel, SURVIVOR_CGROUP)
    return { path: SURVIVOR_CGROUP, problem: null }
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    return { path: null, problem: `Cannot make the cgroup '${SURVIVOR_CGROUP}': ${errorLine(error)}` }
  }
}

/** Sets the first of the attributes that the file system takes. */
function setFirst(kernel: Pick<Kernel, 'setxattr'>, path: string): void {
  let last: unknown = null
  for (const name of SURVIVE_ATTRIBUTES) {
    try {
      kernel.setxattr(path, name, '1')
      return
    } catch (error) {
      last = error
    }
  }
  throw last
}

type MarkDoors = Pick<Kernel, 'readText' | 'writeFile' | 'open' | 'close' | 'writeAt'> & WakeDoors

/** True when argv[0] begins with '@' now. */
function hasAt(kernel: Pick<Kernel, 'readText'>, pid: number): boolean {
  return kernel.readText(`/proc/${pid}/cmdline`).startsWith('@')
}

/** Writes the '@'. Null, or why not. */
function writeAt(kernel: MarkDoors, pid: number): string | null {
  if (hasAt(kernel, pid)) return null
  const args = parseArguments(kernel.readText(`/proc/${pid}/stat`))
  if (args === null || args.end - args.start < 2n || kernel.readText(`/proc/${pid}/cmdline`).startsWith('\0')) return 'its argv[0] is empty'
  const fd = kernel.open(`/proc/${pid}/mem`, O_RDWR)
  try {
    kernel.writeAt(fd, new TextEncoder().encode('@'), args.start)
  } finally {
    kernel.close(fd)
  }
  return hasAt(kernel, pid) ? null : 'it shows another command line than the one that it was started with'
}

/** The NBD device that the kernel serves inside an ioctl of this process (NBD_DO_IT), or null. */
function nbdOf(kernel: Pick<Kernel, 'readText'> & Pick<Kernel, 'readdir'>, pid: number): string | null {
  const names = attempt(() => kernel.readdir('/sys/block')) ?? []
  return names.find((name) => name.startsWith('nbd') && attempt(() => kernel.readText(`/sys/block/${name}/pid`).trim()) === `${pid}`) ?? null
}

/** Runs one of the marks: null when it is there, else the cause. */
function tried(body: () => string | null): string | null {
  try {
    return body()
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    return errorLine(error)
  }
}

/**
 * Gives a process what spares it: '@' if it is root's, the cgroup if there is one, and -1000 for the OOM killer.
 * Never throws for a system call; what failed is in `problems`.
 */
export function markForSurvival(kernel: MarkDoors, pid: number, cgroup: string | null = null): MarkResult {
  const uid = parseUid(attempt(() => kernel.readText(`/proc/${pid}/status`)) ?? '')
  const at = uid === 0 ? tried(() => writeAt(kernel, pid)) : `it is of user ${uid ?? '?'}, and systemd heeds the '@' of root only`
  const write = (path: string, text: string): string | null => tried(() => (kernel.writeFile(path, text), null))
  const inCgroup = cgroup === null ? 'no cgroup for it' : write(`${cgroup}/cgroup.procs`, `${pid}`)
  const oom = write(`/proc/${pid}/oom_score_adj`, '-1000')
  const wakes = wakeForRequests(kernel, pid)
  const problems: string[] = []
  // One mark is enough for systemd.
  if (at !== null && inCgroup !== null) problems.push(`Cannot mark process ${pid} for systemd: ${at}${cgroup === null ? '' : `; ${inCgroup}`}; systemd will kill it at shutdown, with the root on it`)
  else if (cgroup !== null && inCgroup !== null) problems.push(`Cannot move process ${pid} to '${cgroup}': ${inCgroup}; it has only its '@'`)
  if (oom !== null) problems.push(`Cannot spare process ${pid} when memory is short: ${oom}; the OOM killer may choose it`)
  if (wakes.problem !== null) problems.push(`Cannot let FUSE requests wake process ${pid}: ${wakes.problem}; systemd stops all processes for a moment at shutdown, and will wait for this one for ever`)
  const nbd = nbdOf(kernel, pid)
  if (nbd !== null) problems.push(`Cannot keep '${nbd}' alive through the end of systemd: it stops all processes for a moment, and the kernel ends this connection when process ${pid} gets any signal; let nbd-client use netlink`)
  return { pid, at: at === null, cgroup: inCgroup === null, oom: oom === null, wakes: wakes.wakes, problems }
}
