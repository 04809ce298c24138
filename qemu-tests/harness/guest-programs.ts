// Compiles the guests' own programs: static, so that they run in any root and as /init.
// Made at test time from the sources in qemu-tests/guest, kept in the cache under a hash of them.
// Man page: gcc(1).
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, makeAtomically } from '../../scripts/setup/cache.ts'
import { runTool } from '../../scripts/setup/run-tool.ts'

const SOURCES = {
  'conformance-init': ['conformance-init.c'],
  'conformance-stage': ['conformance-stage.c', 'conformance-root.c', 'conformance-observe.c', 'json.c'],
  'exec-target': ['exec-target.c'],
  'guest-init': ['guest-init.c', 'fingerprint.c', 'json.c'],
  'initramfs-sleeper': ['initramfs-sleeper.c'],
  'mount-count': ['mount-count.c'],
  'marker-reader': ['marker-reader.c'],
  'process-zoo': ['process-zoo.c'],
  'selftest-init': ['selftest-init.c'],
} as const

export type GuestProgram = keyof typeof SOURCES

/** Path of the compiled program in the cache. Needs Debian's gcc and libc6-dev. */
export function guestProgram(name: GuestProgram): string {
  const folder = join(import.meta.dirname, '..', 'guest')
  const hash = createHash('sha256').update(name)
  for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)))
  const path = join(cacheDirectory('guest'), `${name}-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(path)) return path
  const files = SOURCES[name].map((file) => join(folder, file))
  return makeAtomically(path, (temporary) => {
    runTool('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-Werror', '-o', temporary, ...files])
  })
}
