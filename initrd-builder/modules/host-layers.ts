// Which features for layers (verity, overlay, live, resume) an image for this machine needs.
//
// Pure: what the machine has is handed in. From what lies below the root that runs now, and from the command line
// that it was booted with: both say what the next boot will have to do.

import { wordsOf } from '../../src/facts/cmdline.ts'
import type { CommandLine } from '../../src/facts/cmdline.ts'

/** What is looked at. */
export interface LayerHost {
  readonly commandLine: CommandLine
  /** Type of the file system at "/". */
  readonly rootType: string
  /** UUIDs of the mapped devices below "/" and "/usr" (/sys/block/dm-N/dm/uuid), and names of the block devices there ('loop0'). */
  readonly mapperUuids: readonly string[]
  readonly deviceNames: readonly string[]
  /** First column of /proc/swaps. */
  readonly swaps: readonly string[]
}

/** Names of features.ts. */
export function layerFeatures({ commandLine, rootType, mapperUuids, deviceNames, swaps }: LayerHost): string[] {
  const has = (...keys: readonly string[]): boolean => wordsOf(commandLine, ...keys).length > 0
  const isLive = wordsOf(commandLine, 'root').some(({ value }) => value?.startsWith('live:') === true)
  return [
    ...(has('roothash', 'usrhash') || mapperUuids.some((uuid) => uuid.startsWith('CRYPT-VERITY-')) ? ['verity'] : []),
    ...(rootType === 'overlay' || has('overlay', 'rd.overlay', 'rd.overlayfs', 'rd.live.overlay', 'overlayroot') ? ['overlay'] : []),
    ...(isLive || deviceNames.some((name) => /^loop\d/.test(name)) ? ['live'] : []),
    // Compressed swap in memory holds no image.
    ...(has('resume') || swaps.some((path) => !/\/zram\d+$/.test(path)) ? ['resume'] : []),
  ]
}
