// UeventMonitor: the kernel's uevents as they come, from a netlink socket.
//
// To be opened before the first look at the devices: what appears after the look is then an event.
// When the kernel had to drop events (ENOBUFS) everything has to be looked at again. netlink(7).

import { parseUevent, type Uevent } from '../../facts/block/uevent.ts'
import { isErrno } from '../../kernel/errors.ts'
import type { DeviceKernel } from './device-kernel.ts'

/** The kernel's UEVENT_BUFFER_SIZE is 2048; the devpath and action stand before it. */
const packetBytes = 8192

export interface UeventBatch {
  readonly events: readonly Uevent[]
  /** True when events were lost: the state has to be read anew. */
  readonly lost: boolean
}

export interface UeventMonitor {
  /** Waits at most `timeoutMs` (0: not at all) and returns all events that are there. */
  next(timeoutMs: number): UeventBatch
  close(): void
}

export function openUeventMonitor(kernel: DeviceKernel): UeventMonitor {
  const fd = kernel.openUeventSocket()
  const buffer = Buffer.alloc(packetBytes)

  /** Polls; a signal (SIGCHLD) ends the wait early, which is no event. */
  const isReadable = (timeoutMs: number): boolean => {
    try {
      return kernel.poll([fd], timeoutMs).some(result => result.revents !== 0)
    } catch (error) {
      if (isErrno(error, 'EINTR')) return false
      throw error
    }
  }

  return {
    next(timeoutMs) {
      const events: Uevent[] = []
      let lost = false
      for (let wait = timeoutMs; isReadable(wait); wait = 0) {
        try {
          const event = parseUevent(buffer.subarray(0, kernel.read(fd, buffer, null)))
          if (event !== null) events.push(event)
        } catch (error) {
          if (isErrno(error, 'ENOBUFS')) lost = true
          else if (!isErrno(error, 'EAGAIN', 'EINTR')) throw error
        }
      }
      return { events, lost }
    },
    close: () => kernel.close(fd),
  }
}
