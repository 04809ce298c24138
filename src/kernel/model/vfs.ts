// The model's file systems: superblocks and the nodes in them.
//
// A node is dentry and inode in one (the model has no hard links), because mounts hang on dentries and
// that is what the model is for. Nothing here knows of mounts, processes or paths with more than one component.

import {
  NULL_FS_MAGIC, RAMFS_MAGIC, TMPFS_MAGIC,
} from '../../abi/mount.ts'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/process.ts'
import { makeDev } from '../../facts/mountinfo.ts'
import { Errno } from './errno.ts'

/** Who asks: generated directories such as /proc answer differently to each process. */
export interface Viewer {
  readonly pid: number
}

/** What a node holds. `dynamic` directories invent further entries on lookup; `magic` links jump instead of being walked. */
export type Content =
  | { readonly kind: 'dir'; readonly entries: Map<string, VNode>; readonly dynamic?: DynamicEntries }
  | { readonly kind: 'file'; data: Uint8Array }
  | { readonly kind: 'generated'; readonly read: (viewer: Viewer) => string; readonly write?: (data: Uint8Array, position: number) => void }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'self-link'; readonly target: (viewer: Viewer) => string }
  | { readonly kind: 'magic'; readonly text: (viewer: Viewer) => string; readonly key: string }
  | { readonly kind: 'special' }

export interface DynamicEntries {
  readonly lookup: (name: string, viewer: Viewer) => VNode | undefined
  readonly list: (viewer: Viewer) => string[]
}

/** A file of any type in one superblock. */
export interface VNode {
  readonly sb: SuperBlock
  readonly ino: bigint
  mode: number
  readonly rdev: bigint
  name: string
  /** The directory that holds it; itself for the root of the file system. */
  parent: VNode
  unlinked: boolean
  readonly content: Content
}

/** One file system instance; several mounts can show it. */
export interface SuperBlock {
  readonly dev: bigint
  readonly fstype: string
  readonly magic: number
  readonly source: string
  readOnly: boolean
  /** Bytes that fit; undefined without limit. */
  readonly capacity: number | undefined
  readonly counter: { ino: bigint }
  readonly root: VNode
}

const magics: Readonly<Record<string, number>> = {
  rootfs: TMPFS_MAGIC, tmpfs: TMPFS_MAGIC, devtmpfs: TMPFS_MAGIC, ramfs: RAMFS_MAGIC, nullfs: NULL_FS_MAGIC,
  proc: 0x9fa0, sysfs: 0x62656572, devpts: 0x1cd1, cgroup2: 0x63677270,
  ext4: 0xef53, xfs: 0x58465342, btrfs: 0x9123683e, erofs: 0xe0f5e1e2, squashfs: 0x73717368, iso9660: 0x9660,
}

/** An empty file system. `ramfs` as `magicOf` makes a rootfs look like rootfstype=ramfs. */
export function createSuperBlock(
  fstype: string,
  dev: bigint,
  source: string,
  options: { readonly magicOf?: string; readonly capacity?: number; readonly dynamic?: DynamicEntries } = {},
): SuperBlock {
  const holder: { root?: VNode } = {}
  const sb: SuperBlock = {
    dev, fstype, source,
    magic: magics[options.magicOf ?? fstype] ?? 0,
    readOnly: fstype === 'erofs' || fstype === 'squashfs' || fstype === 'iso9660',
    capacity: options.capacity,
    counter: { ino: 1n },
    get root(): VNode {
      if (holder.root === undefined) throw new Error('superblock without a root')
      return holder.root
    },
  }
  const entries = new Map<string, VNode>()
  const content: Content = options.dynamic === undefined ? { kind: 'dir', entries } : { kind: 'dir', entries, dynamic: options.dynamic }
  const root: VNode = {
    sb, ino: sb.counter.ino++, mode: S_IFDIR | 0o755, rdev: 0n, name: '/', content, unlinked: false,
    get parent(): VNode { return root },
    set parent(_: VNode) { throw new Error('the root of a file system cannot move') },
  }
  holder.root = root
  return sb
}

export const isDir = (node: VNode): boolean => (node.mode & S_IFMT) === S_IFDIR

/** A node that is not yet, or never, in a directory's list; `parent` says where ".." leads. */
export function createNode(parent: VNode, name: string, mode: number, content: Content, rdev = 0n): VNode {
  return { sb: parent.sb, ino: parent.sb.counter.ino++, mode, rdev, name, parent, content, unlinked: false }
}

