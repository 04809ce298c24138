// What a process keeps of the initramfs: files and directories that cannot be freed while it lives.
//
// Executable, mapped libraries, working and root directory, descriptors, and a mount namespace of its own in which
// the initramfs is still mounted. Every file is found by device and inode, so that it counts once, whatever path it
// is seen at.  proc_pid_maps(5), proc_pid_map_files(5), proc_pid_fd(5), mount_namespaces(7).

import { S_IFMT, S_IFREG } from '../abi/process.ts'
import { makeDev, parseMountInfo } from '../facts/mountinfo.ts'
import { attempt } from '../kernel/errors.ts'
import type { FileStat, Kernel } from '../kernel/kernel.ts'

export type PinKind = 'exe' | 'library' | 'cwd' | 'root' | 'descriptor' | 'namespace'

export interface Pin {
  readonly kind: PinKind
  /** As the kernel prints it, with the descriptor's number or the namespace in front. */
  readonly what: string
  /** 'DEV:INO'. */
  readonly file: string
  /** Size of a regular file, 0 for a directory or a namespace; null where it may not be looked at. */
  readonly bytes: number | null
}

type Doors = Pick<Kernel, 'readText' | 'readdir' | 'readlink' | 'stat'>

/** A mapping of a file, of /proc/PID/maps. */
export interface FileMapping {
  readonly range: string
  readonly dev: bigint
  readonly ino: bigint
  readonly path: string
}

/** The files that are mapped, each once. */
export function parseMaps(text: string): FileMapping[] {
  const found = new Map<string, FileMapping>()
  for (const line of text.split('\n')) {
    const fields = /^([\da-f]+-[\da-f]+) \S+ \S+ ([\da-f]+):([\da-f]+) (\d+) *(.*)$/.exec(line)
    const [, range = '', major = '', minor = '', ino = '0', path = ''] = fields ?? []
    if (fields === null || ino === '0') continue
    const dev = makeDev(Number.parseInt(major, 16), Number.parseInt(minor, 16))
    const key = `${dev}:${ino}`
    if (!found.has(key)) found.set(key, { range, dev, ino: BigInt(ino), path })
  }
  return [...found.values()]
}

const sizeOf = (stat: FileStat | null): number | null => (stat === null ? null : (stat.mode & S_IFMT) === S_IFREG ? Number(stat.size) : 0)

/** Everything of these devices that a process keeps. */
export function readPins(kernel: Doors, pid: number, initramfs: ReadonlySet<bigint>): Pin[] {
  const pins: Pin[] = []
  const link = (path: string): string => attempt(() => kernel.readlink(path)) ?? '?'
  const look = (kind: PinKind, name: string): void => {
    const path = `/proc/${pid}/${name}`
    const stat = attempt(() => kernel.stat(path))
    if (stat === null || !initramfs.has(stat.dev)) return
    const what = kind === 'descriptor' ? `${name.slice('fd/'.length)} ${link(path)}` : link(path)
    pins.push({ kind, what, file: `${stat.dev}:${stat.ino}`, bytes: sizeOf(stat) })
  }
  look('exe', 'exe')
  const exe = pins[0]?.file
  for (const { range, dev, ino, path } of parseMaps(attempt(() => kernel.readText(`/proc/${pid}/maps`)) ?? '')) {
    const file = `${dev}:${ino}`
    if (!initramfs.has(dev) || file === exe) continue
    // The path may lie or be gone; this link is the file itself. Root only.
    pins.push({ kind: 'library', what: path, file, bytes: sizeOf(attempt(() => kernel.stat(`/proc/${pid}/map_files/${range}`))) })
  }
  look('cwd', 'cwd')
  look('root', 'root')
  for (const fd of attempt(() => kernel.readdir(`/proc/${pid}/fd`)) ?? []) look('descriptor', `fd/${fd}`)
  pins.push(...readNamespacePins(kernel, pid, initramfs))
  return pins
}

/** Mounts of the initramfs in a mount namespace that is not ours: unmounting it here does not unmount it there. */
function readNamespacePins(kernel: Doors, pid: number, initramfs: ReadonlySet<bigint>): Pin[] {
  const own = attempt(() => kernel.stat('/proc/self/ns/mnt'))
  const its = attempt(() => kernel.stat(`/proc/${pid}/ns/mnt`))
  if (own === null || its === null || own.ino === its.ino) return []
  const mounts = parseMountInfo(attempt(() => kernel.readText(`/proc/${pid}/mountinfo`)) ?? '')
  return mounts
    .filter((m) => initramfs.has(m.dev))
    .map((m) => ({ kind: 'namespace', what: `mnt:[${its.ino}] ${m.mountPoint}`, file: `${its.dev}:${its.ino}`, bytes: 0 }))
}

/** Bytes of all these pins, every file once; those of unknown size are left out. */
export function pinnedBytes(pins: Iterable<Pin>): number {
  const files = new Map<string, number>()
  for (const { file, bytes } of pins) files.set(file, bytes ?? 0)
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0)
}
