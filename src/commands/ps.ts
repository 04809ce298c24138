// `fulcrum ps`: processes, and whether they came from the initramfs or from the real root.
//
// The path in /proc/PID/exe lies once the initramfs is concealed or lazily unmounted; the device number of the
// file behind it does not (docs/kernel-facts.md B), so the origin goes by that.  proc_pid_stat(5), proc_pid_exe(5).

import { parseMountInfo, rootMount, topMountAt } from '../facts/mountinfo.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { EXIT_OK, EXIT_SYSTEM, EXIT_USAGE, type Command } from './command.ts'

/** Written by the boot; names the initramfs's device. */
const BOOT_RECORD = '/run/fulcrum/boot.json'
const ROOTFS_DIRECTORY = '/run/rootfs'
/** PF_KTHREAD of include/linux/sched.h, in the flags field of /proc/PID/stat. */
const PF_KTHREAD = 0x00200000

export type Origin = 'initramfs' | 'root' | 'other' | 'kernel' | 'zombie' | 'unknown'

export interface ProcessLine {
  readonly pid: number
  readonly ppid: number
  readonly state: string
  readonly comm: string
  /** Null for kernel threads, zombies, and where it may not be read. */
  readonly exe: string | null
  readonly origin: Origin
}

type Doors = Pick<Kernel, 'readdir' | 'readText' | 'readlink' | 'stat' | 'exists'>

/** The fields of /proc/PID/stat that are needed; comm may hold spaces and parentheses. Null when it is none. */
export function parseStat(text: string): { pid: number; comm: string; state: string; ppid: number; flags: number } | null {
  const found = /^(\d+) \((.*)\) (\S) (\d+) -?\d+ -?\d+ -?\d+ -?\d+ (\d+) /s.exec(text)
  if (found === null) return null
  const [, pid, comm = '', state = '?', ppid, flags] = found
  return { pid: Number(pid), comm, state, ppid: Number(ppid), flags: Number(flags) }
}

function attempt<T>(body: () => T): T | null {
  try {
    return body()
  } catch {
    // Processes end while they are looked at, and others may not be looked at.
    return null
  }
}

/** Device numbers of initramfs file systems: what the boot recorded, what is kept, and "/" while it is one. */
function initramfsDevices(kernel: Doors): Set<bigint> {
  const devices = new Set<bigint>()
  const recorded = attempt(() => /"initramfsDevice": *"(\d+)"/.exec(kernel.readText(BOOT_RECORD))?.[1])
  if (recorded !== null && recorded !== undefined) devices.add(BigInt(recorded))
  const mounts = attempt(() => parseMountInfo(kernel.readText('/proc/self/mountinfo'))) ?? []
  const kept = topMountAt(mounts, ROOTFS_DIRECTORY)
  if (kept !== undefined) devices.add(kept.dev)
  const root = rootMount(mounts)
  if (root !== undefined && (root.fstype === 'rootfs' || kernel.exists('/etc/initrd-release'))) devices.add(root.dev)
  return devices
}

/** All processes by pid, kernel threads included. Throws SyscallError when /proc is not mounted. */
export function readProcesses(kernel: Doors): ProcessLine[] {
  // An empty directory reads well: the link says whether something is mounted there.
  kernel.readlink('/proc/self')
  const initramfs = initramfsDevices(kernel)
  const rootDevice = kernel.stat('/').dev
  const found: ProcessLine[] = []
  for (const name of kernel.readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = attempt(() => parseStat(kernel.readText(`/proc/${name}/stat`)))
    if (stat === null) continue
    const exe = attempt(() => kernel.readlink(`/proc/${name}/exe`))
    const dev = attempt(() => kernel.stat(`/proc/${name}/exe`).dev)
    const origin: Origin =
      (stat.flags & PF_KTHREAD) !== 0 ? 'kernel'
      : stat.state === 'Z' ? 'zombie'
      : dev === null ? 'unknown'
      : initramfs.has(dev) ? 'initramfs'
      : dev === rootDevice ? 'root'
      : 'other'
    found.push({ pid: stat.pid, ppid: stat.ppid, state: stat.state, comm: stat.comm, exe, origin })
  }
  return found.sort((a, b) => a.pid - b.pid)
}

/** One line a process. */
export function processLines(processes: readonly ProcessLine[]): string[] {
  const cells = [['PID', 'PPID', 'S', 'ORIGIN', 'NAME', 'EXE'], ...processes.map((p) => [`${p.pid}`, `${p.ppid}`, p.state, p.origin, p.comm, p.exe ?? '-'])]
  const widths = [0, 1, 2, 3, 4].map((i) => Math.max(...cells.map((row) => (row[i] ?? '').length)))
  return cells.map((row) => row.map((cell, i) => (i < 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(' ').trimEnd())
}

/** The processes of this machine as lines, without kernel threads. */
export function describeProcesses(kernel: Doors): string[] {
  return processLines(readProcesses(kernel).filter((p) => p.origin !== 'kernel'))
}

export const psCommand: Command = {
  name: 'ps',
  summary: 'list processes and where they came from',
  usage: ['fulcrum ps [-a] [--json]'],
  help: `Lists processes with their executable and its origin: "initramfs", "root" (the file system that is "/"
now), "other", "zombie", or "unknown" where it may not be read (be root to see all). The origin goes by the
device number of the executable, which also holds where its path does not.

  -a, --all  kernel threads too (origin "kernel")
  --json     as JSON: an array of pid, ppid, state, comm, exe, origin
`,
  run(args, io) {
    const all = args.includes('-a') || args.includes('--all')
    const unknown = args.find((arg) => !['-a', '--all', '--json'].includes(arg))
    if (unknown !== undefined) {
      io.stderr(`fulcrum ps: Cannot understand '${unknown}'\n`)
      return EXIT_USAGE
    }
    try {
      const processes = readProcesses(io.kernel()).filter((p) => all || p.origin !== 'kernel')
      io.stdout(args.includes('--json') ? `${JSON.stringify(processes, null, 2)}\n` : `${processLines(processes).join('\n')}\n`)
      return EXIT_OK
    } catch (error) {
      io.stderr(`fulcrum ps: Cannot list processes: ${errorLine(error)}\n`)
      return EXIT_SYSTEM
    }
  },
}
