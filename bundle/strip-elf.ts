// Drops symbol tables and debug data from an executable: what strip(1) of binutils does, in 40 lines, so that
// packing needs no Debian package and the result does not depend on the version of binutils.
// It has to run before the SEA blob is injected: an injected executable that is stripped afterwards crashes.
// Pure: bytes in, bytes out. elf(5), strip(1).

import {
  ELF_HEADER_SIZE,
  ElfError,
  PT_LOAD,
  SECTION_HEADER_SIZE,
  SHF_ALLOC,
  SHT_NOBITS,
  SHT_NULL,
  SHT_STRTAB,
  parseElf64,
} from './elf64.ts'
import type { SectionHeader } from './elf64.ts'

function writeSectionHeader(bytes: Buffer, at: number, section: SectionHeader, nameOffset: number): void {
  bytes.writeUInt32LE(nameOffset, at)
  bytes.writeUInt32LE(section.type, at + 4)
  bytes.writeBigUInt64LE(section.flags, at + 8)
  bytes.writeBigUInt64LE(BigInt(section.addr), at + 16)
  bytes.writeBigUInt64LE(BigInt(section.offset), at + 24)
  bytes.writeBigUInt64LE(BigInt(section.size), at + 32)
  bytes.writeUInt32LE(section.link, at + 40)
  bytes.writeUInt32LE(section.info, at + 44)
  bytes.writeBigUInt64LE(BigInt(section.addralign), at + 48)
  bytes.writeBigUInt64LE(BigInt(section.entsize), at + 56)
}

/**
 * Returns a copy of an executable without everything that is not loaded into memory.
 * The loaded sections must come first in the section table and in the file (linkers lay them out so);
 * ElfError otherwise, because offsets in the loaded part would have to move.
 */
export function stripElf(bytes: Buffer): Buffer {
  const elf = parseElf64(bytes)
  const isLoaded = (section: SectionHeader) => section.type === SHT_NULL || (section.flags & SHF_ALLOC) !== 0n
  const firstUnloaded = elf.sections.findIndex((section) => !isLoaded(section))
  if (firstUnloaded < 0) throw new ElfError('Cannot strip ELF file: no section to drop')
  const kept = elf.sections.slice(0, firstUnloaded)
  const dropped = elf.sections.slice(firstUnloaded)
  if (dropped.some(isLoaded)) throw new ElfError('Cannot strip ELF file: loaded sections after unloaded ones')
  if (kept.some((section) => section.link >= firstUnloaded))
    throw new ElfError('Cannot strip ELF file: a loaded section links to a dropped one')

  const endOfLoaded = Math.max(
    elf.phoff,
    ...elf.programHeaders
      .filter((header) => header.type === PT_LOAD)
      .map((header) => header.offset + header.filesz),
    ...kept.filter((section) => section.type !== SHT_NOBITS).map((section) => section.offset + section.size),
  )
  if (dropped.some((section) => section.offset < endOfLoaded))
    throw new ElfError('Cannot strip ELF file: dropped sections inside the loaded part')

  const names = [...kept.map((section) => section.name), '.shstrtab']
  const strings = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1')
  const shoff = Math.ceil((endOfLoaded + strings.length) / 8) * 8
  const out = Buffer.alloc(shoff + names.length * SECTION_HEADER_SIZE)
  bytes.copy(out, 0, 0, endOfLoaded)
  strings.copy(out, endOfLoaded)
  const stringTable: SectionHeader = {
    name: '.shstrtab',
    type: SHT_STRTAB,
    flags: 0n,
    addr: 0,
    offset: endOfLoaded,
    size: strings.length,
    link: 0,
    info: 0,
    addralign: 1,
    entsize: 0,
  }
  const nameOffsets = names.map((_, index) =>
    names.slice(0, index).reduce((sum, name) => sum + name.length + 1, 0),
  )
  for (const [index, section] of [...kept, stringTable].entries()) {
    writeSectionHeader(out, shoff + index * SECTION_HEADER_SIZE, section, nameOffsets[index] ?? 0)
  }
  out.writeBigUInt64LE(BigInt(shoff), 40)
  out.writeUInt16LE(ELF_HEADER_SIZE, 52)
  out.writeUInt16LE(SECTION_HEADER_SIZE, 58)
  out.writeUInt16LE(names.length, 60)
  out.writeUInt16LE(names.length - 1, 62)
  return out
}
