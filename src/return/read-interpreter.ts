// The dynamic loader that an ELF program names, read from wherever in the file it says so.
//
// facts/executable.ts looks at the first page, which is enough for most; a packed fulcrum has its program headers
// behind its code.  elf(5).

import { O_RDONLY } from '../abi/process.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

const PT_INTERP = 3
const HEADER_BYTES = 64
const MAX_HEADERS_BYTES = 65_536
/** PATH_MAX. */
const MAX_PATH = 4096

type Doors = Pick<Kernel, 'open' | 'read' | 'close'>

function bytesAt(kernel: Doors, fd: Fd, position: number, length: number): DataView {
  const bytes = new Uint8Array(length)
  return new DataView(bytes.buffer, 0, kernel.read(fd, bytes, position))
}

function find(kernel: Doors, fd: Fd): string | null {
  const header = bytesAt(kernel, fd, 0, HEADER_BYTES)
  // Both that fulcrum is made for are 64 bit and little endian.
  if (header.byteLength < HEADER_BYTES || header.getUint32(0, true) !== 0x464c457f || header.getUint8(4) !== 2 || header.getUint8(5) !== 1) return null
  const size = header.getUint16(54, true)
  const total = size * header.getUint16(56, true)
  if (size < 56 || total > MAX_HEADERS_BYTES) return null
  const headers = bytesAt(kernel, fd, Number(header.getBigUint64(32, true)), total)
  for (let at = 0; at + size <= headers.byteLength; at += size) {
    if (headers.getUint32(at, true) !== PT_INTERP) continue
    const length = Number(headers.getBigUint64(at + 32, true))
    if (length > MAX_PATH) return null
    const path = bytesAt(kernel, fd, Number(headers.getBigUint64(at + 8, true)), length)
    return Buffer.from(path.buffer, 0, path.byteLength).toString().replace(/\0.*$/, '')
  }
  return null
}

/** Its path, or null for a static program and for what is none. Throws SyscallError when it cannot be read. */
export function readInterpreter(kernel: Doors, path: string): string | null {
  const fd = kernel.open(path, O_RDONLY)
  try {
    return find(kernel, fd)
  } finally {
    kernel.close(fd)
  }
}
