// The parts of a 64-bit little-endian ELF file that the packer has to rewrite: header, program headers,
// section headers and one look-up in the symbol table. It exists because the packed executable is made by
// editing Node's own binary (strip-elf.ts, remove-icu.ts) and no npm package rewrites ELF safely.
// Pure: bytes in, plain records out. Offsets and sizes are numbers: files over 2^53 bytes are refused.
// elf(5); /usr/include/elf.h for the constants, which keep their names.

export const PT_NULL = 0
export const PT_LOAD = 1
export const PT_INTERP = 3
export const PT_NOTE = 4
export const PT_PHDR = 6
export const PT_TLS = 7
export const PT_GNU_STACK = 0x6474e551
export const PT_GNU_RELRO = 0x6474e552
export const PF_X = 1
export const PF_W = 2
export const PF_R = 4
export const SHT_NULL = 0
export const SHT_SYMTAB = 2
export const SHT_STRTAB = 3
export const SHT_NOBITS = 8
export const SHF_ALLOC = 2n

export const ELF_HEADER_SIZE = 64
export const PROGRAM_HEADER_SIZE = 56
export const SECTION_HEADER_SIZE = 64
const SYMBOL_SIZE = 24

/** Elf64_Phdr. Addresses and sizes in bytes. */
export interface ProgramHeader {
  readonly type: number
  readonly flags: number
  readonly offset: number
  readonly vaddr: number
  readonly paddr: number
  readonly filesz: number
  readonly memsz: number
  readonly align: number
}

/** Elf64_Shdr, with its name looked up. */
export interface SectionHeader {
  readonly name: string
  readonly type: number
  readonly flags: bigint
  readonly addr: number
  readonly offset: number
  readonly size: number
  readonly link: number
  readonly info: number
  readonly addralign: number
  readonly entsize: number
}

export interface Elf64 {
  readonly phoff: number
  readonly programHeaders: readonly ProgramHeader[]
  /** Empty when the file has dropped its section headers. */
  readonly sections: readonly SectionHeader[]
}

/** What a symbol table says about one symbol: its address in memory and its size in bytes. */
export interface ElfSymbol {
  readonly value: number
  readonly size: number
}

/** The file is not what the packer can edit: wrong class, truncated, or inconsistent. */
export class ElfError extends Error {
  override readonly name = 'ElfError'
}

function u64(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ElfError(`Cannot read ELF file: value too large at offset '${at}'`)
  return Number(value)
}

function cString(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start)
  return bytes.toString('latin1', start, end < 0 ? bytes.length : end)
}

function readProgramHeader(bytes: Buffer, at: number): ProgramHeader {
  return {
    type: bytes.readUInt32LE(at),
    flags: bytes.readUInt32LE(at + 4),
    offset: u64(bytes, at + 8),
    vaddr: u64(bytes, at + 16),
    paddr: u64(bytes, at + 24),
    filesz: u64(bytes, at + 32),
    memsz: u64(bytes, at + 40),
    align: u64(bytes, at + 48),
  }
}

function readSections(bytes: Buffer, shoff: number, shnum: number, shstrndx: number): SectionHeader[] {
  const stringsHeader = shoff + shstrndx * SECTION_HEADER_SIZE
  const stringsAt = shnum > 0 ? u64(bytes, stringsHeader + 24) : 0
  return Array.from({ length: shnum }, (_, index) => {
    const at = shoff + index * SECTION_HEADER_SIZE
    return {
      name: cString(bytes, stringsAt + bytes.readUInt32LE(at)),
      type: bytes.readUInt32LE(at + 4),
      flags: bytes.readBigUInt64LE(at + 8),
      addr: u64(bytes, at + 16),
      offset: u64(bytes, at + 24),
      size: u64(bytes, at + 32),
      link: bytes.readUInt32LE(at + 40),
      info: bytes.readUInt32LE(at + 44),
      addralign: u64(bytes, at + 48),
      entsize: u64(bytes, at + 56),
    }
  })
}

/**
 * Reads the headers of a 64-bit little-endian ELF file.
 * Throws ElfError when it is something else or its tables lie outside the file.
 */
export function parseElf64(bytes: Buffer): Elf64 {
  if (bytes.length < ELF_HEADER_SIZE || bytes.readUInt32BE(0) !== 0x7f454c46)
    throw new ElfError('Cannot read ELF file: no ELF magic')
  if (bytes[4] !== 2 || bytes[5] !== 1) throw new ElfError('Cannot read ELF file: not 64-bit little-endian')
  const phoff = u64(bytes, 32)
  const shoff = u64(bytes, 40)
  const phnum = bytes.readUInt16LE(56)
  const shnum = shoff === 0 ? 0 : bytes.readUInt16LE(60)
  if (phnum > 0 && bytes.readUInt16LE(54) !== PROGRAM_HEADER_SIZE)
    throw new ElfError('Cannot read ELF file: odd e_phentsize')
  if (phoff + phnum * PROGRAM_HEADER_SIZE > bytes.length)
    throw new ElfError('Cannot read ELF file: program headers outside the file')
  if (shoff + shnum * SECTION_HEADER_SIZE > bytes.length)
    throw new ElfError('Cannot read ELF file: section headers outside the file')
  const programHeaders = Array.from({ length: phnum }, (_, i) =>
    readProgramHeader(bytes, phoff + i * PROGRAM_HEADER_SIZE),
  )
  return { phoff, programHeaders, sections: readSections(bytes, shoff, shnum, bytes.readUInt16LE(62)) }
}

/** Writes one Elf64_Phdr at byte offset `at`. */
export function writeProgramHeader(bytes: Buffer, at: number, header: ProgramHeader): void {
  bytes.writeUInt32LE(header.type, at)
  bytes.writeUInt32LE(header.flags, at + 4)
  bytes.writeBigUInt64LE(BigInt(header.offset), at + 8)
  bytes.writeBigUInt64LE(BigInt(header.vaddr), at + 16)
  bytes.writeBigUInt64LE(BigInt(header.paddr), at + 24)
  bytes.writeBigUInt64LE(BigInt(header.filesz), at + 32)
  bytes.writeBigUInt64LE(BigInt(header.memsz), at + 40)
  bytes.writeBigUInt64LE(BigInt(header.align), at + 48)
}

/**
 * Looks a symbol up by a test on its name, in .symtab. Exactly one symbol may match.
 * Throws ElfError when the file has no symbol table, no such symbol, or several.
 */
export function findSymbol(bytes: Buffer, elf: Elf64, matches: (name: string) => boolean): ElfSymbol {
  const table = elf.sections.find((section) => section.type === SHT_SYMTAB)
  const strings = table === undefined ? undefined : elf.sections[table.link]
  if (table === undefined || strings === undefined)
    throw new ElfError('Cannot look up symbol: no symbol table')
  const found: ElfSymbol[] = []
  for (let at = table.offset; at + SYMBOL_SIZE <= table.offset + table.size; at += SYMBOL_SIZE) {
    const size = u64(bytes, at + 16)
    if (size === 0) continue
    if (matches(cString(bytes, strings.offset + bytes.readUInt32LE(at))))
      found.push({ value: u64(bytes, at + 8), size })
  }
  const [symbol] = found
  if (symbol === undefined || found.length > 1)
    throw new ElfError(`Cannot look up symbol: '${found.length}' matches`)
  return symbol
}
