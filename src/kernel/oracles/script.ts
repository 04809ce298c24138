// Script: the calls of one oracle and what each has to answer, by kernel version, as a call table and expectations.
//
// An oracle runs in a process of its own (Kernel.startChild), made of raw calls only: its namespaces end with it, and
// no library of ours stands between it and the kernel. Answers that changed over time name the version.

import type { ErrnoName } from '../../abi/errno.ts'
import { AT_EMPTY_PATH, AT_FDCWD, FSCONFIG_CMD_CREATE, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, MS_PRIVATE, MS_REC } from '../../abi/mount.ts'
import { O_WRONLY } from '../../abi/process.ts'
import type { ResultOf, Row } from '../child-table.ts'
import {
  CLONE_NEWUSER, NS_GET_MNTNS_ID, SIGCHLD, STATX_MNT_ID_UNIQUE, capset, clone, close, exitGroup, fsconfig, fsmount, fsopen, ftruncate, ioctl,
  listmount, memfdCreate, mmap, mount, open, pread, pwrite, statmount, statx, unshare, wait4, write, yieldCpu, type Call,
} from './calls.ts'

const PAGE = 4096
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_PRIVATE_ANONYMOUS = 0x22
const LSMT_ROOT = 0xffffffffffffffffn
/** Offset of stx_mnt_id in struct statx. */
const STX_MNT_ID = 0x90

/** 'ok': anything that is no error; a number: exactly that. */
export type Answer = 'ok' | number | ErrnoName

/** What it was at first, and from which version on it was something else: history('EINVAL', ['6.5', 'ok']). */
export interface History {
  readonly first: Answer
  readonly changes: readonly (readonly [version: string, answer: Answer])[]
}

export function history(first: Answer, ...changes: History['changes']): History {
  return { first, changes }
}

/** A call that kernels before `version` do not have or refuse so. */
export const since = (version: string, before: ErrnoName, after: Answer = 'ok'): History => history(before, [version, after])

function isAtLeast(version: string, wanted: string): boolean {
  const [a = [], b = []] = [version, wanted].map((text) => text.split('.').map(Number))
  return (a[0] ?? 0) !== (b[0] ?? 0) ? (a[0] ?? 0) > (b[0] ?? 0) : (a[1] ?? 0) >= (b[1] ?? 0)
}

/** The answer of this version ('6.12.117-…' or '7.1'). */
export function answerIn(version: string, expected: Answer | History): Answer {
  if (typeof expected !== 'object') return expected
  return expected.changes.reduce((answer, [from, next]) => (isAtLeast(version, from) ? next : answer), expected.first)
}

export interface Expectation {
  readonly row: number
  readonly call: Call
  readonly expected: Answer | History
  /** The script goes on after an errno here. */
  readonly goOn: boolean
}

/** Something that is true after the last row, if that was reached. */
export interface Check {
  readonly name: string
  readonly holds: () => boolean
}

/** A buffer that a call fills, and the id in it. */
export interface MountIdBuffer {
  readonly bytes: Buffer
  value(): bigint
}

export class Script {
  readonly rows: Row[] = []
  readonly expectations: Expectation[] = []
  readonly checks: Check[] = []

