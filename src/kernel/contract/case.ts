// ContractCase: one thing that both kernels have to answer alike, and the bed it lies on.
//
// A case is code against the Kernel interface, so that the same case runs on the model and on the running
// kernel. Mounts are compared by the source names that the case gave them, never by ids.

import { MS_BIND, MS_MOVE, MS_REC } from '../../abi/mount.ts'
import type { ErrnoName } from '../../abi/errno.ts'
import { parseMountInfo } from '../../facts/mountinfo.ts'
import { SyscallError } from '../errors.ts'
import type { Kernel } from '../kernel.ts'

export interface ContractCase {
  readonly name: string
  /**
   * 'mount': "/" is a private tmpfs called bed, an ordinary mount with a parent, proc on /proc.
   * 'absolute': "/" is the absolute root with a private tmpfs called bed on /dev and proc on /dev/proc.
   * 'nullfs': since Linux 7.0 that root is an empty nullfs: "/" is it, with the bed on it, which only "/.." reaches.
   */
  readonly bed: 'mount' | Bottom
  readonly arrange?: (k: Kernel) => void
  /** The call or calls under test. What it returns is observed instead of the visible mounts. */
  readonly act: (k: Kernel) => Observation | void
  /** The errno of a failing act, or what is observed after it. */
  readonly expect: ErrnoName | Observation
}

/** What lies at the bottom of a mount namespace; a kernel has the one or the other. */
export type Bottom = 'absolute' | 'nullfs'

/** Where each bed is, as a prefix of its paths. */
export const BED_ROOTS: Readonly<Record<ContractCase['bed'], string>> = { mount: '', absolute: '/dev', nullfs: '/..' }

export type Observation = readonly string[]

/** The directories and files of the bed, below its root. */
export const BED_DIRECTORIES = ['/proc', '/new', '/new/keep', '/a', '/a/sub', '/b', '/c', '/plain', '/plain/sub'] as const
export const BED_FILES = ['/file', '/file2'] as const

/** Fills the bed; `root` is '' or the directory that the bed is mounted on. */
export function makeBed(k: Kernel, root: string): void {
  for (const path of BED_DIRECTORIES) k.mkdir(`${root}${path}`, 0o755)
  for (const path of BED_FILES) k.writeFile(`${root}${path}`, path)
  k.mount('proc', `${root}/proc`, 'proc', 0, null)
}

/**
 * What is visible, one line a mount, sorted: 'MOUNTPOINT SOURCE[SUBDIRECTORY] on SOURCE-OF-PARENT PROPAGATION'.
 * The absolute root of the machine is called 'absolute', whatever it is.
 */
export function visible(k: Kernel, mountinfo = '/proc/self/mountinfo'): string[] {
  const mounts = parseMountInfo(k.readText(mountinfo))
  const nameOf = (id: number): string => {
    const m = mounts.find((other) => other.id === id)
    return m === undefined ? 'unlisted' : m.id === m.parentId ? 'absolute' : m.source
  }
  return mounts
    .map((m) => {
      const { shared, master, unbindable } = m.optional
      const type = [shared === undefined ? '' : ' shared', master === undefined ? '' : ' slave', unbindable ? ' unbindable' : '']
      return `${m.mountPoint} ${nameOf(m.id)}${m.root === '/' ? '' : `[${m.root}]`} on ${m.id === m.parentId ? 'itself' : nameOf(m.parentId)}${type.join('')}`
    })
    .sort()
}

/** Runs a case on a kernel whose bed is made. Failures of `arrange` are thrown, those of `act` are the answer. */
export function observe(k: Kernel, c: ContractCase): string | Observation {
  c.arrange?.(k)
  try {
    return c.act(k) ?? visible(k, `${BED_ROOTS[c.bed]}/proc/self/mountinfo`)
  } catch (error) {
    if (error instanceof SyscallError) return error.code
    throw error
  }
}

// Short names for what the cases do all the time.
export const tmpfs = (k: Kernel, source: string, at: string): void => k.mount(source, at, 'tmpfs', 0, null)
export const bind = (k: Kernel, from: string, to: string): void => k.mount(from, to, null, MS_BIND, null)
export const rbind = (k: Kernel, from: string, to: string): void => k.mount(from, to, null, MS_BIND | MS_REC, null)
export const move = (k: Kernel, from: string, to: string): void => k.mount(from, to, null, MS_MOVE, null)
export const propagation = (k: Kernel, at: string, flags: number): void => k.mount('none', at, null, flags, null)
