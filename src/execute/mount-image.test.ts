// A file as a file system: which calls, the layout of the configuration, and nothing left open on failure.

import t from 'tap'
import { BLKRASET, O_RDWR } from '../abi/process.ts'
import { SyscallError } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd } from '../kernel/kernel.ts'
import { mountImage } from './mount-image.ts'

const EBUSY = 16
const EIO = 5

/** Records calls; `configure` and `mount` fail with these errnos, one after the other, 0 for success. */
function machine(errnos: { readonly configure?: number[]; readonly mount?: number[] } = {}) {
  const log: string[] = []
  const opened = new Set<number>()
  let next = 10
  let free = 3
  const failing = (list: number[] | undefined, call: string): void => {
    const errno = list?.shift() ?? 0
    if (errno !== 0) throw new SyscallError(call, [], errno)
  }
  return {
    log, opened,
    open: (path: string, flags: number): Fd => {
      const fd = next++
      opened.add(fd)
      log.push(`${fd} = open ${path}${flags === O_RDWR ? ' rw' : ''}`)
      return toFd(fd)
    },
    close: (fd: Fd): void => { opened.delete(fd) },
    ioctl: (fd: Fd, request: number, argument: number | Uint8Array): number => {
      log.push(`ioctl ${fd} 0x${request.toString(16)}`)
      if (request === BLKRASET) return 0
      if (typeof argument === 'number') return free++
      failing(errnos.configure, 'ioctl')
      const view = new DataView(argument.buffer)
      log.push(`${argument.length} bytes, fd ${view.getUint32(0, true)}, flags ${view.getUint32(60, true)}, ${new TextDecoder().decode(argument.subarray(64, 76))}`)
      return 0
    },
    mount: (source: string, target: string, fstype: string | null, flags: number): void => {
      failing(errnos.mount, 'mount')
      log.push(`mount ${source} ${target} ${fstype} ${flags}`)
    },
  }
}

t.test('a free device, its file, the mount; then the device is let go of', async (t) => {
  const m = machine()
  t.equal(mountImage(m, '/lib/kept.img', '/run/x', 'squashfs'), '/dev/loop3')
  t.strictSame(m.log, [
    '10 = open /lib/kept.img', '11 = open /dev/loop-control rw', 'ioctl 11 0x4c82', '12 = open /dev/loop3', 'ioctl 12 0x4c0a',
    '304 bytes, fd 10, flags 5, /lib/kept.im', 'ioctl 12 0x1262', 'mount /dev/loop3 /run/x squashfs 1',
  ])
  t.equal(m.opened.size, 0)
})

t.test('a device that somebody else took is passed over; any other failure is one', async (t) => {
  const taken = machine({ configure: [EBUSY, EBUSY] })
  t.equal(mountImage(taken, '/f', '/x', 'squashfs'), '/dev/loop5')
  for (const errnos of [{ configure: [EIO] }, { mount: [EIO] }, { configure: Array<number>(20).fill(EBUSY) }]) {
    const m = machine(errnos)
    t.throws(() => mountImage(m, '/f', '/x', 'squashfs'), SyscallError)
    t.equal(m.opened.size, 0, 'nothing stays open')
  }
})
