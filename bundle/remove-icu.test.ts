// Cutting a table out of an executable: memory is the same but for the hole, and what cannot be cut is refused.

import t from 'tap'
import { ElfError, PF_R, PF_W, PT_NOTE, PT_PHDR, findSymbol, parseElf64 } from './elf64.ts'
import { isIcuDataSymbol, removeRange } from './remove-icu.ts'
import { BASE, PROGRAM_HEADERS, TABLE, memoryAt, syntheticElf } from './testing/synthetic-elf.ts'

const HOLE_LOW = BASE + 0x3000
const HOLE_HIGH = BASE + 0x7000

t.test('memory is the same everywhere but in the hole', async (t) => {
  const before = syntheticElf()
  const after = removeRange(before, TABLE)
  t.equal(before.length - after.length, HOLE_HIGH - HOLE_LOW)
  const { programHeaders, sections, phoff } = parseElf64(after)
  t.same(sections, [])
  t.equal(programHeaders.length, PROGRAM_HEADERS.length + 1)
  const wrong: number[] = []
  for (let address = BASE + 0x1000; address < BASE + 0x9100; address += 1) {
    const isHole = address >= HOLE_LOW && address < HOLE_HIGH
    const expected = isHole ? 0 : memoryAt(before, PROGRAM_HEADERS, address)
    if (memoryAt(after, programHeaders, address) !== expected) wrong.push(address)
  }
  t.same(wrong, [])
  t.equal(phoff, 64)
  for (const header of programHeaders) {
    t.ok(
      header.align <= 1 || (header.vaddr - header.offset) % header.align === 0 || header.type === PT_PHDR,
      'offsets stay congruent',
    )
    t.ok(header.offset + header.filesz <= after.length, 'inside the file')
  }
})

t.test('headers that would be harmed are refused', async (t) => {
  const noRoom = PROGRAM_HEADERS.map((header) =>
    header.type === PT_PHDR ? { ...header, filesz: PROGRAM_HEADERS.length * 56 } : header,
  )
  t.throws(
    () => removeRange(syntheticElf(noRoom), TABLE),
    new ElfError('Cannot remove range: no room for another program header'),
  )
  const inTheWay = [
    ...PROGRAM_HEADERS,
    {
      type: PT_NOTE,
      flags: PF_R,
      offset: 0x3100,
      vaddr: BASE + 0x3100,
      paddr: 0,
      filesz: 0x40,
      memsz: 0x40,
      align: 4,
    },
  ]
  t.throws(
    () => removeRange(syntheticElf(inTheWay), TABLE),
    new ElfError('Cannot remove range: another program header covers it'),
  )
  const writable = PROGRAM_HEADERS.map((header) =>
    header.offset === 0x2000 ? { ...header, flags: PF_R | PF_W } : header,
  )
  t.throws(
    () => removeRange(syntheticElf(writable), TABLE),
    new ElfError('Cannot remove range: the segment is writable'),
  )
})

t.test('ranges that are not there are refused', async (t) => {
  t.throws(
    () => removeRange(syntheticElf(), { value: BASE + 0x7800, size: 0x3000 }),
    new ElfError('Cannot remove range: not inside one loaded segment'),
  )
  t.throws(
    () => removeRange(syntheticElf(), { value: BASE + 0x2800, size: 0x900 }),
    new ElfError('Cannot remove range: less than a page'),
  )
})

t.test('the table is found by its symbol', async (t) => {
  const bytes = syntheticElf()
  t.same(findSymbol(bytes, parseElf64(bytes), isIcuDataSymbol), TABLE)
  t.throws(
    () => findSymbol(bytes, parseElf64(bytes), () => false),
    new ElfError("Cannot look up symbol: '0' matches"),
  )
  t.equal(isIcuDataSymbol('icudt78_dat'), true)
  t.equal(isIcuDataSymbol('icudt78_dat_copy'), false)
})

t.test('what is no ELF file is refused', async (t) => {
  t.throws(
    () => parseElf64(Buffer.from('#!/bin/sh\n'.repeat(20))),
    new ElfError('Cannot read ELF file: no ELF magic'),
  )
  t.throws(() => parseElf64(syntheticElf().subarray(0, 100)), ElfError)
  t.throws(() => parseElf64(syntheticElf().subarray(0, 0x8100)), ElfError)
})
