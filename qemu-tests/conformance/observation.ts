// One record of the stage program as typed data. Pure.
// proc_pid_stat(5), proc_pid_status(5), proc_pid_mountinfo(5).
import { parseMountInfo } from '../../src/facts/mountinfo.ts'
import type { Mount } from '../../src/facts/mountinfo.ts'

/** What is known of init, or of PID 1 where the tool was another process and has ended. */
export interface SeenProcess {
  readonly argv: readonly string[]
  readonly environment: readonly string[]
  readonly cwd: string
  readonly exe: string
  readonly umask: string
  /** Signal masks and capability sets as 64-bit numbers. */
  readonly ignored: bigint
  readonly blocked: bigint
  readonly bounding: bigint
  readonly inheritable: bigint
  /** A session leader, in a process group of its own. */
  readonly isLeader: boolean
  /** Device number of the controlling terminal, 0 for none. */
  readonly terminal: number
  /** '0 /dev/null 103': number, target, device number in hexadecimal. */
  readonly descriptors: readonly string[]
  readonly mounts: readonly Mount[]
}

export interface Observation {
  /** `waits`: it sleeps and uses no processor; `limit`: it was still busy when its time was over. */
  readonly end: 'init' | 'exit' | 'signal' | 'waits' | 'limit'
  /** Exit status or signal. */
  readonly status: number
  readonly ms: number
  readonly out: string
  readonly err: string
  /** What was written to /dev/console of the old root. */
  readonly console: string
  /** Entries of the old root's file system at the moment that init started or the tool ended. */
  readonly filesAtEnd: number
  /** Trees when all is quiet; directories end in '/'. */
  readonly oldTree: readonly string[]
  readonly newTree: readonly string[]
  readonly keepTree: readonly string[]
  /** Names of the other processes in the PID namespace. */
  readonly others: readonly string[]
  /** Every mount of the namespace, as seen from the old root. */
  readonly mountsBefore: readonly Mount[]
  readonly mountsAfter: readonly Mount[]
  /** Bounding set of the one that started the tool. */
  readonly boundingBefore: bigint
  readonly process: SeenProcess | null
  /** Init runs, but not as PID 1. */
  readonly isChild: boolean
}

type Fields = ReadonlyMap<string, unknown>

function text(fields: Fields, key: string): string {
  const value = fields.get(key)
  // The guest writes bytes, each as one character.
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString() : ''
}

function list(fields: Fields, key: string): string[] {
  const value: unknown = fields.get(key)
  return Array.isArray(value) ? value.map(String) : []
}

const words = (bytes: string): string[] => (bytes === '' ? [] : bytes.replace(/\0$/, '').split('\0'))

function seenProcess(fields: Fields): SeenProcess | null {
  if (!fields.has('pid')) return null
  const status = text(fields, 'procStatus')
  const line = (key: string): string => new RegExp(`^${key}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
  const mask = (key: string): bigint => BigInt(`0x${line(key) === '' ? '0' : line(key)}`)
  // pid (comm) state ppid pgrp session tty_nr
  const [, , group, session, terminal] = text(fields, 'procStat').replace(/^.*\) /s, '').split(' ')
  const pid = String(fields.get('pid'))
  return {
    argv: words(text(fields, 'cmdline')),
    environment: words(text(fields, 'environ')),
    cwd: text(fields, 'cwd'),
    exe: text(fields, 'exe'),
    umask: line('Umask'),
    ignored: mask('SigIgn'), blocked: mask('SigBlk'), bounding: mask('CapBnd'), inheritable: mask('CapInh'),
    isLeader: session === pid && group === pid,
    terminal: Number(terminal ?? 0),
    // The reporter's own is far away.
    descriptors: list(fields, 'descriptors').filter((word) => Number(word.split(' ')[0]) < 100),
    mounts: parseMountInfo(text(fields, 'mountinfo')),
  }
}

const ENDS: readonly Observation['end'][] = ['init', 'exit', 'signal', 'waits', 'limit']

/** Throws on a record that is not the stage's. */
export function readObservation(fields: Fields): Observation {
  const end = ENDS.find((known) => known === fields.get('end'))
  if (end === undefined) throw new Error(`Cannot read the record of '${text(fields, 'id')}': end is '${text(fields, 'end')}'`)
  return {
    end,
    status: Number(fields.get('status')),
    ms: Number(fields.get('ms')),
    out: text(fields, 'out'), err: text(fields, 'err'), console: text(fields, 'console'),
    filesAtEnd: Number(fields.get('filesAtEnd')),
    oldTree: list(fields, 'oldTree').sort(), newTree: list(fields, 'newTree').sort(), keepTree: list(fields, 'keepTree').sort(),
    others: list(fields, 'others').sort(),
    mountsBefore: parseMountInfo(text(fields, 'mountsBefore')),
    mountsAfter: parseMountInfo(text(fields, 'mountsAfter')),
    boundingBefore: BigInt(`0x${text(fields, 'bounding') === '' ? '0' : text(fields, 'bounding')}`),
    process: seenProcess(fields),
    isChild: fields.get('isChild') === 1,
  }
}
