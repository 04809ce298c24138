// Trimming the dynamic symbols: the loader finds those that stay, Node runs and loads an addon, other files are refused.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { gnuHash, makeHashTable } from './dynamic-table.ts'
import { ElfError } from './elf64.ts'
import { prepareNode } from './prepare-node.ts'
import { koffiAddon, pinnedNode } from './project.ts'
import { syntheticElf } from './testing/synthetic-elf.ts'
import { isWantedSymbol, trimSymbols } from './trim-symbols.ts'

/** As glibc's do_lookup_x goes about it: the position in the table of symbols, or undefined. */
function lookUp(table: Buffer, names: readonly string[], name: string): number | undefined {
  const [buckets = 0, first = 0, words = 0, shift = 0] = [0, 4, 8, 12].map((at) => table.readUInt32LE(at))
  const hash = gnuHash(Buffer.from(name))
  const word = table.readBigUInt64LE(16 + (Math.floor(hash / 64) & (words - 1)) * 8)
  if (((word >> BigInt(hash & 63)) & (word >> BigInt((hash >>> shift) & 63)) & 1n) === 0n) return undefined
  const chain = 16 + words * 8 + buckets * 4
  let index = table.readUInt32LE(16 + words * 8 + (hash % buckets) * 4)
  if (index === 0) return undefined
  for (;; index++) {
    const entry = table.readUInt32LE(chain + (index - first) * 4)
    if (((entry ^ hash) >>> 1) === 0 && names[index - first] === name) return index
    if ((entry & 1) === 1) return undefined
  }
}

t.test('every name is found by its hash, and no other', async (t) => {
  t.equal(gnuHash(Buffer.from('printf')), 0x156b2bb8)
  for (const count of [0, 1, 2, 5, 1000]) {
    const names = Array.from({ length: count }, (_, i) => `name_${i * 7919}`)
    const { bytes, order } = makeHashTable(names.map((name) => Buffer.from(name)), 3)
    const ordered = order.map((position) => names[position] ?? '')
    t.same([...order].sort((a, b) => a - b), [...names.keys()])
    t.same(ordered.filter((name, i) => lookUp(bytes, ordered, name) !== i + 3), [], `${count} names`)
    t.same(Array.from({ length: 200 }, (_, i) => `other_${i}`).filter((name) => lookUp(bytes, ordered, name) !== undefined), [])
  }
})

t.test('what stays: Node-API and what the C++ library shares', async (t) => {
  for (const name of ['napi_create_object', 'uv_close', '_Znwm', '_ZdlPvm', '_ZNSt6vectorIiSaIiEE', '_ZTVN10__cxxabiv117__class_type_infoE', '_ZTISt9exception', '_ZNKSs4sizeEv']) {
    t.ok(isWantedSymbol(name), name)
  }
  for (const name of ['_ZN2v87Isolate3NewEv', 'SSL_new', 'sqlite3_open', '_ZN4node5StartEv', '_ZTVN4node7EnvironmentE']) t.notOk(isWantedSymbol(name), name)
})

t.test('the pinned Node runs and loads the addon without the others', async (t) => {
  const bytes = fs.readFileSync(prepareNode(pinnedNode).strippedNode)
  // As after the removal of ICU.
  bytes.writeBigUInt64LE(0n, 40)
  bytes.writeUInt16LE(0, 60)
  const trimmed = trimSymbols(bytes, isWantedSymbol)
  t.ok(trimmed.length < bytes.length - 9e6, `${bytes.length - trimmed.length} bytes less`)
  const program = path.join(t.testdir(), 'node')
  fs.writeFileSync(program, trimmed, { mode: 0o755 })
  const script = `const addon = { exports: {} }; process.dlopen(addon, ${JSON.stringify(koffiAddon)}); console.log(process.version, typeof addon.exports.load)`
  const { stdout, stderr } = spawnSync(program, ['-e', script], { encoding: 'utf8' })
  t.match(stdout, /^v22\.\S+ function\n$/, stderr)
  const none = trimSymbols(bytes, () => false)
  fs.writeFileSync(program, none)
  t.match(spawnSync(program, ['-e', script], { encoding: 'utf8' }).stderr, /undefined symbol: napi_/, 'they are what the addon asks for')
})

t.test('a file that is something else is refused', async (t) => {
  t.throws(() => trimSymbols(syntheticElf(), isWantedSymbol), ElfError)
})
