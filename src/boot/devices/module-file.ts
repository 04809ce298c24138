// insertModule: one module file into the kernel, compressed or not.
//
// finit_module(2) takes a compressed file only when the kernel was built with MODULE_DECOMPRESS and for the one
// format chosen there (/sys/module/compression, since Linux 5.17; given another, it writes an error to the log); else
// it is decompressed here into a memfd. node:zlib is loaded for that alone, since its first use costs PID 1 some ms.

import type * as Zlib from 'node:zlib'
import { MFD_CLOEXEC, MODULE_INIT_COMPRESSED_FILE, O_CLOEXEC, O_RDONLY } from '../../abi/process.ts'
import { isErrno } from '../../kernel/errors.ts'
import type { Fd } from '../../kernel/kernel.ts'
import { moduleCompression } from '../../kmod/module-name.ts'
import { readTextIfThere, type DeviceKernel } from './device-kernel.ts'

/** What a kernel says that cannot decompress a module, or not this format; ENOEXEC when it took it for an ELF file. */
const cannotDecompress = ['EOPNOTSUPP', 'EINVAL', 'ENOEXEC', 'ENOSYS'] as const

/** As /sys/module/compression names them. */
const kernelNames = { gz: 'gzip', xz: 'xz', zst: 'zstd' } as const

/**
 * Loads the module file at `path` with `parameters`. A module that is there already is fine.
 * Throws SyscallError, or Error for a compression that nobody here can undo.
 */
export function insertModule(kernel: DeviceKernel, path: string, parameters: string): void {
  const compression = moduleCompression(path)
  if (compression === 'none') return insertFile(kernel, path, parameters, 0)
  if (takes(kernel, compression)) {
    try {
      return insertFile(kernel, path, parameters, MODULE_INIT_COMPRESSED_FILE)
    } catch (error) {
      if (!isErrno(error, ...cannotDecompress)) throw error
    }
  }
  if (compression === 'xz') {
    throw new Error(`Cannot decompress module '${path}': the kernel does not (MODULE_DECOMPRESS) and xz is not supported here`)
  }
  insertBytes(kernel, path, parameters, decompress(kernel.readFile(path), compression))
}

/** Whether the kernel may decompress this. xz is tried where it does not say, as nobody here could do it instead. */
function takes(kernel: DeviceKernel, compression: keyof typeof kernelNames): boolean {
  const own = readTextIfThere(kernel, '/sys/module/compression')
  return own === null ? compression === 'xz' : own === kernelNames[compression]
}

function insertFile(kernel: DeviceKernel, path: string, parameters: string, flags: number): void {
  const fd = kernel.open(path, O_RDONLY | O_CLOEXEC)
  try {
    insert(kernel, fd, parameters, flags)
  } finally {
    kernel.close(fd)
  }
}

function insertBytes(kernel: DeviceKernel, path: string, parameters: string, bytes: Uint8Array): void {
  const writer = kernel.memfdCreate(path.slice(path.lastIndexOf('/') + 1), MFD_CLOEXEC)
  let reader: Fd
  try {
    kernel.write(writer, bytes)
    // The kernel refuses (ETXTBSY) a file that anybody has open for writing.
    reader = kernel.open(`/proc/self/fd/${writer}`, O_RDONLY | O_CLOEXEC)
  } finally {
    kernel.close(writer)
  }
  try {
    insert(kernel, reader, parameters, 0)
  } finally {
    kernel.close(reader)
  }
}

function insert(kernel: DeviceKernel, fd: Fd, parameters: string, flags: number): void {
  try {
    kernel.finitModule(fd, parameters, flags)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
}

function decompress(bytes: Uint8Array, compression: 'gz' | 'zst'): Uint8Array {
  const zlib: typeof Zlib = process.getBuiltinModule('node:zlib')
  // In few pieces: modules pack to a quarter at most, and each piece is copied once more.
  const chunkSize = Math.max(65536, bytes.length * 5)
  return compression === 'gz' ? zlib.gunzipSync(bytes, { chunkSize }) : zlib.zstdDecompressSync(bytes, { chunkSize })
}
