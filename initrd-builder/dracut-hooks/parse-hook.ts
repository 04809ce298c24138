// Parser of `--hook POINT:PRIORITY:FILE`: a hook written for dracut, where it runs and when.
//
// Used for the flag and for fulcrum.toml, so that both mean the same. See fulcrum-build(1), dracut.modules(7).

import { BuilderError } from '../builder-error.ts'
import type { HookOption } from '../options.ts'

/** The points at which hooks run, in dracut's words. */
export const hookPoints = [
  'cmdline', 'pre-udev', 'pre-trigger', 'netroot', 'initqueue', 'initqueue/settled', 'initqueue/online', 'initqueue/finished', 'initqueue/timeout',
  'pre-mount', 'mount', 'pre-pivot', 'cleanup', 'emergency', 'shutdown-emergency', 'pre-shutdown', 'shutdown',
] as const

/** Throws BuilderError, of the usage kind. */
export function parseHook(text: string): HookOption {
  const [, point = '', priority = '', source = ''] = /^([^:]*):([^:]*):(.+)$/s.exec(text) ?? []
  const bad = (why: string): BuilderError => new BuilderError('usage', `Cannot use hook '${text}': ${why}`)
  if (source === '') throw bad('expected POINT:PRIORITY:FILE, for instance pre-mount:50:unlock.sh')
  if (!hookPoints.some((one) => one === point)) throw bad(`there is no point '${point}', there are '${hookPoints.join("', '")}'`)
  if (!/^\d{1,3}$/.test(priority)) throw bad(`the priority '${priority}' is no number of two digits`)
  if (!source.endsWith('.sh')) throw bad("only files whose name ends in '.sh' run as hooks")
  return { point, priority: priority.padStart(2, '0'), source }
}
