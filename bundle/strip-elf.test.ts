// Stripping: what is loaded stays bit for bit, what is not is gone, and Node still runs afterwards.

import { spawnSync } from 'node:child_process'
import t from 'tap'
import { ElfError, parseElf64 } from './elf64.ts'
import { prepareNode } from './prepare-node.ts'
import { pinnedNode } from './project.ts'
import { stripElf } from './strip-elf.ts'
import { syntheticElf } from './testing/synthetic-elf.ts'

t.test('the loaded part stays, the rest goes', async (t) => {
  const before = syntheticElf()
  const after = stripElf(before)
  const elf = parseElf64(after)
  t.same(elf.sections.map((section) => section.name), ['', '.text', '.rodata', '.data', '.shstrtab'])
  t.same(elf.programHeaders, parseElf64(before).programHeaders)
  t.ok(after.subarray(64, 0x8100).equals(before.subarray(64, 0x8100)))
  t.notOk(after.includes('icudt99_dat'))
  t.same(elf.sections[2], parseElf64(before).sections[2])
})

t.test('stripping twice changes nothing more', async (t) => {
  const once = stripElf(syntheticElf())
  t.ok(stripElf(once).equals(once))
})

t.test('a file without sections is refused', async (t) => {
  const bytes = syntheticElf()
  bytes.writeBigUInt64LE(0n, 40)
  t.throws(() => stripElf(bytes), new ElfError('Cannot strip ELF file: no section to drop'))
})

t.test('the pinned Node, stripped, runs, and its ICU table is known', async (t) => {
  const { strippedNode, icu } = prepareNode(pinnedNode)
  const version = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' }).stdout
  t.equal(spawnSync(strippedNode, ['--version'], { encoding: 'utf8' }).stdout, version)
  t.ok(icu.size > 25e6, `${icu.size} bytes`)
})
