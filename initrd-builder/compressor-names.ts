// The compressors by name, apart from the code that runs them, for what must be pure.

export const compressorNames = ['zstd', 'lz4', 'gzip', 'xz', 'none'] as const
export type CompressorName = (typeof compressorNames)[number]

/** True when the name is one of a compressor. */
export function isCompressorName(name: string): name is CompressorName {
  return compressorNames.some(known => known === name)
}
