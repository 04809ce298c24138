// The model's devices: what devtmpfs holds and what lies on a disk.
//
// Enough for mount(2) of a root to succeed, or to fail in each way that a boot has to explain.

import { S_IFBLK } from '../../abi/process.ts'
import { Errno } from './errno.ts'
import { addEntry, charDevice, createSuperBlock, populate, type SuperBlock } from './vfs.ts'

/** A block device. */
export interface Disk {
  readonly major: number
  readonly minor: number
  /** What is on it; null for nothing that can be mounted. */
  readonly sb: SuperBlock | null
  /** What reading the device gives, for probing. */
  readonly data?: Uint8Array
  /** The mount fails with EUCLEAN. */
  readonly corrupt?: boolean
  /** Writing is refused: mounting without MS_RDONLY is EACCES. */
  readonly writeProtected?: boolean
}

/** The one devtmpfs, with the devices that every machine has. */
export function createDevtmpfs(dev: bigint): SuperBlock {
  const sb = createSuperBlock('devtmpfs', dev, 'devtmpfs')
  populate(sb, {
    '/console': charDevice(5, 1),
    '/tty': charDevice(5, 0, 0o666),
    '/null': charDevice(1, 3, 0o666),
    '/kmsg': charDevice(1, 11, 0o644),
  })
  return sb
}

/** Makes the node of a disk. */
export function addBlockNode(devtmpfs: SuperBlock, name: string, dev: bigint): void {
  addEntry(devtmpfs.root, name, S_IFBLK | 0o660, { kind: 'special' }, dev)
}

/** What mount(2) finds behind a block device node. ENXIO, EINVAL, EUCLEAN, EACCES as the kernel says. */
export function superBlockOn(disk: Disk | undefined, fstype: string, readOnly: boolean): SuperBlock {
  if (disk === undefined) throw new Errno('ENXIO')
  if (disk.writeProtected === true && !readOnly) throw new Errno('EACCES')
  if (disk.sb === null || disk.sb.fstype !== fstype) throw new Errno('EINVAL')
  if (disk.corrupt === true) throw new Errno('EUCLEAN')
  return disk.sb
}