/** The entry `name` of a directory, or undefined. ENOTDIR when it is none. */
export function lookupEntry(dir: VNode, name: string, viewer: Viewer): VNode | undefined {
  if (dir.content.kind !== 'dir') throw new Errno('ENOTDIR')
  return dir.content.entries.get(name) ?? dir.content.dynamic?.lookup(name, viewer)
}

/** Names in a directory, sorted. */
export function listEntries(dir: VNode, viewer: Viewer): string[] {
  if (dir.content.kind !== 'dir') throw new Errno('ENOTDIR')
  return [...dir.content.entries.keys(), ...(dir.content.dynamic?.list(viewer) ?? [])].sort()
}

/** Makes an entry. EEXIST, EROFS, ENOSPC as the file system would say. */
export function addEntry(dir: VNode, name: string, mode: number, content: Content, rdev = 0n): VNode {
  if (dir.content.kind !== 'dir') throw new Errno('ENOTDIR')
  // nullfs is one directory that counts as removed.
  if (dir.unlinked || dir.sb.fstype === 'nullfs') throw new Errno('ENOENT')
  if (dir.content.entries.has(name)) throw new Errno('EEXIST')
  if (dir.content.dynamic !== undefined) throw new Errno(dir.sb.fstype === 'proc' ? 'ENOENT' : 'EPERM')
  const node = createNode(dir, name, mode, content, rdev)
  dir.content.entries.set(name, node)
  return node
}

/** Takes an entry out of its directory; what still refers to it keeps it alive. */
export function removeEntry(node: VNode): void {
  if (node.parent.content.kind !== 'dir') throw new Errno('ENOTDIR')
  node.parent.content.entries.delete(node.name)
  node.unlinked = true
}

/** Replaces a file's bytes, within the capacity of the file system (ENOSPC). */
export function setData(node: VNode, data: Uint8Array): void {
  if (node.content.kind !== 'file') throw new Errno('EINVAL')
  const grown = data.length - node.content.data.length
  if (node.sb.capacity !== undefined && grown > 0 && usedBytes(node.sb) + grown > node.sb.capacity) throw new Errno('ENOSPC')
  node.content.data = data
}

/** Bytes in all regular files of a file system. */
export function usedBytes(sb: SuperBlock): number {
  const sum = (node: VNode): number => {
    if (node.content.kind === 'file') return node.content.data.length
    return node.content.kind === 'dir' ? [...node.content.entries.values()].reduce((n, e) => n + sum(e), 0) : 0
  }
  return sum(sb.root)
}

/** What a test puts at a path. */
export interface Entry {
  readonly mode: number
  readonly content: () => Content
  readonly rdev: bigint
}
/** Absolute path → entry; directories on the way are made. */
export type FileTree = Readonly<Record<string, Entry>>

const entry = (mode: number, content: () => Content, rdev = 0n): Entry => ({ mode, content, rdev })
export const dir = (mode = 0o755): Entry => entry(S_IFDIR | mode, () => ({ kind: 'dir', entries: new Map() }))
export const file = (data: string | Uint8Array = '', mode = 0o644): Entry =>
  entry(S_IFREG | mode, () => ({ kind: 'file', data: typeof data === 'string' ? new TextEncoder().encode(data) : data }))
export const executable = (data: string | Uint8Array): Entry => file(data, 0o755)
export const symlink = (target: string): Entry => entry(S_IFLNK | 0o777, () => ({ kind: 'symlink', target }))
export const charDevice = (major: number, minor: number, mode = 0o600): Entry =>
  entry(S_IFCHR | mode, () => ({ kind: 'special' }), makeDev(major, minor))
export const blockDevice = (major: number, minor: number, mode = 0o660): Entry =>
  entry(S_IFBLK | mode, () => ({ kind: 'special' }), makeDev(major, minor))

/** Writes a tree into a file system, whether it is read-only or not. */
export function populate(sb: SuperBlock, tree: FileTree): void {
  for (const [path, what] of Object.entries(tree)) {
    const names = path.split('/').filter((n) => n !== '')
    const last = names.pop()
    if (last === undefined) {
      sb.root.mode = what.mode
      continue
    }
    let at = sb.root
    for (const name of names) {
      if (at.content.kind !== 'dir') throw new Error(`Cannot populate '${path}': '${at.name}' is not a directory`)
      at = at.content.entries.get(name) ?? addEntry(at, name, S_IFDIR | 0o755, { kind: 'dir', entries: new Map() })
    }
    if (at.content.kind !== 'dir') throw new Error(`Cannot populate '${path}': '${at.name}' is not a directory`)
    const node = createNode(at, last, what.mode, what.content(), what.rdev)
    at.content.entries.set(last, node)
  }
}
