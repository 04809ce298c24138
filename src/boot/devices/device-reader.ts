// Reading the contents of one block device: superblock and partition table.
//
// The head of the device is read once and serves nearly every prober; the few reads beyond it go to
// the device one by one. Opened read-only, so that nothing is ever written and no uevent follows.

import { makeDev } from '../../facts/mountinfo.ts'
import type { DeviceContents, DeviceFacts } from '../../facts/block/block-device.ts'
import type { ReadAt } from '../../facts/block/bytes.ts'
import { parseGpt } from '../../facts/block/gpt.ts'
import { parseMbr } from '../../facts/block/mbr.ts'
import { headLength, probeSuperblock } from '../../facts/block/probe-superblock.ts'
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, S_IFBLK } from '../../abi/process.ts'
import { errorLine, isErrno, SyscallError } from '../../kernel/errors.ts'
import type { Fd } from '../../kernel/kernel.ts'
import type { DeviceKernel } from './device-kernel.ts'
import { logicalSectorSize } from './sysfs-block.ts'

/** Reads what is on a device. Never throws for a device that fails: see `error`. */
export function readContents(kernel: DeviceKernel, device: DeviceFacts): DeviceContents {
  if (device.sizeBytes === 0) return { superblock: null, table: null, error: null }
  try {
    const fd = openDevice(kernel, device)
    try {
      return probe(kernel, fd, device)
    } finally {
      kernel.close(fd)
    }
  } catch (error) {
    if (error instanceof SyscallError) return { superblock: null, table: null, error: errorLine(error), isBeingAdded: isErrno(error, 'ENXIO') }
    throw error
  }
}

/** Makes sure that /dev has a node for a device (a /dev without devtmpfs has none) and returns its path. */
export function ensureNode(kernel: DeviceKernel, device: Pick<DeviceFacts, 'name' | 'major' | 'minor'>): string {
  const path = `/dev/${device.name}`
  if (kernel.exists(path)) return path
  const slash = path.lastIndexOf('/')
  try {
    if (slash > '/dev'.length && !kernel.exists(path.slice(0, slash))) kernel.mkdir(path.slice(0, slash), 0o755)
    kernel.mknod(path, S_IFBLK | 0o600, makeDev(device.major, device.minor))
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
  return path
}

function openDevice(kernel: DeviceKernel, device: DeviceFacts): Fd {
  // O_NONBLOCK: a drive without medium answers at once instead of closing its tray and waiting.
  return kernel.open(ensureNode(kernel, device), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
}

function probe(kernel: DeviceKernel, fd: Fd, device: DeviceFacts): DeviceContents {
  const read = windowReader(kernel, fd, device.sizeBytes)
  const table = device.kind === 'disk' ? readTable(kernel, read, device) : null
  const superblock = probeSuperblock(read, device.sizeBytes, table === null)
  // A file system on the whole disk can leave room for a table (isohybrid images have both); but
  // what FAT and NTFS boot sectors hold there is no table.
  const isBootSector = superblock !== null && (superblock.type === 'vfat' || superblock.type === 'ntfs')
  return { superblock, table: isBootSector ? null : table, error: null }
}

function readTable(kernel: DeviceKernel, read: ReadAt, device: DeviceFacts): DeviceContents['table'] {
  const sectorSize = logicalSectorSize(kernel, device.name)
  return parseGpt(read, device.sizeBytes, sectorSize) ?? parseMbr(read, sectorSize)
}

/** Serves reads from the head where it can. A failing read throws; one beyond the device gives null. */
function windowReader(kernel: DeviceKernel, fd: Fd, sizeBytes: number): ReadAt {
  const head = readFully(kernel, fd, 0, Math.min(headLength, sizeBytes))
  return (offset, length) => {
    if (offset < 0 || length < 0 || offset + length > sizeBytes) return null
    if (offset + length <= head.length) return head.subarray(offset, offset + length)
    const bytes = readFully(kernel, fd, offset, length)
    return bytes.length < length ? null : bytes
  }
}

function readFully(kernel: DeviceKernel, fd: Fd, offset: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const count = kernel.read(fd, bytes.subarray(done), offset + done)
    if (count === 0) break
    done += count
  }
  return bytes.subarray(0, done)
}
