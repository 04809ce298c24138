// mountinfo: a pure parser of /proc/PID/mountinfo and questions about the tree that it lists.
//
// The order of the lines means nothing (after a pivot_root the first one is not "/"), a mount point
// can be listed and yet be hidden below a later mount, and the parent of the root is never listed:
// so everything here goes by id and parent.  Man page: proc_pid_mountinfo(5); fs/proc_namespace.c.

import { mountPathPrefixes } from './mount-path.ts'
import { unescapeOctal } from './octal.ts'

/** The propagation of a mount; an empty object is a private one. Values are peer group ids. */
export interface Propagation {
  readonly shared?: number
  readonly master?: number
  /** Nearest dominant peer group below this process's root, when it is not the master itself. */
  readonly propagateFrom?: number
  readonly unbindable?: true
}

/** One line of mountinfo, octal escapes decoded. */
export interface Mount {
  /** mnt_id: unique among living mounts, reused afterwards. */
  readonly id: number
  /** mnt_id of the mount below; the own id on the absolute root (kernels before 7.0). */
  readonly parentId: number
  readonly major: number
  readonly minor: number
  /** The same number in the encoding of st_dev, to compare with stat(2). */
  readonly dev: bigint
  /** Path inside the file system that is the root of this mount; ends in "//deleted" once that is gone. */
  readonly root: string
  /** Relative to the process's root. */
  readonly mountPoint: string
  /** Per-mount options: 'rw', 'nosuid', 'relatime', … */
  readonly options: readonly string[]
  readonly optional: Propagation
  /** Type, with the subtype of FUSE behind a dot. */
  readonly fstype: string
  /** May be empty; 'none' where the file system has no source. */
  readonly source: string
  /** Options of the superblock, shared by all its mounts. */
  readonly superOptions: readonly string[]
}

/** The two numbers of one in the encoding of st_dev: makeDev() the other way round. makedev(3). */
export function splitDev(dev: bigint): { readonly major: number; readonly minor: number } {
  return {
    major: Number(((dev >> 32n) & 0xfffff000n) | ((dev >> 8n) & 0xfffn)),
    minor: Number(((dev >> 12n) & 0xffffff00n) | (dev & 0xffn)),
  }
}

/** A device number in the encoding that stat(2) returns, makedev(3). */
export function makeDev(major: number, minor: number): bigint {
  const ma = BigInt(major)
  const mi = BigInt(minor)
  return ((ma & 0xfffff000n) << 32n) | ((ma & 0xfffn) << 8n) | ((mi & 0xffffff00n) << 12n) | (mi & 0xffn)
}

function parseOptional(fields: readonly string[]): Propagation {
  const found: { shared?: number; master?: number; propagateFrom?: number; unbindable?: true } = {}
  for (const field of fields) {
    const colon = field.indexOf(':')
    const tag = colon < 0 ? field : field.slice(0, colon)
    const value = Number(field.slice(colon + 1))
    if (tag === 'shared') found.shared = value
    else if (tag === 'master') found.master = value
    else if (tag === 'propagate_from') found.propagateFrom = value
    else if (tag === 'unbindable') found.unbindable = true
    // proc_pid_mountinfo(5): parsers must ignore optional fields that they do not know.
  }
  return found
}

function parseLine(line: string): Mount {
  // The separator is a single space: an empty source leaves two in a row.
  const fields = line.split(' ')
  const dash = fields.indexOf('-', 6)
  const [id, parentId, device, root, mountPoint, options] = fields
  const [fstype, source, ...superOptions] = dash < 0 ? [] : fields.slice(dash + 1)
  const numbers = /^(\d+):(\d+)$/.exec(device ?? '')
  if (
    id === undefined || parentId === undefined || root === undefined || mountPoint === undefined || options === undefined ||
    !/^\d+$/.test(id) || !/^\d+$/.test(parentId) || numbers === null ||
    fstype === undefined || source === undefined || superOptions.length === 0
  ) {
    throw new Error(`Cannot parse mountinfo line '${line}'`)
  }
  const major = Number(numbers[1])
  const minor = Number(numbers[2])
  return {
    id: Number(id),
    parentId: Number(parentId),
    major,
    minor,
    dev: makeDev(major, minor),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(','),
    optional: parseOptional(fields.slice(6, dash)),
    fstype: unescapeOctal(fstype),
    source: unescapeOctal(source),
    superOptions: superOptions.join(' ').split(',').map(unescapeOctal),
  }
}

