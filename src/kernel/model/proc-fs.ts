// The model's /proc: mountinfo, and what fulcrum reads of processes, generated from the world.
//
// Man pages: proc_pid_mountinfo(5), proc_pid_exe(5), proc_pid_stat(5).

import { MS_NOATIME, MS_NODEV, MS_NODIRATIME, MS_NOEXEC, MS_NOSUID, MS_NOSYMFOLLOW, MS_RDONLY, MS_RELATIME } from '../../abi/mount.ts'
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../abi/process.ts'
import { Errno } from './errno.ts'
import { isReachable, pathOf, type Loc, type ModelMount } from './mount-tree.ts'
import { createNode, createSuperBlock, type Content, type SuperBlock, type Viewer, type VNode } from './vfs.ts'
import type { ModelProcess } from './model-process.ts'

/** What of a world is shown in /proc. */
export interface ProcSource {
  readonly mounts: { readonly all: readonly ModelMount[] }
  readonly processes: ReadonlyMap<number, ModelProcess>
  readonly diskFsTypes: ReadonlySet<string>
  /** Further files by their path below /proc, 'sys/kernel/osrelease'. */
  readonly procTexts: ReadonlyMap<string, string>
}

const mangle = (text: string): string => text.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)

function mountOptions(mnt: ModelMount): string {
  const names: readonly (readonly [number, string])[] = [
    [MS_NOSUID, 'nosuid'], [MS_NODEV, 'nodev'], [MS_NOEXEC, 'noexec'], [MS_NOATIME, 'noatime'],
    [MS_NODIRATIME, 'nodiratime'], [MS_RELATIME, 'relatime'], [MS_NOSYMFOLLOW, 'nosymfollow'],
  ]
  return [mnt.flags & MS_RDONLY ? 'ro' : 'rw', ...names.filter(([bit]) => mnt.flags & bit).map(([, name]) => name)].join(',')
}

/** /proc/PID/mountinfo: the mounts of the process's namespace that its root can reach. */
export function mountInfoText(world: ProcSource, proc: ModelProcess): string {
  const lines: string[] = []
  for (const mnt of world.mounts.all) {
    const top: Loc = { mnt, node: mnt.root }
    const { path, reachable } = pathOf(top, proc.root)
    if (mnt.ns !== proc.ns || !reachable || !isReachable(top, proc.root)) continue
    const dev = `${Number((mnt.sb.dev >> 8n) & 0xfffn)}:${Number((mnt.sb.dev & 0xffn) | ((mnt.sb.dev >> 12n) & 0xffffff00n))}`
    const root = `${rootInside(mnt)}${mnt.root.unlinked ? '//deleted' : ''}`
    const optional = [
      mnt.shared === 0 ? '' : `shared:${mnt.shared} `, mnt.master === 0 ? '' : `master:${mnt.master} `, mnt.unbindable ? 'unbindable ' : '',
    ].join('')
    const fs = `${mangle(mnt.sb.fstype)} ${mangle(mnt.sb.source)} ${mnt.sb.readOnly ? 'ro' : 'rw'}`
    lines.push(`${mnt.id} ${mnt.parent.id} ${dev} ${mangle(root)} ${mangle(path)} ${mountOptions(mnt)} ${optional}- ${fs}\n`)
  }
  return lines.join('')
}

/** Path of a bind mount's root inside its file system. */
function rootInside(mnt: ModelMount): string {
  const names: string[] = []
  for (let at = mnt.root; at.parent !== at; at = at.parent) names.push(at.name)
  return `/${names.reverse().join('/')}`
}

const KERNEL_THREAD_FLAG = 0x00200000

function statText(p: ModelProcess): string {
  const flags = p.kernelThread ? KERNEL_THREAD_FLAG : 0
  const zeros = (n: number): string => Array.from({ length: n }, () => '0').join(' ')
  return `${p.pid} (${p.comm}) ${p.state} ${p.ppid} ${p.pid} ${p.pid} 0 -1 ${flags} ${zeros(12)} ${p.startUs / 10_000n} ${zeros(25)} ${argumentsAt(p)} ${argumentsAt(p) + argumentText(p).length} ${zeros(3)}\n`
}

/** Where the arguments of a process are in its memory, and what is there. */
const argumentsAt = (p: ModelProcess): number => (p.kernelThread ? 0 : p.pid * 0x100000)
const argumentText = (p: ModelProcess): string => p.argv.map((a) => `${a}\0`).join('')

/** A write to /proc/PID/mem: the arguments are all the memory that there is. EIO elsewhere. */
function writeMemory(p: ModelProcess, data: Uint8Array, position: number): void {
  const text = argumentText(p)
  const at = position - argumentsAt(p)
  if (at < 0 || at + data.length > text.length) throw new Errno('EIO')
  const changed = text.slice(0, at) + new TextDecoder().decode(data) + text.slice(at + data.length)
  p.argv = changed.split('\0').slice(0, -1)
}

/** ptrace(2) access: another user's links are nobody's business. EACCES. */
export function needLook(world: ProcSource, viewer: Viewer, key: string): void {
  const uid = world.processes.get(viewer.pid)?.uid ?? 0
  if (uid !== 0 && world.processes.get(Number(key.split('/', 1)[0]))?.uid !== uid) throw new Errno('EACCES')
}

