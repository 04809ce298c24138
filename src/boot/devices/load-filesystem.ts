// loadFilesystem: makes sure that the kernel can mount a type.
//
// The kernel would ask modprobe(8) for 'fs-TYPE', which an image need not have. Some file systems ask
// for more at mount time (character sets, checksums): those are loaded beforehand for the same reason.
// See filesystems(5), request_module() in fs/filesystems.c.

import { readTextIfThere, type DeviceKernel } from './device-kernel.ts'
import type { ModuleLoader } from './module-loader.ts'

/** What is asked for by name while mounting and no dependency or softdep tells. Absent ones may be built in or not needed. */
const mountTimeModules: Readonly<Record<string, readonly string[]>> = {
  vfat: ['nls_cp437', 'nls_ascii', 'nls_iso8859_1', 'nls_utf8'],
  exfat: ['nls_utf8'],
  iso9660: ['nls_iso8859_1', 'nls_utf8'],
  f2fs: ['crypto-crc32'],
  '9p': ['9pnet_virtio'],
}

/** Drivers whose name for mount(2) is not blkid's TYPE. */
const driversOfType: Readonly<Record<string, readonly string[]>> = {
  ntfs: ['ntfs3', 'ntfs'],
  ext2: ['ext4', 'ext2'],
  ext3: ['ext4', 'ext3'],
}

/** Names to hand to mount(2) for blkid's type, the likeliest first: 'ext3' is mounted by ext4's driver under its own name. */
export function mountTypes(type: string): readonly string[] {
  return type === 'ntfs' ? ['ntfs3', 'ntfs'] : [type]
}

/** Loads what `type` needs. Returns null when the kernel knows the type afterwards, else why not. */
export function loadFilesystem(kernel: DeviceKernel, loader: ModuleLoader, type: string): string | null {
  let failures: string[] = []
  if (!isKnown(kernel, type)) {
    for (const driver of driversOfType[type] ?? [type]) {
      const lines = loader.load([`fs-${driver}`])
      failures = lines.length === 0 ? [] : [...failures, ...loader.load([driver])]
      if (mountTypes(type).some(name => isKnown(kernel, name))) break
    }
  }
  if (!mountTypes(type).some(name => isKnown(kernel, name))) {
    const why = failures[0] ?? 'it is not in this image'
    return `Cannot mount file systems of type '${type}': the kernel does not know it, and ${lowerFirst(why)}`
  }
  // Failures here show at the mount, if they matter.
  loader.loadIfThere(mountTimeModules[type] ?? [])
  return null
}

/** The types that the kernel knows now, those without a device ('nodev') included. */
export function knownFilesystems(kernel: DeviceKernel): string[] {
  const text = readTextIfThere(kernel, '/proc/filesystems') ?? ''
  return text.split('\n').map(line => line.slice(line.indexOf('\t') + 1)).filter(name => name !== '')
}

function isKnown(kernel: DeviceKernel, type: string): boolean {
  return knownFilesystems(kernel).includes(type)
}

const lowerFirst = (text: string): string => (text.startsWith('Cannot') ? `fulcrum ${text.replace('Cannot', 'cannot')}` : text)
