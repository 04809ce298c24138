// Reads ReplaceFacts: what is mounted at the target, what the source is, what the kernel can do.
//
// Changes nothing that can be seen: what the kernel can is found by calls that fail before they do anything, or that
// make file systems which nobody mounts.  move_mount(2), fsmount(2), proc_pid_mountinfo(5).

import { MOVE_MOUNT_BENEATH, MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH } from '../../abi/mount.ts'
import { O_NONBLOCK, O_RDONLY, S_IFBLK, S_IFDIR, S_IFMT, S_IFREG } from '../../abi/process.ts'
import { attempt, isErrno } from '../../kernel/errors.ts'
import type { Fd, Kernel } from '../../kernel/kernel.ts'
import { headLength, probeSuperblock } from '../block/probe-superblock.ts'
import type { Superblock } from '../block/superblock.ts'
import { childrenOf, rootMount, splitDev, topMountAt } from '../mountinfo.ts'
import type { Mount } from '../mountinfo.ts'
import { readOwnMounts } from '../own-mounts.ts'
import { inRoot } from '../paths.ts'
import { parseRecord, recordName } from './record.ts'
import { REPLACE_DIRECTORY } from './replace-types.ts'
import type { PathFacts, ReplaceFacts, ReplaceRecord, ReplaceRequest, Submount } from './replace-types.ts'

/** Whether move_mount(2) knows the flag: EBADF for the descriptor comes after EINVAL for an unknown flag. */
function canBeneath(kernel: Kernel): boolean {
  try {
    kernel.moveMount(-1, '', -1, '', MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | MOVE_MOUNT_BENEATH)
    return true
  } catch (error) {
    return isErrno(error, 'EBADF')
  }
}

/** Whether one detached mount can be attached to another. */
function canMountDetached(kernel: Kernel): boolean {
  const open: Fd[] = []
  const make = (): Fd => {
    const context = kernel.fsopen('tmpfs')
    open.push(context)
    const mount = kernel.fsmount(context, 0)
    open.push(mount)
    return mount
  }
  try {
    const [below, on] = [make(), make()]
    kernel.moveMount(on, '', below, '', MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
    return true
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'EPERM', 'ENOSYS', 'ENODEV')) return false
    throw error
  } finally {
    for (const fd of open) kernel.close(fd)
  }
}

function readSuperblock(kernel: Kernel, path: string, sizeBytes: number): Superblock | null {
  const fd = kernel.open(path, O_RDONLY | O_NONBLOCK)
  const read = (offset: number, length: number): Uint8Array | null => {
    if (offset < 0 || length < 0 || offset + length > sizeBytes) return null
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const count = kernel.read(fd, bytes.subarray(done), offset + done)
      if (count === 0) return null
      done += count
    }
    return bytes
  }
  try {
    return sizeBytes < 1024 ? null : probeSuperblock(read, sizeBytes, sizeBytes > headLength)
  } finally {
    kernel.close(fd)
  }
}

/** What a path leads to. A file system is looked for only when `look` is set. */
export function readPathFacts(kernel: Kernel, name: string, look: boolean): PathFacts {
  const path = attempt(() => kernel.realpath(name))
  if (path === null) return { name, path: name, kind: 'missing', fstype: null, damaged: null }
  const stat = kernel.stat(path)
  const type = stat.mode & S_IFMT
  if (type === S_IFDIR) return { name, path, kind: 'directory', fstype: null, damaged: null }
  if (type !== S_IFREG && type !== S_IFBLK) return { name, path, kind: 'other', fstype: null, damaged: null }
  const { major, minor } = splitDev(stat.rdev)
  const size = type === S_IFREG ? Number(stat.size) : 512 * Number(attempt(() => kernel.readText(`/sys/dev/block/${major}:${minor}/size`)) ?? 0)
  const found = look ? attempt(() => readSuperblock(kernel, path, size)) : null
  const isImage = found !== null && found.usage === 'filesystem'
  const kind = type === S_IFBLK ? 'device' : isImage ? 'image' : 'file'
  return { name, path, kind, fstype: isImage ? found.type : null, damaged: found?.damaged ?? null }
}

export function readRecord(kernel: Pick<Kernel, 'readText'>, target: string): ReplaceRecord | null {
  const text = attempt(() => kernel.readText(`${REPLACE_DIRECTORY}/${recordName(target)}.json`))
  return text === null ? null : parseRecord(text)
}

/** Whether a lookup of its mount point ends in a mount, or in a stack on it. */
function isReached(mounts: readonly Mount[], mount: Mount): boolean {
  let m = topMountAt(mounts, mount.mountPoint)
  while (m !== undefined && m.id !== mount.id && m.mountPoint === mount.mountPoint) {
    const { parentId } = m
    m = mounts.find((one) => one.id === parentId)
  }
  return m?.id === mount.id
}

/** The mounts on the old one. What lies hidden below another of them cannot be reached, and goes with the old one. */
function submountsOf(kernel: Kernel, mounts: readonly Mount[], old: Mount): Submount[] {
  const skip = old.mountPoint === '/' ? 1 : old.mountPoint.length + 1
  return childrenOf(mounts, old.id)
    .filter((mount) => mount.mountPoint !== old.mountPoint && isReached(mounts, mount))
    .map((mount) => ({
      mount,
      place: mount.mountPoint.slice(skip),
      isDirectory: ((attempt(() => kernel.stat(mount.mountPoint))?.mode ?? S_IFDIR) & S_IFMT) === S_IFDIR,
      hasMounts: childrenOf(mounts, mount.id).length > 0,
    }))
}

/** The paths of the request: the source, or the layers; and the base where one is named. */
function pathsOf({ source }: ReplaceRequest): { readonly sources: readonly string[]; readonly base: string | null } {
  if (source.kind === 'path') return { sources: [source.path], base: null }
  return source.kind === 'layers' ? { sources: source.layers, base: source.base } : { sources: [], base: null }
}

/** Reads the facts for a request. Throws SyscallError when /proc is not mounted. */
export function readReplaceFacts(kernel: Kernel, request: ReplaceRequest): ReplaceFacts {
  const mounts = readOwnMounts(kernel)
  const target = readPathFacts(kernel, request.target, false)
  const old = target.kind === 'missing' ? null : topMountAt(mounts, target.path) ?? null
  const parent = old === null ? null : mounts.find((m) => m.id === old.parentId && m.id !== old.id) ?? null
  const root = rootMount(mounts)
  const paths = pathsOf(request)
  const uid = kernel.getuid()
  return {
    uid,
    canBeneath: canBeneath(kernel),
    canMountDetached: uid === 0 && canMountDetached(kernel),
    target,
    old,
    parent,
    stacked: parent !== null && parent.mountPoint === target.path,
    root: root === undefined ? 'no-mount' : root.id === root.parentId ? 'absolute' : 'movable',
    rootId: root?.id ?? null,
    submounts: old === null ? [] : submountsOf(kernel, mounts, old),
    // A file that is to lie on a file is meant itself, not what is in it.
    sources: paths.sources.map((path) => readPathFacts(kernel, path, target.kind === 'directory' || request.source.kind === 'layers')),
    base: paths.base === null ? null : readPathFacts(kernel, paths.base, true),
    record: readRecord(kernel, target.path),
    directoryIsMount: topMountAt(mounts, REPLACE_DIRECTORY) !== undefined,
  }
}

/** Where a place of the old mount is for a path lookup. */
export function placePath(target: string, place: string): string {
  return inRoot(target, `/${place}`)
}

