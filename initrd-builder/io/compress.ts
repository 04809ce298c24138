// Compresses a segment by a method that the kernel can undo, and knows which those are.
//
// zstd and gzip are in Node, lz4 is ours, only xz is run. The kernel wants xz with CRC32 and no other check,
// lz4 in its legacy frame. The default's reasons are in docs/image.md. See lib/decompress*.c.

import { promisify } from 'node:util'
import { constants, gzip, zstdCompress } from 'node:zlib'
import { BuilderError } from '../builder-error.ts'
import type { CompressorName } from '../compressor-names.ts'
import { compressLz4Threaded } from './lz4-legacy-writer.ts'
import { runFilter } from './tools.ts'

/** Which to take when none is asked for, best first. */
const preferred: readonly CompressorName[] = ['lz4', 'zstd', 'gzip', 'xz']

const kernelOptions: Readonly<Record<CompressorName, string | undefined>> = {
  zstd: 'CONFIG_RD_ZSTD', lz4: 'CONFIG_RD_LZ4', gzip: 'CONFIG_RD_GZIP', xz: 'CONFIG_RD_XZ', none: undefined,
}

/**
 * The compressor to use for a kernel with this configuration text, if it is known. One that was asked for
 * and that the kernel lacks is refused, as such an image cannot boot.
 */
export function chooseCompressor(asked: CompressorName | undefined, kernelConfig: string | undefined): CompressorName {
  const supported = (name: CompressorName): boolean => {
    const option = kernelOptions[name]
    return option === undefined || kernelConfig === undefined || kernelConfig.split('\n').includes(`${option}=y`)
  }
  if (asked === undefined) return preferred.find(supported) ?? 'none'
  if (!supported(asked)) {
    throw new BuilderError('refused', `Cannot compress by '${asked}': the kernel was built without ${kernelOptions[asked] ?? ''}`)
  }
  return asked
}

const gzipAsync = promisify(gzip)
const zstdAsync = promisify(zstdCompress)

/** Identifies the method for the cache: another value whenever the output could differ. */
export function compressorIdentity(name: CompressorName): string {
  const library = name === 'zstd' ? process.versions['zstd'] : name === 'gzip' ? process.versions['zlib'] : ''
  return `${name}:${library ?? ''}:4`
}

/** Compresses an archive. */
export async function compress(name: CompressorName, archive: Buffer): Promise<Buffer> {
  switch (name) {
    case 'none':
      return archive
    case 'gzip':
      // Node writes no name and no time into the header: the same bytes for the same input.
      return gzipAsync(archive, { level: 9 })
    case 'zstd':
      return zstdAsync(archive, { params: { [constants.ZSTD_c_compressionLevel]: 9 } })
    case 'xz':
      return runFilter('xz', ['--check=crc32', '--lzma2=dict=1MiB', '-T1', '-c'], [archive])
    case 'lz4':
      return compressLz4Threaded(archive)
  }
}
