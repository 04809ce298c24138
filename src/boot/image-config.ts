// /etc/fulcrum/image.json: what the builder tells PID 1 about its image.
//
// Missing or damaged is not fatal: an image made by hand boots with modules loaded by alias only.

import { errorLine, isErrno } from '../kernel/errors.ts'
import { keeps } from '../facts/switch-types.ts'
import type { Keep } from '../facts/switch-types.ts'
import type { Kernel } from '../kernel/kernel.ts'

export interface ImageConfig {
  /** uname -r that the modules belong to; null when the image does not say. */
  readonly kernel: string | null
  /** Modules to load at start, in order. */
  readonly modules: readonly string[]
  /** How the image wants to be kept where the command line does not say; null: by engine. */
  readonly keep: Keep | null
  /** The program whose init this image has ('initramfs-tools'): switch_root and run-init then do what our own boot does at the switch. */
  readonly standInFor: string | null
  /** What the machine that it was built on resumes from, where the command line does not say; null: nothing. */
  readonly resume: { readonly spec: string; readonly offsetPages: number } | null
  /** Files to be overwritten before the hand-over: absolute paths in the image. */
  readonly secrets: readonly string[]
  readonly problem: string | null
  /** False when the builder's last file is missing though the image is ours: the kernel did not unpack all. */
  readonly isWhole: boolean
}

export const IMAGE_CONFIG = '/etc/fulcrum/image.json'
/** First file of an image of our builder (in the constant segment), and its very last one. */
const IMAGE_BEGIN = '/etc/fulcrum/image.begin'
const IMAGE_END = '/etc/fulcrum/image.end'

const NOTHING = { kernel: null, modules: [], keep: null, standInFor: null, resume: null, secrets: [] }

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : []
}

function readResume(value: unknown): ImageConfig['resume'] {
  if (typeof value !== 'object' || value === null || !('spec' in value) || typeof value.spec !== 'string') return null
  const offset = 'offsetPages' in value ? value.offsetPages : 0
  return { spec: value.spec, offsetPages: typeof offset === 'number' && Number.isSafeInteger(offset) && offset > 0 ? offset : 0 }
}

/** Reads the file; every field has a usable value whatever is in it. */
export function readImageConfig(kernel: Pick<Kernel, 'readText' | 'exists'>): ImageConfig {
  const isWhole = !kernel.exists(IMAGE_BEGIN) || kernel.exists(IMAGE_END)
  try {
    const parsed: unknown = JSON.parse(kernel.readText(IMAGE_CONFIG))
    if (typeof parsed !== 'object' || parsed === null) throw new Error('not an object')
    const release = 'kernel' in parsed && typeof parsed.kernel === 'string' ? parsed.kernel : null
    return {
      kernel: release,
      modules: strings('modules' in parsed ? parsed.modules : []),
      keep: keeps.find((keep) => 'keep' in parsed && keep === parsed.keep) ?? null,
      standInFor: 'standInFor' in parsed && typeof parsed.standInFor === 'string' ? parsed.standInFor : null,
      resume: readResume('resume' in parsed ? parsed.resume : null),
      secrets: strings('secrets' in parsed ? parsed.secrets : []),
      problem: null,
      isWhole,
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { ...NOTHING, problem: null, isWhole }
    return { ...NOTHING, problem: `Cannot read '${IMAGE_CONFIG}': ${errorLine(error)}, ignoring`, isWhole }
  }
}
