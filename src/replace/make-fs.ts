// What a plan says of a new file system, made: attached nowhere.
//
// Overlays get their layers as descriptors, so that no path of them can change meanwhile.  fsconfig(2)

import type { Fd, Kernel } from '../kernel/kernel.ts'
import { newMount } from '../kernel/new-mount.ts'
import { placeKind } from './places.ts'
import type { FsSettings } from '../plan/replace-step.ts'

/** Longest value that fsconfig(2) takes. */
const VALUE_BYTES = 255

type Pairs = readonly (readonly [key: string, value: string | null])[]

/** Returns the mount. Throws SyscallError. */
export function makeFs(kernel: Kernel, fstype: string, first: Pairs, settings: FsSettings): Fd {
  return newMount(kernel, fstype, [...first, ...settings.flags.map((flag) => [flag, null] as const), ...settings.data], settings.attributes)
}

/**
 * The layers of an overlay, the first on top, the base last; of a layer that has the directory `inside` that one. Links on
 * the way there are not followed: they lead elsewhere.
 */
export function overlayLayers(kernel: Kernel, layers: readonly Fd[], inside: string): Pairs {
  const paths = layers.map((fd, i) => {
    const root = `/proc/self/fd/${fd}`
    const has = i < layers.length - 1 && placeKind(kernel, fd, inside.slice(1)) === 'directory'
    return has ? `${root}${inside.replaceAll(/[\\:,]/g, (c) => `\\${c}`)}` : root
  })
  const all = paths.join(':')
  // One by one since Linux 6.7.
  const lower: Pairs = all.length <= VALUE_BYTES ? [['lowerdir', all]] : paths.map((path) => ['lowerdir+', path])
  return [['source', 'overlay'], ...lower]
}
