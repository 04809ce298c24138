// What keeps a mount busy: processes by working directory, root, program, descriptors and maps; mounts on it; swap
// files and loop devices' files on it.
//
// A descriptor is on a mount if its fdinfo has the mount's id, which is exact where a path is not: files that were
// deleted, hidden mounts. What only the kernel holds (a bound socket, an export) no interface lists.  docs/mounts.md

import { O_PATH } from '../abi/process.ts'
import type { MountNode, MountTree } from '../facts/mounts/mount-tree.ts'
import { printable } from '../facts/mounts/printable.ts'
import { mountIdIn } from '../facts/own-mounts.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { parseSwaps } from '../shutdown/read-stack.ts'
import { processIds } from './read-namespaces.ts'

type Doors = Pick<Kernel, 'readdir' | 'readText' | 'readlink' | 'open' | 'close' | 'realpath'>

export interface ProcessUse {
  readonly pid: number
  readonly command: string
  /** 'cwd', 'root', 'exe', 'fd 3', 'map'. */
  readonly what: string
  /** The path as the process's link shows it; '' where that cannot be read. */
  readonly path: string
}

export interface Busy {
  readonly mount: MountNode
  readonly processes: readonly ProcessUse[]
  readonly nested: readonly MountNode[]
  readonly swapFiles: readonly string[]
  readonly loops: readonly { readonly device: string; readonly file: string }[]
  /** Processes that may not be looked at. */
  readonly unknown: number
}

/** The mount that a magic link of /proc is on. */
function mountOf(kernel: Doors, link: string): number | null {
  return attempt(() => {
    const fd = kernel.open(link, O_PATH)
    try {
      return mountIdIn(kernel.readText(`/proc/self/fdinfo/${fd}`))
    } finally {
      kernel.close(fd)
    }
  })
}

/** Maps of files of this superblock, one of each file: the names in map_files. */
function mapsOf(text: string, mount: MountNode): string[] {
  const device = `${mount.major.toString(16).padStart(2, '0')}:${mount.minor.toString(16).padStart(2, '0')}`
  const files = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [range = '', , , dev, inode = '0'] = line.split(/ +/, 5)
    if (dev === device && inode !== '0' && !files.has(inode)) files.set(inode, range.split('-').map((hex) => hex.replace(/^0+(?=.)/, '')).join('-'))
  }
  return [...files.values()]
}

function usesOf(kernel: Doors, pid: number, mount: MountNode): ProcessUse[] | null {
  const base = `/proc/${pid}`
  const descriptors = attempt(() => kernel.readdir(`${base}/fdinfo`))
  if (descriptors === null) return null
  const on: (readonly [string, string])[] = ['cwd', 'root', 'exe'].filter((what) => mountOf(kernel, `${base}/${what}`) === mount.id).map((what) => [what, what])
  for (const fd of descriptors) {
    const info = attempt(() => kernel.readText(`${base}/fdinfo/${fd}`))
    if (info !== null && mountIdIn(info) === mount.id) on.push([`fd ${fd}`, `fd/${fd}`])
  }
  for (const range of mapsOf(attempt(() => kernel.readText(`${base}/maps`)) ?? '', mount)) {
    if (mountOf(kernel, `${base}/map_files/${range}`) === mount.id) on.push(['map', `map_files/${range}`])
  }
  if (on.length === 0) return []
  const command = attempt(() => kernel.readText(`${base}/comm`).trimEnd()) ?? ''
  return on.map(([what, link]) => ({ pid, command, what, path: attempt(() => kernel.readlink(`${base}/${link}`)) ?? '' }))
}

/** Looks for all that is on the mount of a path. Throws SyscallError for a path that is not there, Error where its mount is not listed. */
export function readBusy(kernel: Doors, tree: MountTree, path: string): Busy {
  const mount = tree.lookup(kernel.realpath(path))
  if (mount === undefined) throw new Error('its mount is not listed: this process is in a chroot')
  const isOn = (file: string): boolean => tree.lookup(file)?.id === mount.id
  const uses = processIds(kernel).map((pid) => usesOf(kernel, pid, mount))
  const loops = (attempt(() => kernel.readdir('/sys/block')) ?? []).filter((name) => name.startsWith('loop')).flatMap((name) => {
    const file = attempt(() => kernel.readText(`/sys/block/${name}/loop/backing_file`).replace(/\n$/, ''))
    return file !== null && isOn(file.replace(/ \(deleted\)$/, '')) ? [{ device: `/dev/${name}`, file }] : []
  })
  const swaps = parseSwaps(attempt(() => kernel.readText('/proc/swaps')) ?? '').filter((one) => one.type === 'file').map((one) => one.path)
  return {
    mount,
    processes: uses.flatMap((one) => one ?? []),
    nested: tree.nodes.filter((m) => m.parentId === mount.id && m.id !== mount.id),
    swapFiles: swaps.filter((file) => isOn(file.replace(/ \(deleted\)$/, ''))),
    loops,
    unknown: uses.filter((one) => one === null).length,
  }
}

/** One line for each that keeps it busy. */
export function busyLines(busy: Busy): string[] {
  const { mount, unknown } = busy
  const lines = [
    ...busy.processes.map((use) => `process ${use.pid} (${printable(use.command)})  ${use.what}  ${printable(use.path)}`),
    ...busy.nested.map((m) => `mount ${m.id}  ${printable(m.mountPoint ?? '(no path)')}  ${printable(m.fstype)}${m.hidden ? '  (hidden)' : ''}`),
    ...busy.swapFiles.map((file) => `swap  ${printable(file)}`),
    ...busy.loops.map(({ device, file }) => `loop  ${device}  ${printable(file)}`),
  ]
  const heading = `${printable(mount.mountPoint ?? '(no path)')}  (mount ${mount.id}, ${printable(mount.fstype)}): ${lines.length === 0 ? 'nothing was found that keeps it busy' : 'kept busy by'}`
  return [heading, ...lines.map((l) => `  ${l}`), ...(unknown === 0 ? [] : [`processes that could not be looked at: ${unknown}`])]
}

/** The same as JSON. */
export function busyToJson({ mount, processes, nested, swapFiles, loops, unknown }: Busy): object {
  return {
    format: 'fulcrum-mounts-busy',
    version: 1,
    mount: { id: mount.id, mountPoint: mount.mountPoint, fstype: mount.fstype, source: mount.source },
    processes,
    nested: nested.map((m) => ({ id: m.id, mountPoint: m.mountPoint, fstype: m.fstype, hidden: m.hidden })),
    swapFiles,
    loops,
    unknownProcesses: unknown,
  }
}
