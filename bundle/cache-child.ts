// Makes V8's code cache of a bundle that is wrapped, in a process of its own because the seed of V8's hash tables, which
// decides the bytes, is a flag of the process (see pkg-child.ts). With 'rehearse' the program is run, see there.
// usage: cache-child.ts BUNDLE OUT [rehearse]

import fs from 'node:fs'
import path from 'node:path'
import vm from 'node:vm'

/** Where a cache has the hash of V8's flags, which are to be the same when it is used. */
const FLAG_HASH = [12, 16] as const

async function makeCache(file: string, isRehearsed: boolean): Promise<Buffer> {
  // Not latin1: a long text would be outside of V8's heap, and the cache different each time.
  const script = new vm.Script(fs.readFileSync(file, 'utf8'), { filename: path.basename(file) })
  const plain = script.createCachedData()
  if (!isRehearsed) return plain
  const { rehearsedCache } = await import('./rehearse.ts')
  // Loading it changes the hash of the flags.
  const { default: v8 } = await import('node:v8')
  // The optimizing compiler runs beside the program, and leaves traces at random times. Bytecode is the same without it.
  v8.setFlagsFromString('--no-opt')
  const cache = rehearsedCache(script)
  plain.copy(cache, FLAG_HASH[0], ...FLAG_HASH)
  return cache
}

const [bundle, out, how] = process.argv.slice(2)
if (bundle === undefined || out === undefined) throw new Error('usage: cache-child.ts BUNDLE OUT [rehearse]')
fs.writeFileSync(out, await makeCache(bundle, how === 'rehearse'))
