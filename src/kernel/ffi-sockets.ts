// Sockets by the C library: netlink (uevents, rtnetlink) and the question whether somebody listens.
//
// Node has no netlink, and its TCP needs the event loop, which PID 1 does not run.
// socket(2), bind(2), connect(2), getsockopt(2), netlink(7), ip(7), ipv6(7).

import { AF_NETLINK, O_CLOEXEC, O_NONBLOCK, SOCK_DGRAM } from '../abi/process.ts'
import { SyscallError, type SyscallArg } from './errors.ts'
import type { Libc } from './ffi-libc.ts'
import { toFd } from './fd.ts'
import type { Fd } from './fd.ts'
import { raw } from './syscall-arg.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SO_ERROR = 4
const POLLOUT = 4
const EINPROGRESS = 115
const ETIMEDOUT = 110

/** Opens a netlink socket that reads without waiting, bound to these groups. */
export function openNetlinkSocket(libc: Libc, protocol: number, groups: number): Fd {
  const fd = libc.call('socket', 'int socket(int, int, int)', [AF_NETLINK, SOCK_DGRAM | O_CLOEXEC | O_NONBLOCK, protocol], [raw('AF_NETLINK')])
  const address = Buffer.alloc(12) // struct sockaddr_nl: family u16, pad u16, pid u32, groups u32
  address.writeUInt16LE(AF_NETLINK, 0)
  address.writeUInt32LE(groups, 8)
  libc.call('bind', 'int bind(int, const void *, unsigned int)', [fd, address, address.length], [fd, raw('sockaddr_nl')])
  return toFd(fd)
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(address: Uint8Array, port: number): Buffer {
  const bytes = Buffer.alloc(address.length === 4 ? 16 : 28)
  bytes.writeUInt16LE(address.length === 4 ? AF_INET : AF_INET6, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(address, address.length === 4 ? 4 : 8)
  return bytes
}

/** See Kernel.probeTcp. */
export function probeTcp(libc: Libc, address: Uint8Array, port: number, timeoutMs: number): void {
  const family = address.length === 4 ? AF_INET : AF_INET6
  const fd = libc.call('socket', 'int socket(int, int, int)', [family, SOCK_STREAM | O_CLOEXEC | O_NONBLOCK, 0], [raw(family === AF_INET ? 'AF_INET' : 'AF_INET6')])
  const shown: readonly SyscallArg[] = [fd, port]
  try {
    const to = socketAddress(address, port)
    try {
      libc.call('connect', 'int connect(int, const void *, unsigned int)', [fd, to, to.length], shown)
      return
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== EINPROGRESS) throw error
    }
    const pollfd = Buffer.alloc(8) // struct pollfd: fd i32, events i16, revents i16
    pollfd.writeInt32LE(fd, 0)
    pollfd.writeInt16LE(POLLOUT, 4)
    if (libc.raw('int poll(void *, unsigned long, int)', pollfd, 1, timeoutMs) !== 1) throw new SyscallError('connect', shown, ETIMEDOUT)
    const value = Buffer.alloc(4)
    const length = Buffer.from([4, 0, 0, 0])
    libc.call('getsockopt', 'int getsockopt(int, int, int, void *, void *)', [fd, SOL_SOCKET, SO_ERROR, value, length], [fd, raw('SO_ERROR')])
    if (value.readInt32LE(0) !== 0) throw new SyscallError('connect', shown, value.readInt32LE(0))
  } finally {
    libc.raw('int close(int)', fd)
  }
}
