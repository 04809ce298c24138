// /etc/fulcrum/image.json: what the builder tells PID 1 about its image.
//
// Missing or damaged is not fatal: an image made by hand boots with modules loaded by alias only.

import { errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

export interface ImageConfig {
  /** uname -r that the modules belong to; null when the image does not say. */
  readonly kernel: string | null
  /** Modules to load at start, in order. */
  readonly modules: readonly string[]
  readonly problem: string | null
}

export const IMAGE_CONFIG = '/etc/fulcrum/image.json'

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : []
}

/** Reads the file; every field has a usable value whatever is in it. */
export function readImageConfig(kernel: Pick<Kernel, 'readText'>): ImageConfig {
  try {
    const parsed: unknown = JSON.parse(kernel.readText(IMAGE_CONFIG))
    if (typeof parsed !== 'object' || parsed === null) throw new Error('not an object')
    const release = 'kernel' in parsed && typeof parsed.kernel === 'string' ? parsed.kernel : null
    return { kernel: release, modules: strings('modules' in parsed ? parsed.modules : []), problem: null }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { kernel: null, modules: [], problem: null }
    return { kernel: null, modules: [], problem: `Cannot read '${IMAGE_CONFIG}': ${errorLine(error)}, ignoring` }
  }
}