/** The place that a magic link leads to: key 'PID/exe', 'PID/root', 'PID/cwd', 'PID/fd/N'. */
export function magicTarget(world: ProcSource, key: string): Loc {
  const [pid, what, fd] = key.split('/')
  const proc = world.processes.get(Number(pid))
  const loc =
    proc === undefined || proc.state === 'Z' ? null
    : what === 'exe' ? proc.exe
    : what === 'root' ? proc.root
    : what === 'cwd' ? proc.cwd
    : (proc.fds.get(Number(fd))?.file.loc ?? null)
  if (loc === null) throw new Errno('ENOENT')
  return loc
}

/** A proc file system: every mount has its own since Linux 5.8, all showing the same. */
export function createProc(world: ProcSource, dev: bigint): SuperBlock {
  const text = (dir: VNode, name: string, read: (viewer: Viewer) => string, write?: (data: Uint8Array, position: number) => void): VNode =>
    createNode(dir, name, S_IFREG | (write === undefined ? 0o444 : 0o644), { kind: 'generated', read, ...(write === undefined ? {} : { write }) })
  const link = (dir: VNode, pid: number, what: string): VNode => {
    const key = `${pid}/${what}`
    const show = (viewer: Viewer): string => {
      needLook(world, viewer, key)
      const loc = magicTarget(world, key)
      const root = world.processes.get(viewer.pid)?.root
      return `${root === undefined ? '' : pathOf(loc, root).path}${loc.node.unlinked ? ' (deleted)' : ''}`
    }
    return createNode(dir, what.replace('fd/', ''), S_IFLNK | 0o777, { kind: 'magic', text: show, key })
  }
  const folder = (parent: VNode, name: string, lookup: (self: VNode, name: string) => VNode | undefined, list: () => string[]): VNode => {
    const content: Content = {
      kind: 'dir', entries: new Map(), dynamic: { lookup: (entry) => lookup(node, entry), list },
    }
    const node = createNode(parent, name, S_IFDIR | 0o555, content)
    return node
  }

  const processEntry = (dir: VNode, p: ModelProcess, name: string): VNode | undefined => {
    switch (name) {
      case 'mountinfo':
        return text(dir, name, () => mountInfoText(world, p))
      case 'stat':
        return text(dir, name, () => statText(p))
      case 'status':
        return text(dir, name, () => `Name:\t${p.comm}\nState:\t${p.state}\nUid:\t${p.uid}\t${p.uid}\t${p.uid}\t${p.uid}\n`)
      case 'comm':
        return text(dir, name, () => `${p.comm}\n`)
      case 'cmdline':
        return text(dir, name, () => argumentText(p))
      case 'mem':
        return text(dir, name, () => '', (data, position) => writeMemory(p, data, position))
      case 'oom_score_adj':
        return text(dir, name, () => `${p.oomScoreAdj}\n`, (data) => { p.oomScoreAdj = Number(new TextDecoder().decode(data)) })
      case 'exe':
      case 'root':
      case 'cwd':
        return link(dir, p.pid, name)
      case 'fd':
        return folder(dir, name, (self, n) => (p.fds.has(Number(n)) ? link(self, p.pid, `fd/${n}`) : undefined), () => [...p.fds.keys()].map(String))
      default:
        return givenIn(p.texts, dir, '', name)
    }
  }
  /** A file of such a map, or a directory on the way to one; `prefix` is '' or ends with '/'. */
  const givenIn = (texts: ReadonlyMap<string, string>, dir: VNode, prefix: string, name: string): VNode | undefined => {
    const path = `${prefix}${name}`
    const content = texts.get(path)
    if (content !== undefined) return text(dir, name, () => texts.get(path) ?? content)
    const below = [...texts.keys()].filter((key) => key.startsWith(`${path}/`))
    if (below.length === 0) return undefined
    const names = below.map((key) => key.slice(path.length + 1).split('/', 1)[0] ?? '')
    return folder(dir, name, (self, entry) => givenIn(texts, self, `${path}/`, entry), () => [...new Set(names)])
  }
  const files = ['mountinfo', 'stat', 'status', 'comm', 'cmdline', 'mem', 'oom_score_adj', 'exe', 'root', 'cwd', 'fd']
  const lookup = (name: string): VNode | undefined => {
    if (name === 'self') return createNode(sb.root, name, S_IFLNK | 0o777, { kind: 'self-link', target: (v) => String(v.pid) })
    if (name === 'filesystems')
      return text(sb.root, name, () =>
        ['nodev\tsysfs', 'nodev\ttmpfs', 'nodev\tproc', 'nodev\tdevtmpfs', ...[...world.diskFsTypes].map((f) => `\t${f}`), ''].join('\n'))
    const p = world.processes.get(Number(name))
    if (p === undefined) return givenIn(world.procTexts, sb.root, '', name)
    return folder(sb.root, name, (self, n) => processEntry(self, p, n), () => files)
  }
  const sb = createSuperBlock('proc', dev, 'proc', {
    dynamic: { lookup, list: () => ['self', 'filesystems', ...[...world.processes.keys()].map(String)] },
  })
  return sb
}
