// The compressors by name: what --compress, --compress-modules and fulcrum.toml may say.
//
// Apart from the code that runs them, since the schema of the configuration file has to be pure.

export const compressorNames = ['zstd', 'lz4', 'gzip', 'xz', 'none'] as const
export type CompressorName = (typeof compressorNames)[number]

/** True when the name is one of a compressor. */
export function isCompressorName(name: string): name is CompressorName {
  return compressorNames.some(known => known === name)
}

/** What kernel modules can be compressed by, each by itself. */
export const moduleCompressorNames = ['zstd', 'none'] as const
export type ModuleCompressorName = (typeof moduleCompressorNames)[number]
