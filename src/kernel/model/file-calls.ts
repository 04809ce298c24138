// The model's file calls: paths, directories, whole files. Descriptors are in descriptor-calls.ts.
//
// Names of the calls are those that node:fs reports, so that errors read the same from both kernels.

import { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/process.ts'
import type { SyscallArg } from '../syscall-arg.ts'
import type { FileCalls, FileStat } from '../kernel.ts'
import { descriptorCalls, openFile, readNode } from './descriptor-calls.ts'
import { needWritable, type Door } from './door.ts'
import { Errno } from './errno.ts'
import { resolveParent } from './lookup.ts'
import { pathOf, type Loc } from './mount-tree.ts'
import { addEntry, isDir, listEntries, lookupEntry, removeEntry, setData, usedBytes, type Content, type VNode } from './vfs.ts'

const BLOCK = 4096
const DEFAULT_BLOCKS = 65536
const octal = (mode: number): SyscallArg => ({ raw: `0${mode.toString(8)}` })

/** stat(2) of a node. */
export function statNode(node: VNode): FileStat {
  const size = node.content.kind === 'file' ? node.content.data.length : node.content.kind === 'symlink' ? node.content.target.length : 0
  return { dev: node.sb.dev, ino: node.ino, mode: node.mode, rdev: node.rdev, uid: 0, gid: 0, size: BigInt(size) }
}

export function fileCalls(door: Door): FileCalls {
  const { world, proc } = door

  /** The node that unlink, rmdir and rename take: not followed, not crossed into, and no mount point. */
  const removable = (path: string): VNode => {
    const { dir, name } = resolveParent(world, proc, path)
    const node = lookupEntry(dir.node, name, proc)
    if (node === undefined) throw new Errno('ENOENT')
    needWritable(dir)
    if (world.mounts.all.some((m) => m.ns === proc.ns && m.mountpoint === node && m.parent !== m)) throw new Errno('EBUSY')
    return node
  }
  const create = (path: string, mode: number, content: Content, rdev = 0n): VNode => {
    const { dir, name } = resolveParent(world, proc, path)
    if (lookupEntry(dir.node, name, proc) !== undefined) throw new Errno('EEXIST')
    needWritable(dir)
    return addEntry(dir.node, name, mode, content, rdev)
  }
  const linkText = (loc: Loc): string => {
    const { content } = loc.node
    if (content.kind === 'symlink') return content.target
    if (content.kind === 'self-link') return content.target(proc)
    if (content.kind === 'magic') return content.text(proc)
    throw new Errno('EINVAL')
  }
  const write = (path: string, data: string | Uint8Array, flags: number, mode: number): void => {
    const file = openFile(door, path, flags, mode)
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    if (file.kind === 'console') world.consoleOutput.push(new TextDecoder().decode(bytes))
    else if (file.loc.node.content.kind === 'generated') file.loc.node.content.write?.(bytes, 0)
    else if (file.loc.node.content.kind === 'file') {
      const old = flags & O_APPEND ? file.loc.node.content.data : new Uint8Array()
      const joined = new Uint8Array(old.length + bytes.length)
      joined.set(old)
      joined.set(bytes, old.length)
      setData(file.loc.node, joined)
    }
  }
  const read = (path: string): Uint8Array => {
    const { loc } = openFile(door, path, 0, 0)
    if (isDir(loc.node)) throw new Errno('EISDIR')
    return readNode(door, loc.node)
  }

  return {
    ...descriptorCalls(door, statNode),
    readFile: (path) => door.call('open', [path], () => read(path)),
    readText: (path) => door.call('open', [path], () => new TextDecoder().decode(read(path))),
    writeFile: (path, data, mode = 0o644) => door.call('open', [path], () => write(path, data, O_WRONLY | O_CREAT | O_TRUNC, mode)),
    appendFile: (path, data) => door.call('open', [path], () => write(path, data, O_WRONLY | O_CREAT | O_APPEND, 0o666)),
    readdir: (path) => door.call('scandir', [path], () => listEntries(door.lookup(path).node, proc)),
    readlink: (path) => door.call('readlink', [path], () => linkText(door.lookup(path, false))),
    realpath: (path) => door.call('realpath', [path], () => pathOf(door.lookup(path), proc.root).path),
    stat: (path) => door.call('stat', [path], () => statNode(door.lookup(path).node)),
    lstat: (path) => door.call('lstat', [path], () => statNode(door.lookup(path, false).node)),
    statfs: (path) =>
      door.call('statfs', [path], () => {
        const { sb } = door.lookup(path).node
        const blocks = sb.capacity === undefined ? DEFAULT_BLOCKS : Math.ceil(sb.capacity / BLOCK)
        return { type: sb.magic, bsize: BLOCK, blocks, bfree: blocks - Math.ceil(usedBytes(sb) / BLOCK) }
      }),
    exists: (path) => {
      try {
        door.lookup(path)
        return true
      } catch (error) {
        if (error instanceof Errno) return false
        throw error
      }
    },
    mkdir: (path, mode) => door.call('mkdir', [path, octal(mode)], () => { create(path, S_IFDIR | mode, { kind: 'dir', entries: new Map() }) }),
    rmdir: (path) =>
      door.call('rmdir', [path], () => {
        const node = removable(path)
        if (!isDir(node)) throw new Errno('ENOTDIR')
        if (listEntries(node, proc).length > 0) throw new Errno('ENOTEMPTY')
        removeEntry(node)
      }),
    unlink: (path) =>
      door.call('unlink', [path], () => {
        const node = removable(path)
        if (isDir(node)) throw new Errno('EISDIR')
        removeEntry(node)
      }),
    symlink: (target, path) => door.call('symlink', [target, path], () => { create(path, S_IFLNK | 0o777, { kind: 'symlink', target }) }),
    rename: (from, to) =>
      door.call('rename', [from, to], () => {
        const node = removable(from)
        const { dir, name } = resolveParent(world, proc, to)
        if (dir.node.sb !== node.sb) throw new Errno('EXDEV')
        const there = lookupEntry(dir.node, name, proc)
        if (there !== undefined) {
          if (isDir(there) && !isDir(node)) throw new Errno('EISDIR')
          if (!isDir(there) && isDir(node)) throw new Errno('ENOTDIR')
          if (isDir(there) && listEntries(there, proc).length > 0) throw new Errno('ENOTEMPTY')
          removeEntry(removable(to))
        }
        removeEntry(node)
        if (dir.node.content.kind !== 'dir') throw new Errno('ENOTDIR')
        node.unlinked = false
        node.name = name
        node.parent = dir.node
        dir.node.content.entries.set(name, node)
      }),
    chmod: (path, mode) =>
      door.call('chmod', [path, octal(mode)], () => {
        const loc = door.lookup(path)
        needWritable(loc)
        loc.node.mode = (loc.node.mode & S_IFMT) | mode
      }),
    getxattr: (path, name) => door.call('getxattr', [path, name], () => world.xattrs.get(door.lookup(path).node)?.get(name) ?? null),
    setxattr: (path, name, value) =>
      door.call('setxattr', [path, name, value], () => {
        const loc = door.lookup(path)
        needWritable(loc)
        world.xattrs.set(loc.node, (world.xattrs.get(loc.node) ?? new Map<string, string>()).set(name, value))
      }),
    mknod: (path, mode, dev) =>
      door.call('mknod', [path, octal(mode), dev], () => {
        door.needRoot()
        const content: Content = (mode & S_IFMT) === S_IFREG ? { kind: 'file', data: new Uint8Array() } : { kind: 'special' }
        create(path, mode, content, dev)
      }),
  }
}