  #add({ nr, args }: Call, goOn: boolean): ResultOf {
    this.rows.push({ nr, args, goOn })
    return { resultOf: this.rows.length - 1 }
  }
  /** The call has to answer so. Where that is an errno, the script ends here. */
  expect(call: Call, expected: Answer | History): ResultOf {
    const result = this.#add(call, false)
    this.expectations.push({ row: result.resultOf, call, expected, goOn: false })
    return result
  }
  /** It has to succeed. */
  ok(...calls: readonly Call[]): ResultOf {
    return calls.map((call) => this.expect(call, 'ok')).at(-1) ?? { resultOf: -1 }
  }
  /** The call answers so, an errno perhaps, and the script goes on. */
  passing(call: Call, expected: Answer | History): ResultOf {
    const result = this.#add(call, true)
    this.expectations.push({ row: result.resultOf, call, expected, goOn: true })
    return result
  }
  /** What it answers does not matter. */
  anyway(call: Call): void {
    this.#add(call, true)
  }
  check(name: string, holds: () => boolean): void {
    this.checks.push({ name, holds })
  }
  /** A child of the script's process makes these calls and ends; it is waited for and must come to its end. */
  child(build: () => void, how: { readonly by?: Call; readonly expected?: Answer | History } = {}): void {
    const begin = this.expect(how.by ?? clone(SIGCHLD), how.expected ?? 'ok')
    const jump = this.rows.length
    // The parent jumps over the child's rows; the child begins behind that jump.
    this.rows.push({ nr: yieldCpu().nr, args: [] })
    const first = this.rows[begin.resultOf]
    if (first !== undefined) this.rows[begin.resultOf] = { ...first, ifZero: jump + 1 }
    build()
    this.rows.push({ nr: exitGroup().nr, args: [0] })
    this.rows[jump] = { nr: yieldCpu().nr, args: [], ifZero: this.rows.length }
    const status = Buffer.alloc(4, 0xff)
    // __WALL
    this.ok(wait4(begin, status, 0x40000000, null))
    this.check('the inner child comes to its end', () => status.readInt32LE(0) === 0)
  }

  // What scripts do all the time.

  /** The mounts of this namespace hear of nothing and tell nothing. */
  makePrivate(): void {
    this.ok(mount('none', '/', null, MS_REC | MS_PRIVATE, null))
  }
  /** A user namespace in which root is root. `flags`: more namespaces with it. */
  enterUserNamespace(flags = 0): void {
    this.ok(unshare(CLONE_NEWUSER | flags))
    this.mapRoot()
  }
  /** The process, born into a user namespace, is root there. */
  mapRoot(): void {
    for (const [file, text] of [['setgroups', 'deny'], ['uid_map', '0 0 1'], ['gid_map', '0 0 1']] as const) {
      const fd = this.ok(open(`/proc/self/${file}`, O_WRONLY))
      this.ok(write(fd, text), close(fd))
    }
  }
  dropAllCapabilities(): void {
    const header = Buffer.alloc(8)
    // _LINUX_CAPABILITY_VERSION_3
    header.writeUInt32LE(0x20080522, 0)
    this.ok(capset(header, Buffer.alloc(24)))
  }
  /** A file system that is mounted nowhere. */
  detached(fstype = 'tmpfs', attributes = 0): ResultOf {
    const context = this.created(fstype)
    const fd = this.ok(fsmount(context, FSMOUNT_CLOEXEC, attributes))
    this.ok(close(context))
    return fd
  }
  /** The context of a file system that is made and not mounted. */
  created(fstype = 'tmpfs'): ResultOf {
    const context = this.ok(fsopen(fstype, FSOPEN_CLOEXEC))
    this.ok(fsconfig(context, FSCONFIG_CMD_CREATE, null, null, 0))
    return context
  }
  /** The unique id of the mount of a path, or of a descriptor with ''. Since Linux 6.8; 0 before. */
  mountId(path: string, dirfd: number | ResultOf = AT_FDCWD): MountIdBuffer {
    const bytes = Buffer.alloc(256)
    this.ok(statx(dirfd, path, path === '' ? AT_EMPTY_PATH : 0, STATX_MNT_ID_UNIQUE, bytes))
    return { bytes, value: () => ((bytes.readUInt32LE(0) & STATX_MNT_ID_UNIQUE) === 0 ? 0n : bytes.readBigUInt64LE(STX_MNT_ID)) }
  }
  /** Two pages: what a call writes to the first can be put together with our own bytes into the second, a request. */
  #requestPage(write: (page: ResultOf) => void, parts: readonly (readonly [offset: number, bytes: Buffer])[], from: number): ResultOf {
    const file = this.ok(memfdCreate('request', 0))
    this.ok(ftruncate(file, 3 * PAGE))
    const filled = this.ok(mmap(0, PAGE, PROT_READ_WRITE, MAP_SHARED, file, PAGE))
    const request = this.ok(mmap(0, PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0))
    write(filled)
    for (const [offset, bytes] of parts) this.ok(pwrite(file, bytes, bytes.length, PAGE + offset))
    this.ok(pread(file, request, 32, PAGE + from), close(file))
    return request
  }
  /** listmount(2) in the namespace of a descriptor on it; since Linux 6.11. Answers what is listed, by time. */
  listNamespace(namespace: ResultOf): () => bigint[] {
    const prefix = Buffer.alloc(24)
    prefix.writeUInt32LE(32, 0)
    prefix.writeBigUInt64LE(LSMT_ROOT, 8)
    const request = this.#requestPage((page) => void this.ok(ioctl(namespace, NS_GET_MNTNS_ID, page)), [[-24, prefix]], -24)
    const ids = Buffer.alloc(8 * 512)
    this.ok(listmount(request, ids, 512, 0))
    return () => Array.from({ length: 512 }, (_, i) => ids.readBigUInt64LE(8 * i)).filter((id) => id !== 0n)
  }
  /** statmount(2) of the mount of a path in this namespace. Since Linux 6.8. */
  statmount(path: string): StatmountBuffer {
    return this.statmountBy(this.statmountRequest(path))
  }
  /** The request for a later statmount(2) of what is at the path now. */
  statmountRequest(path: string): ResultOf {
    const size = Buffer.alloc(8)
    size.writeUInt32LE(24, 0)
    const mask = Buffer.alloc(8)
    // STATMOUNT_MNT_BASIC, MNT_POINT, FS_TYPE
    mask.writeBigUInt64LE(0x32n, 0)
    return this.#requestPage((page) => void this.ok(statx(AT_FDCWD, path, 0, STATX_MNT_ID_UNIQUE, page)), [[STX_MNT_ID - 8, size], [STX_MNT_ID + 8, mask]], STX_MNT_ID - 8)
  }
  statmountBy(request: ResultOf): StatmountBuffer {
    const answer = Buffer.alloc(1024)
    this.ok(statmount(request, answer, answer.length, 0))
    const text = (field: number): string => {
      const start = 512 + answer.readUInt32LE(field)
      return answer.toString('utf8', start, answer.indexOf(0, start))
    }
    return { id: () => answer.readBigUInt64LE(40), parentId: () => answer.readBigUInt64LE(48), fstype: () => text(36), mountPoint: () => text(108) }
  }
  /** How many mounts the process sees: listmount(2) of its root, since Linux 6.8. */
  mountCount(expected: Answer | History): void {
    const request = Buffer.alloc(24)
    request.writeUInt32LE(24, 0)
    request.writeBigUInt64LE(LSMT_ROOT, 8)
    this.passing(listmount(request, Buffer.alloc(8 * 512), 512, 0), expected)
  }
}

/** Struct statmount as a call has left it. */
export interface StatmountBuffer {
  id(): bigint
  parentId(): bigint
  fstype(): string
  mountPoint(): string
}

/** One assertion of somebody else's test, on our bindings. */
export interface Oracle {
  readonly name: string
  /** The suite and the test whose assertion it is, or 'own' with what it backs. */
  readonly source: string
  /** Namespaces that the process is born with, CLONE_*; a mount namespace by default. */
  readonly flags?: number
  /** `at`: an empty directory, the place for mounts. */
  readonly build: (s: Script, at: string) => void
}
