// Reads ProcessFacts of every process from /proc.
//
// Processes end while they are read, and others may not be read: whatever is missing is null, and a process that
// is gone is left out.  proc_pid_stat(5), proc_pid_exe(5), proc_pid_fdinfo(5), ptrace(2) about access, xattr(7).

import { O_PATH } from '../abi/process.ts'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { readOwnMounts, mountIdIn } from '../facts/own-mounts.ts'
import { attempt, isErrno, SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { needsDirectories, needsMount } from './origin.ts'
import type { OriginContext } from './origin.ts'
import { parseArgv, parseCgroup, parseStat, parseUid } from './process-facts.ts'
import type { ExeFacts, ProcessFacts, StatFields } from './process-facts.ts'

export type ProcessDoors = Pick<Kernel, 'readdir' | 'readText' | 'readlink' | 'stat' | 'open' | 'close' | 'getxattr' | 'statmount'>

const NO_EXE: ExeFacts = { link: null, dev: null, ino: null, mount: null, errno: 'ENOENT' }

/** The mark of systemd 255 and newer; root may write trusted.*, everybody user.*. */
const SURVIVE_MARKS: readonly string[] = ['user.survive_final_kill_signal', 'trusted.survive_final_kill_signal']

/** systemd's reading of a boolean. */
function isTrue(text: string): boolean {
  return /^(1|yes|y|true|t|on)$/i.test(text.replace(/\0+$/, '').trim())
}

/**
 * Mounts of executables that were found already, by device of the file and id of the mount: the processes of a namespace
 * share them, and its mountinfo need not be read for each.
 */
export type KnownMounts = Map<string, ExeFacts['mount']>

/** The mount that the executable is on: by descriptor where the kernel can (7.0), else by its id in the process's own mountinfo. */
function exeMount(kernel: ProcessDoors, pid: number, dev: bigint, known: KnownMounts): ExeFacts['mount'] {
  return attempt(() => {
    const fd = kernel.open(`/proc/${pid}/exe`, O_PATH)
    try {
      const answer = known.size === 0 ? attempt(() => kernel.statmount({ fd })) : null
      if (answer !== null) return { dev: answer.dev, fstype: answer.fstype }
      const id = mountIdIn(kernel.readText(`/proc/self/fdinfo/${fd}`))
      const key = `${dev} ${id}`
      const before = known.get(key)
      if (before !== undefined) return before
      const found = parseMountInfo(kernel.readText(`/proc/${pid}/mountinfo`)).find((m) => m.id === id)
      const mount = found === undefined ? null : { dev: found.dev, fstype: found.fstype }
      if (mount !== null) known.set(key, mount)
      return mount
    } finally {
      kernel.close(fd)
    }
  })
}

/** The executable behind a pid now. */
export function readExe(kernel: ProcessDoors, pid: number, context: OriginContext | null, known: KnownMounts = new Map()): ExeFacts {
  const path = `/proc/${pid}/exe`
  const link = attempt(() => kernel.readlink(path))
  try {
    const { dev, ino } = kernel.stat(path)
    const mount = context !== null && needsMount(dev, context) ? exeMount(kernel, pid, dev, known) : null
    return { link, dev, ino, mount, errno: null }
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    return { ...NO_EXE, link, errno: error.code }
  }
}

/** /proc/PID/stat now, or null when there is no such process. */
export function readStat(kernel: Pick<Kernel, 'readText'>, pid: number): StatFields | null {
  try {
    return parseStat(kernel.readText(`/proc/${pid}/stat`))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return null
    throw error
  }
}

/** Where cgroup2 is mounted, or null. */
function cgroupDirectory(kernel: ProcessDoors): string | null {
  const mounts = attempt(() => readOwnMounts(kernel)) ?? []
  return mounts.find((m) => m.fstype === 'cgroup2')?.mountPoint ?? null
}

/** All processes by pid, kernel threads included. Throws SyscallError when /proc is not mounted. */
export function readProcesses(kernel: ProcessDoors, context: OriginContext): ProcessFacts[] {
  // An empty directory reads well: the link says whether something is mounted there.
  kernel.readlink('/proc/self')
  const cgroups = cgroupDirectory(kernel)
  const marks = new Map<string, boolean>()
  const survives = (cgroup: string | null): boolean => {
    if (cgroup === null || cgroups === null) return false
    const known = marks.get(cgroup) ?? SURVIVE_MARKS.some((name) => isTrue(attempt(() => kernel.getxattr(`${cgroups}${cgroup}`, name)) ?? ''))
    marks.set(cgroup, known)
    return known
  }
  const known: KnownMounts = new Map()
  const found: ProcessFacts[] = []
  for (const name of kernel.readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const at = `/proc/${name}`
    const stat = readStat(kernel, Number(name))
    if (stat === null) continue
    const textOf = (file: string): string => attempt(() => kernel.readText(`${at}/${file}`)) ?? ''
    if (stat.isKernelThread) {
      found.push({ ...stat, uid: 0, argv: [], cgroup: null, survives: false, exe: NO_EXE, rootDev: null, cwdDev: null })
      continue
    }
    const cgroup = parseCgroup(textOf('cgroup'))
    const exe = readExe(kernel, stat.pid, context, known)
    const devOf = (file: string): bigint | null => needsDirectories(exe.dev, context) ? attempt(() => kernel.stat(`${at}/${file}`).dev) : null
    found.push({
      ...stat, uid: parseUid(textOf('status')), argv: parseArgv(textOf('cmdline')), cgroup, survives: survives(cgroup),
      exe, rootDev: devOf('root'), cwdDev: devOf('cwd'),
    })
  }
  return found.sort((a, b) => a.pid - b.pid)
}
