// Copies the image of a live medium to memory, and says how far it is: from a stick that is minutes.
//
// By read and write: what lies on the medium need not be in the page cache twice, but there is no call that
// copies between two file systems without it either.

import { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } from '../../abi/process.ts'
import type { BootState } from '../boot-state.ts'

const CHUNK_BYTES = 4 << 20
const TELL_US = 2_000_000n
const MEMORY_RESERVE = 64n << 20n

const mib = (bytes: bigint): string => `${bytes >> 20n} MiB`

/** Throws Error when there is not enough memory, SyscallError when the medium cannot be read. */
export function copyToMemory(state: Pick<BootState, 'kernel' | 'log' | 'trace'>, from: string, to: string, bytes: bigint): void {
  const { kernel, log, trace } = state
  const available = BigInt(/^MemAvailable:\s*(\d+) kB/m.exec(kernel.readText('/proc/meminfo'))?.[1] ?? '0') << 10n
  if (bytes + MEMORY_RESERVE > available) {
    throw new Error(`Cannot copy '${from}' to memory: it is ${mib(bytes)}, and ${mib(available)} of memory are free; boot without rd.live.ram=1`)
  }
  trace.measure('copy', from, () => {
    const source = kernel.open(from, O_RDONLY)
    try {
      const target = kernel.open(to, O_WRONLY | O_CREAT | O_TRUNC, 0o400)
      try {
        const buffer = new Uint8Array(CHUNK_BYTES)
        let done = 0n
        let told = kernel.monotonicUs()
        while (done < bytes) {
          const got = kernel.read(source, buffer, null)
          if (got === 0) throw new Error(`Cannot copy '${from}' to memory: it ends after ${done} of ${bytes} bytes`)
          kernel.write(target, buffer.subarray(0, got))
          done += BigInt(got)
          if (kernel.monotonicUs() - told < TELL_US) continue
          told = kernel.monotonicUs()
          log.warn(`copying the image to memory: ${mib(done)} of ${mib(bytes)}`)
        }
      } finally {
        kernel.close(target)
      }
    } finally {
      kernel.close(source)
    }
  })
}