/** All lines of a mountinfo file, in its order. Throws Error for a line that is none. */
export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').filter((line) => line !== '').map(parseLine)
}

type Ids = ReadonlySet<number>

function idsOf(mounts: readonly Mount[]): Ids {
  return new Set(mounts.map((m) => m.id))
}

function rootAmong(mounts: readonly Mount[], ids: Ids): Mount | undefined {
  return mounts.find((m) => m.mountPoint === '/' && (m.parentId === m.id || !ids.has(m.parentId)))
}

/**
 * The mount that the process's root is the root of: listed at "/" with a parent that is not listed, or
 * is itself. Undefined when the process is chrooted to a plain directory.
 */
export function rootMount(mounts: readonly Mount[]): Mount | undefined {
  return rootAmong(mounts, idsOf(mounts))
}

/** True on the absolute root, from which pivot_root(2) is EINVAL (the initramfs before Linux 7.0). */
export function isAbsoluteRoot(mounts: readonly Mount[]): boolean {
  const root = rootMount(mounts)
  return root !== undefined && root.id === root.parentId
}

/** The mounts whose parent is `id`, in the given order; never the absolute root itself. */
export function childrenOf(mounts: readonly Mount[], id: number): Mount[] {
  return mounts.filter((m) => m.parentId === id && m.id !== id)
}

/** Lookups of paths in one list of mounts. */
export interface MountLookup {
  /** As `mountContaining`. */
  containing(path: string): Mount | undefined
  /** As `topMountAt`. */
  topAt(path: string): Mount | undefined
}

/** Key for mounts whose parent is not listed. */
const UNLISTED = -1

/** For many lookups: the list is gone through once. Of `points`, only mounts at these are indexed. */
export function mountLookup(mounts: readonly Mount[], points?: ReadonlySet<string>): MountLookup {
  const ids = idsOf(mounts)
  const root = rootAmong(mounts, ids)
  /** By mount point and parent, the first that is listed. */
  const index = new Map<string, Map<number, Mount>>()
  for (const m of mounts) {
    if (m.parentId === m.id || points?.has(m.mountPoint) === false) continue
    const parent = ids.has(m.parentId) ? m.parentId : UNLISTED
    const here = index.get(m.mountPoint) ?? new Map<number, Mount>()
    index.set(m.mountPoint, here)
    if (!here.has(parent)) here.set(parent, m)
  }
  const containing = (path: string): Mount | undefined => {
    let current = root
    for (const prefix of mountPathPrefixes(path)) {
      const here = index.get(prefix)
      for (let next = here?.get(current?.id ?? UNLISTED); next !== undefined; next = here?.get(next.id)) current = next
    }
    return current
  }
  const topAt = (path: string): Mount | undefined => {
    const found = containing(path)
    const wanted = mountPathPrefixes(path).at(-1) ?? '/'
    return found !== undefined && found.mountPoint === wanted ? found : undefined
  }
  return { containing, topAt }
}

/**
 * The mount that a lookup of `path` ends in, as the kernel walks: at each component it crosses to the top
 * of what is mounted there, so hidden mounts are never found. `path` is absolute, without symbolic links
 * or "..". Undefined when that is the unlisted mount around a chroot.
 */
export function mountContaining(mounts: readonly Mount[], path: string): Mount | undefined {
  return mountLookup(mounts, new Set(mountPathPrefixes(path))).containing(path)
}

/** The top of the stack of mounts at `path` that a lookup reaches, or undefined when `path` is no mount point. */
export function topMountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  return mountLookup(mounts, new Set(mountPathPrefixes(path))).topAt(path)
}
