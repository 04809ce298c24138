// Makes a file system and its mount by fsopen(2), fsconfig(2) and fsmount(2), attached nowhere.
//
// The context of a file system says in words why it will not be made; the words are put behind the error.

import { attempt } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { placeKind } from './places.ts'
import type { FsSettings } from '../plan/replace-step.ts'

/** Longest value that fsconfig(2) takes. */
const VALUE_BYTES = 255

type Pairs = readonly (readonly [key: string, value: string | null])[]

/** What the context has to say, without the letters e, w and i in front. */
function messages(kernel: Kernel, context: Fd): string {
  const lines: string[] = []
  const buffer = new Uint8Array(4096)
  for (let i = 0; i < 16; i += 1) {
    const count = attempt(() => kernel.read(context, buffer, null))
    if (count === null || count === 0) break
    lines.push(new TextDecoder().decode(buffer.subarray(0, count)).trim().replace(/^[ewi] /, ''))
  }
  return lines.join('; ')
}

/** Returns the mount. Throws SyscallError, or Error with the words of the kernel. */
export function makeFs(kernel: Kernel, fstype: string, first: Pairs, settings: FsSettings): Fd {
  const context = kernel.fsopen(fstype)
  try {
    for (const [key, value] of first) kernel.fsconfig(context, key, value)
    for (const flag of settings.flags) kernel.fsconfig(context, flag, null)
    for (const [key, value] of settings.data) kernel.fsconfig(context, key, value)
    return kernel.fsmount(context, settings.attributes)
  } catch (error) {
    const why = messages(kernel, context)
    if (why === '' || !(error instanceof Error)) throw error
    throw new Error(`${error.message}: ${why}`, { cause: error })
  } finally {
    kernel.close(context)
  }
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
