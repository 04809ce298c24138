// A BoundedCall as ordinary calls of a Kernel: what it means when nobody watches the clock.
//
// The model kernel's own way, and the way of a test. Man pages: mount(2), umount2(2), syncfs(2), swapoff(2).

import { O_DIRECTORY, O_RDONLY, O_WRONLY } from '../abi/process.ts'
import type { BoundedCall, Kernel } from './kernel.ts'

/** Makes the call on this thread. Throws its SyscallError. */
export function makeCall(kernel: Pick<Kernel, 'mount' | 'umount2' | 'sync' | 'syncfs' | 'statfs' | 'swapoff' | 'open' | 'close' | 'ioctl' | 'write'>, call: BoundedCall): void {
  const opened = (path: string, flags: number, act: (fd: ReturnType<Kernel['open']>) => void): void => {
    const fd = kernel.open(path, flags)
    try {
      act(fd)
    } finally {
      kernel.close(fd)
    }
  }
  switch (call.call) {
    case 'mount': return kernel.mount(call.source, call.target, call.fstype, call.flags, call.data)
    case 'umount2': return kernel.umount2(call.target, call.flags)
    case 'sync': return kernel.sync()
    case 'syncfs': return opened(call.path, O_RDONLY | O_DIRECTORY, (fd) => kernel.syncfs(fd))
    case 'statfs': return void kernel.statfs(call.path)
    case 'swapoff': return kernel.swapoff(call.path)
    case 'ioctl': return opened(call.path, call.open, (fd) => void kernel.ioctl(fd, call.request, call.argument))
    case 'write': return opened(call.path, O_WRONLY, (fd) => kernel.write(fd, call.data))
  }
}
