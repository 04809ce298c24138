// The registry: what runs by `fulcrum run`, one file a name in /run/fulcrum/run.
//
// An entry names its process by pid, start time and pid namespace, so that one whose process is gone is known for stale
// however it went. Names are taken and given back under a lock that a dead holder cannot keep.  flock(2)

import { LOCK_EX, LOCK_NB, O_CREAT, O_RDWR } from '../abi/process.ts'
import type { Bind, ContainerRequest, RunRequest } from '../facts/run/run-types.ts'
import { Refused } from '../facts/refused.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { parseStat } from '../processes/process-facts.ts'
import { removeCgroup } from '../spawn/cgroup.ts'
import { parseEntry } from './registry-entry.ts'

export const RUN_DIRECTORY = '/run/fulcrum/run'
const LOCK_TRIES_MS = 5000

/** One process for ever: the pid alone may be given to another one. */
export interface ProcessMark {
  readonly pid: number
  /** Since boot, in ticks: field 22 of proc_pid_stat(5). */
  readonly startTicks: number
}

/** A file of the registry. */
export interface RunEntry {
  readonly version: 1
  readonly name: string
  readonly kind: RunRequest['kind']
  readonly root: string
  readonly command: readonly string[]
  /** The service, or PID 1 of the container; null while it is being started. */
  readonly process: ProcessMark | null
  /** `fulcrum run` that waits for it; null with --detach. */
  readonly supervisor: ProcessMark | null
  /** Of which both pids are: the link /proc/self/ns/pid. */
  readonly pidNamespace: string
  /** Directory of its cgroup, or null. */
  readonly cgroup: string | null
  /** Seconds since 1970. */
  readonly since: number
  readonly user: RunRequest['user']
  readonly idMap: ContainerRequest['idMap']
  /** Names without CAP_; null: all. Not to be read off an init, which has none. */
  readonly capabilities: readonly string[] | null
  readonly noNewPrivileges: boolean
  readonly init: boolean
  readonly terminal: boolean
  /** Name of the plan that it was started by. */
  readonly plan: string
  /** Made by `fulcrum bind`, oldest first. */
  readonly binds: readonly Bind[]
}

/** Mark of a living process; null when there is none. */
export function markOf(kernel: Pick<Kernel, 'readText'>, pid: number | 'self'): ProcessMark | null {
  const stat = attempt(() => parseStat(kernel.readText(`/proc/${pid}/stat`)))
  return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : { pid: stat.pid, startTicks: stat.startTicks }
}

function lives(kernel: Pick<Kernel, 'readText'>, mark: ProcessMark | null): boolean {
  return mark !== null && markOf(kernel, mark.pid)?.startTicks === mark.startTicks
}

/** 'unknown' is one of another pid namespace: its pids mean nothing here. */
export function stateOf(kernel: Pick<Kernel, 'readText' | 'readlink'>, entry: RunEntry): 'running' | 'starting' | 'gone' | 'unknown' {
  if (entry.pidNamespace !== attempt(() => kernel.readlink('/proc/self/ns/pid'))) return 'unknown'
  if (entry.process === null) return lives(kernel, entry.supervisor) ? 'starting' : 'gone'
  return lives(kernel, entry.process) ? 'running' : 'gone'
}

/** Thrown for a name that is taken. */
export class NameTaken extends Refused {}

export class Registry {
  readonly #kernel: Kernel
  readonly #directory: string

  constructor(kernel: Kernel, directory = RUN_DIRECTORY) {
    this.#kernel = kernel
    this.#directory = directory
  }

  path(name: string): string {
    return `${this.#directory}/${name}.json`
  }

  /** All entries that can be read, by name. Throws SyscallError. */
  entries(): RunEntry[] {
    let files: string[]
    try {
      files = this.#kernel.readdir(this.#directory)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []
      throw error
    }
    return files.filter((file) => file.endsWith('.json')).sort().flatMap((file) => this.find(file.slice(0, -'.json'.length)) ?? [])
  }

