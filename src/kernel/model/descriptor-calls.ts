// The model's calls on descriptors: open, read, write, dup2, fcntl, poll and their like.
//
// poll(2) moves the modelled clock, so that waiting for a device can be tested without waiting.

import { openFlagsToString } from '../../abi/open-flags.ts'
import { LOOP_CONFIGURE, LOOP_CTL_GET_FREE } from '../../abi/loop.ts'
import { MS_NODEV } from '../../abi/mount.ts'
import {
  BLKGETSIZE64, BLKRASET, BLKROSET, F_GETFD, F_GETFL, F_SETFD, F_SETFL, F_SETOWN, F_SETSIG, FD_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_TRUNC,
  POLLIN, S_IFBLK, S_IFCHR, S_IFLNK, S_IFMT, S_IFREG,
} from '../../abi/process.ts'
import { makeDev } from '../../facts/mountinfo.ts'
import type { SyscallArg } from '../syscall-arg.ts'
import type { Fd, FileCalls, FileStat } from '../kernel.ts'
import { needWritable, type Door } from './door.ts'
import { Errno } from './errno.ts'
import { resolveParent } from './lookup.ts'
import { addEntry, createSuperBlock, isDir, lookupEntry, setData, type VNode } from './vfs.ts'
import type { OpenFile } from './model-process.ts'

const hex = (n: number): SyscallArg => ({ raw: `0x${n.toString(16)}` })
const consoles = [makeDev(5, 1), makeDev(5, 0), makeDev(4, 64), makeDev(1, 11)]
const LOOP_MAJOR = 7
const LOOP_CONTROL = makeDev(10, 237)
const NULL_DEV = makeDev(1, 3)

/** Everything a node holds, as a read from its beginning to its end. */
export function readNode(door: Door, node: VNode): Uint8Array {
  const { content } = node
  if (content.kind === 'file') return content.data
  if (content.kind === 'generated') return new TextEncoder().encode(content.read(door.proc))
  if (content.kind === 'dir') throw new Errno('EISDIR')
  return door.world.disks.get(node.rdev)?.data ?? new Uint8Array()
}

/** open(2) without a descriptor for it. */
export function openFile(door: Door, path: string, flags: number, mode: number): OpenFile {
  const { world, proc } = door
  let exists = true
  try {
    door.lookup(path, (flags & O_NOFOLLOW) === 0)
  } catch (error) {
    if (!(error instanceof Errno) || error.code !== 'ENOENT' || (flags & O_CREAT) === 0) throw error
    exists = false
  }
  if (!exists) {
    const { dir, name } = resolveParent(world, proc, path)
    if (lookupEntry(dir.node, name, proc) !== undefined) throw new Errno('ENOENT') // a dangling symbolic link
    needWritable(dir)
    addEntry(dir.node, name, S_IFREG | mode, { kind: 'file', data: new Uint8Array() })
  } else if (flags & O_CREAT && flags & O_EXCL) throw new Errno('EEXIST')
  const loc = door.lookup(path, (flags & O_NOFOLLOW) === 0)
  const type = loc.node.mode & S_IFMT
  if (flags & O_DIRECTORY && !isDir(loc.node)) throw new Errno('ENOTDIR')
  if (flags & O_PATH) return { kind: 'path', loc, flags, offset: 0 }
  if (type === S_IFLNK) throw new Errno('ELOOP')
  const writes = (flags & 3) !== 0
  if (writes && isDir(loc.node)) throw new Errno('EISDIR')
  if (type === S_IFCHR || type === S_IFBLK) {
    if (loc.mnt.flags & MS_NODEV) throw new Errno('EACCES')
    if (consoles.includes(loc.node.rdev) && type === S_IFCHR) return { kind: 'console', loc, flags, offset: 0 }
    if (type === S_IFCHR ? ![NULL_DEV, LOOP_CONTROL].includes(loc.node.rdev) : !world.disks.has(loc.node.rdev)) throw new Errno('ENXIO')
  } else if (writes && exists) needWritable(loc)
  if (flags & O_TRUNC && loc.node.content.kind === 'file') setData(loc.node, new Uint8Array())
  return { kind: 'node', loc, flags, offset: 0 }
}

type DescriptorCalls = Pick<
  FileCalls,
  'fstat' | 'open' | 'close' | 'read' | 'write' | 'writeAt' | 'dup2' | 'memfdCreate' | 'fcntl' | 'ioctl' | 'poll' | 'flock' | 'sync' | 'syncfs'
>

