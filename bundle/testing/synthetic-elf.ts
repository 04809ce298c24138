// A small made-up ELF file for the tests of the rewriting: one executable page, one read-only segment with a table
// of five pages in it, one writable segment behind, a symbol for the table, and debug data. It is never executed.
//
//   file offset   0x0000 headers (PT_PHDR with room for one more)   0x1000 .text   0x2000 .rodata, table at 0x2800
//                 0x8000 .data   0x8100 .comment, .symtab, .strtab, .shstrtab, section headers
//   memory        as the file, from 0x400000 on; .data one page further up

import {
  ELF_HEADER_SIZE,
  PF_R,
  PF_W,
  PF_X,
  PROGRAM_HEADER_SIZE,
  PT_LOAD,
  PT_PHDR,
  SECTION_HEADER_SIZE,
  SHF_ALLOC,
  SHT_STRTAB,
  SHT_SYMTAB,
  writeProgramHeader,
} from '../elf64.ts'
import type { ElfSymbol, ProgramHeader } from '../elf64.ts'

export const BASE = 0x400000
export const TABLE: ElfSymbol = { value: BASE + 0x2800, size: 5 * 4096 }

const SECTIONS: readonly (readonly [
  name: string,
  type: number,
  flags: bigint,
  offset: number,
  size: number,
  link: number,
])[] = [
  ['', 0, 0n, 0, 0, 0],
  ['.text', 1, SHF_ALLOC | 4n, 0x1000, 0x100, 0],
  ['.rodata', 1, SHF_ALLOC, 0x2000, 0x6000, 0],
  ['.data', 1, SHF_ALLOC | 1n, 0x8000, 0x100, 0],
  ['.comment', 1, 0n, 0x8100, 0x10, 0],
  ['.symtab', SHT_SYMTAB, 0n, 0x8110, 72, 6],
  ['.strtab', SHT_STRTAB, 0n, 0x8160, 0x20, 0],
  ['.shstrtab', SHT_STRTAB, 0n, 0x8180, 0x50, 0],
]

function load(flags: number, offset: number, size: number, vaddr = BASE + offset): ProgramHeader {
  return { type: PT_LOAD, flags, offset, vaddr, paddr: vaddr, filesz: size, memsz: size, align: 4096 }
}

export const PROGRAM_HEADERS: readonly ProgramHeader[] = [
  {
    type: PT_PHDR,
    flags: PF_R,
    offset: 64,
    vaddr: BASE + 64,
    paddr: BASE + 64,
    filesz: 0x200,
    memsz: 0x200,
    align: 8,
  },
  load(PF_R, 0, 0x1000),
  load(PF_R | PF_X, 0x1000, 0x1000),
  load(PF_R, 0x2000, 0x6000),
  load(PF_R | PF_W, 0x8000, 0x100, BASE + 0x9000),
]

/** Makes the file; every byte of .rodata and .data is a function of its address, so that a wrong move shows. */
export function syntheticElf(headers: readonly ProgramHeader[] = PROGRAM_HEADERS): Buffer {
  const shoff = 0x8200
  const out = Buffer.alloc(shoff + SECTIONS.length * SECTION_HEADER_SIZE)
  out.write('\x7fELF\x02\x01\x01', 0, 'latin1')
  out.writeUInt16LE(2, 16)
  out.writeUInt16LE(62, 18)
  out.writeUInt32LE(1, 20)
  out.writeBigUInt64LE(BigInt(BASE + 0x1000), 24)
  out.writeBigUInt64LE(BigInt(ELF_HEADER_SIZE), 32)
  out.writeBigUInt64LE(BigInt(shoff), 40)
  out.writeUInt16LE(ELF_HEADER_SIZE, 52)
  out.writeUInt16LE(PROGRAM_HEADER_SIZE, 54)
  out.writeUInt16LE(headers.length, 56)
  out.writeUInt16LE(SECTION_HEADER_SIZE, 58)
  out.writeUInt16LE(SECTIONS.length, 60)
  out.writeUInt16LE(SECTIONS.length - 1, 62)
  for (const [index, header] of headers.entries())
    writeProgramHeader(out, ELF_HEADER_SIZE + index * PROGRAM_HEADER_SIZE, header)
  for (let at = 0x2000; at < 0x8100; at += 4) out.writeUInt32LE(at, at)
  out.write('\0icudt99_dat\0main\0', 0x8160, 'latin1')
  out.writeUInt32LE(1, 0x8110 + 24)
  out.writeBigUInt64LE(BigInt(TABLE.value), 0x8110 + 32)
  out.writeBigUInt64LE(BigInt(TABLE.size), 0x8110 + 40)
  out.writeUInt32LE(13, 0x8110 + 48)
  let nameAt = 0
  for (const [index, [name, type, flags, offset, size, link]] of SECTIONS.entries()) {
    const at = shoff + index * SECTION_HEADER_SIZE
    out.write(`${name}\0`, 0x8180 + nameAt, 'latin1')
    out.writeUInt32LE(nameAt, at)
    out.writeUInt32LE(type, at + 4)
    out.writeBigUInt64LE(flags, at + 8)
    out.writeBigUInt64LE(BigInt((flags & SHF_ALLOC) === 0n ? 0 : BASE + offset), at + 16)
    out.writeBigUInt64LE(BigInt(offset), at + 24)
    out.writeBigUInt64LE(BigInt(size), at + 32)
    out.writeUInt32LE(link, at + 40)
    nameAt += name.length + 1
  }
  return out
}

/** What the loader would put at a memory address: file bytes, zero where the segment is longer than its file part. */
export function memoryAt(
  bytes: Buffer,
  headers: readonly ProgramHeader[],
  address: number,
): number | undefined {
  const segment = headers.find(
    (header) => header.type === PT_LOAD && address >= header.vaddr && address < header.vaddr + header.memsz,
  )
  if (segment === undefined) return undefined
  const within = address - segment.vaddr
  return within < segment.filesz ? bytes[segment.offset + within] : 0
}