  /** The entry of this name, or null. */
  find(name: string): RunEntry | null {
    const text = attempt(() => this.#kernel.readText(this.path(name)))
    const entry = text === null ? null : parseEntry(text)
    return entry?.name === name ? entry : null
  }

  /** Takes the name for an entry. What a dead one of this name has left is removed. Throws NameTaken, SyscallError. */
  claim(entry: RunEntry): void {
    this.#makeDirectory()
    this.#locked(() => {
      const before = this.find(entry.name)
      const state = before === null ? 'gone' : stateOf(this.#kernel, before)
      if (before !== null && state !== 'gone') {
        const since = before.process === null ? 'is being started' : `runs as process ${before.process.pid}${state === 'unknown' ? ' of another pid namespace' : ''}`
        throw new NameTaken({ reason: 'name-taken', detail: `Cannot use the name '${entry.name}': it ${since}`, remedy: `choose another with --name, or 'fulcrum stop ${entry.name}'` })
      }
      if (before !== null) this.#clean(before)
      this.#write(entry)
    })
  }

  /** Writes a changed entry over that of the same process. Does nothing when it is not there any more. */
  update(name: string, change: (entry: RunEntry) => RunEntry): void {
    this.#locked(() => {
      const before = this.find(name)
      if (before !== null) this.#write(change(before))
    })
  }

  /** Gives the name back, if it is still this one's. */
  release(entry: Pick<RunEntry, 'name' | 'since' | 'supervisor' | 'process'>): void {
    if (!this.#kernel.exists(this.path(entry.name))) return
    this.#locked(() => {
      const now = this.find(entry.name)
      if (now !== null && isSame(now, entry)) this.#kernel.unlink(this.path(entry.name))
    })
  }

  /** Gives back a name that this process has taken, after the end of what ran. */
  forget(name: string, pid: number): void {
    const entry = this.find(name)
    if (entry?.supervisor?.pid === pid) this.release(entry)
  }

  /** Removes the entries whose process is gone, with their cgroups. Answers their names. */
  prune(): string[] {
    const gone = this.entries().filter((entry) => stateOf(this.#kernel, entry) === 'gone')
    if (gone.length === 0) return []
    return this.#locked(() =>
      gone.flatMap((entry) => {
        const now = this.find(entry.name)
        if (now === null || stateOf(this.#kernel, now) !== 'gone') return []
        this.#clean(now)
        this.#kernel.unlink(this.path(entry.name))
        return [entry.name]
      }),
    )
  }

  /** What a dead one left behind: its cgroup, with processes of a service that outlived the first one. */
  #clean({ cgroup }: RunEntry): void {
    if (cgroup === null || !this.#kernel.exists(cgroup)) return
    removeCgroup(this.#kernel, cgroup)
  }

  #makeDirectory(): void {
    for (const path of ['/run/fulcrum', this.#directory]) {
      if (this.#kernel.exists(path)) continue
      try {
        this.#kernel.mkdir(path, path === this.#directory ? 0o700 : 0o755)
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error
      }
    }
  }

  #write(entry: RunEntry): void {
    const path = this.path(entry.name)
    const temporary = `${this.#directory}/.${entry.name}.${this.#kernel.getpid()}`
    this.#kernel.writeFile(temporary, `${JSON.stringify(entry, null, 2)}\n`, 0o600)
    this.#kernel.rename(temporary, path)
  }

  /** Runs the body while no other fulcrum changes the registry. A lock ends with its holder. */
  #locked<T>(body: () => T): T {
    const fd = this.#kernel.open(`${this.#directory}/.lock`, O_RDWR | O_CREAT, 0o600)
    try {
      for (let waited = 0; ; waited += 10) {
        try {
          this.#kernel.flock(fd, LOCK_EX | LOCK_NB)
          break
        } catch (error) {
          if (!isErrno(error, 'EAGAIN') || waited >= LOCK_TRIES_MS) throw error
          this.#kernel.sleepMs(10)
        }
      }
      return body()
    } finally {
      this.#kernel.close(fd)
    }
  }
}

/** Whether two entries of a name are of one start. */
export function isSame(a: Pick<RunEntry, 'since' | 'supervisor' | 'process'>, b: Pick<RunEntry, 'since' | 'supervisor' | 'process'>): boolean {
  if (a.process !== null && b.process !== null) return a.process.pid === b.process.pid && a.process.startTicks === b.process.startTicks
  return a.since === b.since && a.supervisor?.pid === b.supervisor?.pid
}