export function descriptorCalls(door: Door, statNode: (node: VNode) => FileStat): DescriptorCalls {
  const { world, proc } = door

  const read = (fd: Fd, into: Uint8Array, position: number | null): number => {
    const file = door.file(fd)
    if (file.kind === 'path' || file.kind === 'tree') throw new Errno('EBADF')
    if (file.kind === 'console') return 0
    const bytes = file.kind === 'uevent' ? world.uevents.shift() : readNode(door, file.loc.node)
    if (bytes === undefined) throw new Errno('EAGAIN')
    const start = file.kind === 'uevent' ? 0 : (position ?? file.offset)
    const part = bytes.subarray(start, start + into.length)
    into.set(part)
    if (position === null) file.offset += part.length
    return part.length
  }
  const write = (fd: Fd, data: string | Uint8Array): void => {
    const file = door.file(fd)
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    if (file.kind === 'console') {
      world.consoleOutput.push(new TextDecoder().decode(bytes))
      return
    }
    if (file.kind !== 'node' || (file.flags & 3) === 0) throw new Errno('EBADF')
    const { node } = file.loc
    if (node.content.kind === 'generated') node.content.write?.(bytes, file.offset)
    if (node.content.kind !== 'file') return
    const end = file.offset + bytes.length
    const grown = new Uint8Array(Math.max(end, node.content.data.length))
    grown.set(node.content.data)
    grown.set(bytes, file.offset)
    setData(node, grown)
    file.offset = end
  }
  const ioctl = (fd: Fd, request: number, argument: number | Uint8Array): number => {
    const file = door.file(fd)
    const disk = world.disks.get(file.loc.node.rdev)
    if (file.kind === 'console') return 0
    // Loop devices are disks that a test has added; the first is always free, and which file it gets does not matter.
    if (file.loc.node.rdev === LOOP_CONTROL && request === LOOP_CTL_GET_FREE) return 0
    if (disk?.major === LOOP_MAJOR && request === LOOP_CONFIGURE) return 0
    if ((request === BLKROSET || request === BLKRASET) && disk !== undefined) return 0
    if (request !== BLKGETSIZE64 || disk === undefined || typeof argument === 'number') throw new Errno('ENOTTY')
    new DataView(argument.buffer, argument.byteOffset).setBigUint64(0, BigInt(disk.data?.length ?? 0), true)
    return 0
  }
  const isReady = ({ kind, process }: OpenFile): boolean => (kind === 'uevent' ? world.uevents.length > 0 : process?.state === 'Z')
  const poll = (fds: readonly Fd[], timeoutMs: number): { fd: Fd; revents: number }[] => {
    const ready = (): { fd: Fd; revents: number }[] =>
      fds.map((fd) => ({ fd, revents: isReady(door.file(fd)) ? POLLIN : 0 }))
    const until = world.nowUs + BigInt(Math.max(0, timeoutMs)) * 1000n
    while (ready().every((r) => r.revents === 0) && world.nowUs < until) world.advance(until - world.nowUs)
    return ready()
  }
  const fcntl = (fd: Fd, command: number, argument: number): number => {
    const slot = proc.fds.get(fd)
    if (slot === undefined) throw new Errno('EBADF')
    if (command === F_GETFD) return slot.cloexec ? FD_CLOEXEC : 0
    if (command === F_GETFL) return slot.file.flags
    if (command !== F_SETFD && command !== F_SETFL && command !== F_SETOWN && command !== F_SETSIG) throw new Errno('EINVAL')
    if (command === F_SETOWN) slot.file.owner = argument
    else if (command === F_SETSIG) slot.file.signal = argument
    else if (command === F_SETFD) slot.cloexec = (argument & FD_CLOEXEC) !== 0
    else slot.file.flags = argument
    return 0
  }

  return {
    fstat: (fd) => door.call('fstat', [fd], () => statNode(door.file(fd).loc.node)),
    open: (path, flags, mode = 0o666) => door.call('open', [path, { raw: openFlagsToString(flags) }], () => door.install(openFile(door, path, flags, mode))),
    close: (fd) => door.call('close', [fd], () => { if (!proc.fds.delete(fd)) throw new Errno('EBADF') }),
    read: (fd, into, position) => door.call('read', [fd], () => read(fd, into, position)),
    write: (fd, data) => door.call('write', [fd], () => write(fd, data)),
    writeAt: (fd, data, position) =>
      door.call('pwrite', [fd, data.length, position], () => {
        const file = door.file(fd)
        const before = file.offset
        file.offset = Number(position)
        write(fd, data)
        file.offset = before
      }),
    dup2: (from, to) => door.call('dup2', [from, to], () => { proc.fds.set(to, { file: door.file(from), cloexec: false }) }),
    memfdCreate: (name, flags) =>
      door.call('memfd_create', [name, flags], () => {
        // A file of a nameless tmpfs, mounted nowhere: it keeps no file system that a test looks at.
        const sb = createSuperBlock('tmpfs', makeDev(0, 1), 'memfd')
        const node = addEntry(sb.root, `memfd:${name}`, S_IFREG | 0o777, { kind: 'file', data: new Uint8Array() })
        const mnt = world.mounts.create(sb, sb.root, 0)
        world.mounts.detach(mnt)
        return door.install({ kind: 'node', loc: { mnt, node }, flags: 2, offset: 0 }, (flags & 1) !== 0)
      }),
    fcntl: (fd, command, argument) => door.call('fcntl', [fd, command, argument], () => fcntl(fd, command, argument)),
    ioctl: (fd, request, argument) => door.call('ioctl', [fd, hex(request)], () => ioctl(fd, request, argument)),
    poll: (fds, timeoutMs) => door.call('poll', [fds.join(' '), timeoutMs], () => poll(fds, timeoutMs)),
    // The only process: nobody else has the lock.
    flock: (fd, operation) => door.call('flock', [fd, operation], () => { door.file(fd) }),
    sync: () => door.call('sync', [], () => undefined),
    syncfs: (fd) => door.call('syncfs', [fd], () => { door.file(fd) }),
  }
}
