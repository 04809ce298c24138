// registerBtrfsMembers: tells the kernel of each device of a btrfs that has several.
//
// udev does this with 'btrfs device scan' or its builtin; without it mount(2) knows one device and
// fails with ENOENT. Source: include/uapi/linux/btrfs.h (BTRFS_IOC_SCAN_DEV).

import { O_CLOEXEC, O_RDWR } from '../../abi/process.ts'
import type { BlockDevice } from '../../facts/block/block-device.ts'
import type { DeviceKernel } from './device-kernel.ts'

/** _IOW(0x94, 4, struct btrfs_ioctl_vol_args), whose 4096 bytes are a 64-bit fd and a name. */
const BTRFS_IOC_SCAN_DEV = 0x50009404
const argumentBytes = 4096
const nameAt = 8

/** To be called after the module is there. Throws SyscallError; does nothing for a single device. */
export function registerBtrfsMembers(kernel: DeviceKernel, members: readonly BlockDevice[]): void {
  if (members.length < 2) return
  const fd = kernel.open('/dev/btrfs-control', O_RDWR | O_CLOEXEC)
  try {
    for (const member of members) {
      const argument = Buffer.alloc(argumentBytes)
      argument.write(member.path, nameAt, 'utf8')
      kernel.ioctl(fd, BTRFS_IOC_SCAN_DEV, argument)
    }
  } finally {
    kernel.close(fd)
  }
}
