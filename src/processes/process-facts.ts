// ProcessFacts: what is known of one process, and the pure parsers of the files in /proc that say it.
//
// Everything that origin and policy look at is in here, so that both are functions of data and their tests are
// tables.  proc_pid_stat(5), proc_pid_status(5), proc_pid_cgroup(5), proc_pid_cmdline(5).

import { PF_KTHREAD } from '../abi/process.ts'

/** The file that a process executes, by /proc/PID/exe. */
export interface ExeFacts {
  /** The link as it reads; it lies once the initramfs is concealed or lazily unmounted. */
  readonly link: string | null
  /** Device and inode of the file behind the link; null when it could not be looked at. */
  readonly dev: bigint | null
  readonly ino: bigint | null
  /** Superblock that its mount shows, where st_dev alone said too little (overlay, btrfs); null if not asked or not known. */
  readonly mount: { readonly dev: bigint; readonly fstype: string } | null
  /** Why it could not be looked at, 'ENOENT', 'EACCES'. */
  readonly errno: string | null
}

/** One process. Device numbers as st_dev. */
export interface ProcessFacts {
  readonly pid: number
  readonly ppid: number
  readonly comm: string
  /** As in stat: 'S', 'Z', 'D', … */
  readonly state: string
  readonly isKernelThread: boolean
  /** Start since boot, in ticks of USER_HZ; with the pid it names a process for ever. */
  readonly startTicks: number
  /** Real user id; null when it could not be read. */
  readonly uid: number | null
  readonly argv: readonly string[]
  /** Path in the unified hierarchy, '/system.slice/x.service'; null without one. */
  readonly cgroup: string | null
  /** The cgroup carries survive_final_kill_signal. */
  readonly survives: boolean
  readonly exe: ExeFacts
  /** Of the root and the working directory; null also where the executable says enough and they are not looked at. */
  readonly rootDev: bigint | null
  readonly cwdDev: bigint | null
}

/** The fields of /proc/PID/stat that are used. */
export interface StatFields {
  readonly pid: number
  readonly comm: string
  readonly state: string
  readonly ppid: number
  readonly isKernelThread: boolean
  readonly startTicks: number
}

/** Parses /proc/PID/stat; the name may hold spaces and parentheses. Null when it is none. */
export function parseStat(text: string): StatFields | null {
  const end = text.lastIndexOf(')')
  const head = /^(\d+) \(/.exec(text)
  if (head === null || end < head[0].length) return null
  // Behind the name comes field 3; the start time is field 22.
  const fields = text.slice(end + 2).trim().split(' ')
  const [state = '?', ppid] = fields
  const flags = fields[6]
  const start = fields[19]
  if (ppid === undefined || flags === undefined || start === undefined) return null
  return {
    pid: Number(head[1]),
    comm: text.slice(head[0].length, end),
    state,
    ppid: Number(ppid),
    isKernelThread: (Number(flags) & PF_KTHREAD) !== 0,
    startTicks: Number(start),
  }
}

/** Where the arguments of a process are in its memory: fields 48 and 49 of /proc/PID/stat. */
export interface ArgumentArea {
  readonly start: bigint
  /** Behind the last zero byte. */
  readonly end: bigint
}

/** The argument area by /proc/PID/stat; null when it is none, or may not be seen (zeros). */
export function parseArguments(stat: string): ArgumentArea | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).trim().split(' ')
  const [start = '0', end = '0'] = fields.slice(45, 47)
  return start === '0' || !/^\d+$/.test(start) || !/^\d+$/.test(end) ? null : { start: BigInt(start), end: BigInt(end) }
}

/** The real user id of /proc/PID/status, or null. */
export function parseUid(status: string): number | null {
  const found = /^Uid:\s+(\d+)/m.exec(status)
  return found === null ? null : Number(found[1])
}

/** The path in the unified hierarchy of /proc/PID/cgroup, or null. */
export function parseCgroup(text: string): string | null {
  return /^0::(\/.*)$/m.exec(text)?.[1] ?? null
}

/** The words of /proc/PID/cmdline. A process may have overwritten it, so nothing about it is sure. */
export function parseArgv(text: string): string[] {
  const words = text.split('\0')
  if (words.at(-1) === '') words.pop()
  return words
}

/** True for what has ended and waits for its parent. */
export function hasEnded(facts: Pick<ProcessFacts, 'state'>): boolean {
  return facts.state === 'Z' || facts.state === 'X'
}

/** The executable as text without what the kernel or fulcrum put around it: '/bin/x' of '/run/rootfs/bin/x (deleted)'. */
export function plainExe(link: string): string {
  const living = link.replace(/ \(deleted\)$/, '')
  return living.startsWith('/run/rootfs/') ? living.slice('/run/rootfs'.length) : living
}
