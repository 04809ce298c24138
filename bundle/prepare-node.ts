// Makes the two things that packing needs of the pinned Node: its stripped executable, and where in memory its ICU
// table lies (known only before stripping). Both are cached by the hash of Node's executable.

import fs from 'node:fs'
import path from 'node:path'
import { cacheDirectory } from '../scripts/setup/cache.ts'
import { findSymbol, parseElf64 } from './elf64.ts'
import type { ElfSymbol } from './elf64.ts'
import { sha256, writeAtomically } from './output-file.ts'
import { isIcuDataSymbol } from './remove-icu.ts'
import { stripElf } from './strip-elf.ts'

/** Raised when strip-elf.ts changes what it writes, so that an old cache is not used. */
const STRIP_FORMAT = '1'

export interface PreparedNode {
  /** Path of the stripped executable, in the cache. */
  readonly strippedNode: string
  readonly icu: ElfSymbol
}

function readIcuRange(file: string): ElfSymbol {
  const parsed: unknown = JSON.parse(fs.readFileSync(file, 'utf8'))
  if (typeof parsed === 'object' && parsed !== null && 'value' in parsed && 'size' in parsed) {
    const { value, size } = parsed
    if (typeof value === 'number' && typeof size === 'number') return { value, size }
  }
  throw new Error(`Cannot read ICU range in '${file}': unexpected content`)
}

/** Path of the cached file `name`, which has to contain a hash of all that `make` depends on; made when missing. */
function cached(name: string, mode: number, make: () => string | Buffer): string {
  const file = path.join(cacheDirectory('node'), name)
  if (!fs.existsSync(file)) writeAtomically(file, make(), mode)
  return file
}

/** Strips the Node executable at `node` and finds its ICU table. */
export function prepareNode(node: string): PreparedNode {
  const bytes = fs.readFileSync(node)
  const key = sha256(STRIP_FORMAT, bytes).slice(0, 24)
  const strippedNode = cached(`${key}.stripped`, 0o755, () => stripElf(bytes))
  const icu = cached(`${key}.icu.json`, 0o644, () =>
    JSON.stringify(findSymbol(bytes, parseElf64(bytes), isIcuDataSymbol)),
  )
  return { strippedNode, icu: readIcuRange(icu) }
}
