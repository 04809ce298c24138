// What origins are decided against, read from the system: devices of the initramfs, of the real root, the switch.
//
// The record of the boot says it best. Without one (another program switched) the kept initramfs is looked for at
// /run/rootfs, and a concealed one by walking the parents of "/" with statmount(2), which shows hidden mounts to
// root (since Linux 6.8).  docs/processes.md; statmount(2), proc_pid_mountinfo(5).

import { MFD_CLOEXEC } from '../abi/process.ts'
import { mountLookup, rootMount, topMountAt } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { BOOT_RECORD, CARRIED_PREFIXES, ROOTFS_DIRECTORY, SYSROOT } from '../facts/switch-types.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { OriginContext, SwitchTime } from './origin.ts'

/** Longer than any stack of mounts under "/". */
const MAX_PARENTS = 64

type Doors = Pick<Kernel, 'readText' | 'stat' | 'exists' | 'fstat' | 'close' | 'memfdCreate' | 'uniqueMountId' | 'statmount'>

/** What the boot wrote down about itself. */
export interface BootFacts {
  readonly initramfsDevices: readonly bigint[]
  readonly handOverUs: number | null
  readonly keep: string | null
}

/** Reads what is needed of a boot record; null for text that is none. */
export function parseBootRecord(text: string): BootFacts | null {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof record !== 'object' || record === null) return null
  const fields = new Map<string, unknown>(Object.entries(record))
  const listed = fields.get('initramfsDevices')
  const devices = [fields.get('initramfsDevice'), ...(Array.isArray(listed) ? listed : [])]
  const handOverUs = fields.get('handOverUs')
  const keep = fields.get('keep')
  return {
    initramfsDevices: [...new Set(devices.filter((it): it is string => typeof it === 'string' && /^\d+$/.test(it)))].map(BigInt),
    handOverUs: typeof handOverUs === 'number' ? handOverUs : null,
    keep: typeof keep === 'string' ? keep : null,
  }
}

/** The record of this machine's boot by fulcrum, or null. */
export function readBootRecord(kernel: Pick<Kernel, 'readText'>): BootFacts | null {
  const text = attempt(() => kernel.readText(BOOT_RECORD))
  return text === null ? null : parseBootRecord(text)
}

/** The superblock of the rootfs below "/", however it is hidden; null without statmount(2), privilege, or a rootfs there. */
function concealedRootfs(kernel: Doors): bigint | null {
  return attempt(() => {
    let mount = kernel.statmount({ id: kernel.uniqueMountId('/') })
    for (let i = 0; i < MAX_PARENTS; i += 1) {
      if (mount.fstype === 'rootfs') return mount.dev
      if (mount.parentId === mount.id) return null
      mount = kernel.statmount({ id: mount.parentId })
    }
    return null
  })
}

function isBelow(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
}

/** Every file system of the initramfs that "/" is on: its own, and what is mounted in it and not carried over to `newRoot`. */
export function initramfsDevices(mounts: readonly Mount[], rootDev: bigint, newRoot = SYSROOT): bigint[] {
  const elsewhere = [...CARRIED_PREFIXES, newRoot]
  const lookup = mountLookup(mounts)
  const own = mounts.filter((m) => !isBelow(m.mountPoint, elsewhere) && lookup.containing(m.mountPoint) === m)
  return [...new Set([rootDev, ...own.map((m) => m.dev)])]
}

/** Devices of a root: the directory, its /usr, and other subvolumes of the same file system. */
function rootDevices(kernel: Doors, mounts: readonly Mount[], directory: string): Set<bigint> {
  const at = directory === '/' ? '' : directory
  const found = new Set<bigint>()
  const add = (path: string): void => {
    const dev = attempt(() => kernel.stat(path).dev)
    if (dev !== null) found.add(dev)
  }
  const top = directory === '/' ? rootMount(mounts) : topMountAt(mounts, directory)
  add(directory)
  add(`${at}/usr`)
  if (top === undefined) return found
  found.add(top.dev)
  for (const m of mounts) if (m.dev === top.dev && isBelow(m.mountPoint, [directory === '/' ? '' : directory]) && !isBelow(m.mountPoint, [ROOTFS_DIRECTORY])) add(m.mountPoint)
  return found
}

function memfdDevice(kernel: Doors): bigint | null {
  return attempt(() => {
    const fd = kernel.memfdCreate('fulcrum-device', MFD_CLOEXEC)
    try {
      return kernel.fstat(fd).dev
    } finally {
      kernel.close(fd)
    }
  })
}

/** Reads the context; `newRoot` is where the root is before the switch. Needs /proc; never throws for what is merely missing. */
export function readOriginContext(kernel: Doors, newRoot = SYSROOT): OriginContext {
  const mounts = readOwnMounts(kernel)
  const memfd = memfdDevice(kernel)
  const top = rootMount(mounts)
  const isInitramfs = top?.fstype === 'rootfs' || (top !== undefined && kernel.exists('/etc/initrd-release'))
  if (isInitramfs) {
    // After a return there is a record: the first initramfs may be another one than its copy that is "/" now.
    const initramfs = new Set([...initramfsDevices(mounts, kernel.stat('/').dev, newRoot), ...(readBootRecord(kernel)?.initramfsDevices ?? [])])
    const root = topMountAt(mounts, newRoot) === undefined ? new Set<bigint>() : rootDevices(kernel, mounts, newRoot)
    return { initramfs, root: withoutAny(root, initramfs), memfd, switched: { kind: 'not-yet' }, mayBeReused: false }
  }
  const record = readBootRecord(kernel)
  const initramfs = new Set(record?.initramfsDevices ?? [])
  const kept = topMountAt(mounts, ROOTFS_DIRECTORY)
  if (kept !== undefined) initramfs.add(kept.dev)
  if (initramfs.size === 0) {
    const concealed = concealedRootfs(kernel)
    if (concealed !== null) initramfs.add(concealed)
  }
  const us = record?.handOverUs ?? null
  const switched: SwitchTime = us === null ? { kind: 'unknown' } : { kind: 'at', us }
  const root = rootDevices(kernel, mounts, '/')
  return { initramfs, root: withoutAny(root, initramfs), memfd, switched, mayBeReused: record?.keep === 'none' && kept === undefined }
}

function withoutAny(all: ReadonlySet<bigint>, some: ReadonlySet<bigint>): Set<bigint> {
  return new Set([...all].filter((dev) => !some.has(dev)))
}
