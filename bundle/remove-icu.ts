// Cuts a page-aligned range out of the file of an executable and leaves zero-filled memory in its place.
// It exists for the 33 MB ICU table inside Node: an initramfs does not sort by locale, and unpacked it would cost
// a third of the RAM and of the size. What needs ICU fails afterwards; without-icu.ts turns that into a clear error.
// It runs after the SEA blob was injected, because postject would lay the file out anew.
// Pure: bytes in, bytes out. elf(5); the kernel maps the hole in fs/binfmt_elf.c (a segment with p_memsz > p_filesz).

import {
  ElfError,
  PF_W,
  PROGRAM_HEADER_SIZE,
  PT_LOAD,
  PT_PHDR,
  parseElf64,
  writeProgramHeader,
} from './elf64.ts'
import type { Elf64, ElfSymbol, ProgramHeader } from './elf64.ts'

const PAGE_SIZE = 4096

/** The name of ICU's data table: icudt78_dat in Node 22.23. */
export function isIcuDataSymbol(name: string): boolean {
  return /^icudt\d+_dat$/.test(name)
}

/**
 * Splitting a segment needs one more program header. LIEF (inside postject) moves the table into a hole of its own
 * making and lets PT_PHDR cover the whole hole, so there is room behind the last entry.
 */
function requireRoomForOneHeader(elf: Elf64, bytes: Buffer): void {
  const end = elf.phoff + elf.programHeaders.length * PROGRAM_HEADER_SIZE
  const hole = elf.programHeaders.find((header) => header.type === PT_PHDR && header.offset === elf.phoff)
  const isInHole = hole !== undefined && end + PROGRAM_HEADER_SIZE <= hole.offset + hole.filesz
  if (!isInHole || bytes.subarray(end, end + PROGRAM_HEADER_SIZE).some((byte) => byte !== 0)) {
    throw new ElfError('Cannot remove range: no room for another program header')
  }
}

/**
 * Returns a copy of an executable without the file bytes of `range`, rounded inwards to whole pages.
 * The range has to lie in one read-only segment. Memory addresses do not change; reading the range gives zeroes.
 * The section headers are dropped: nothing that loads the file reads them, and they would have to be split too.
 */
export function removeRange(bytes: Buffer, range: ElfSymbol): Buffer {
  const elf = parseElf64(bytes)
  const low = Math.ceil(range.value / PAGE_SIZE) * PAGE_SIZE
  const high = Math.floor((range.value + range.size) / PAGE_SIZE) * PAGE_SIZE
  const removed = high - low
  if (removed <= 0) throw new ElfError('Cannot remove range: less than a page')
  const load = elf.programHeaders.find(
    (header) =>
      header.type === PT_LOAD &&
      range.value >= header.vaddr &&
      range.value + range.size <= header.vaddr + header.filesz,
  )
  if (load === undefined) throw new ElfError('Cannot remove range: not inside one loaded segment')
  if ((load.flags & PF_W) !== 0) throw new ElfError('Cannot remove range: the segment is writable')
  const cut = load.offset + (low - load.vaddr)
  if (elf.phoff > cut) throw new ElfError('Cannot remove range: program headers behind it')

  const first: ProgramHeader = { ...load, filesz: low - load.vaddr, memsz: high - load.vaddr }
  const second: ProgramHeader = {
    ...load,
    offset: cut + removed,
    vaddr: high,
    paddr: high,
    filesz: load.vaddr + load.filesz - high,
    memsz: load.vaddr + load.memsz - high,
  }
  const straddles = (header: ProgramHeader) =>
    header !== load && header.offset < cut + removed && header.offset + header.filesz > cut
  if (elf.programHeaders.some(straddles))
    throw new ElfError('Cannot remove range: another program header covers it')
  requireRoomForOneHeader(elf, bytes)
  const headers = elf.programHeaders
    .flatMap((header) => (header === load ? [first, second] : [header]))
    .map((header) =>
      header.offset >= cut + removed ? { ...header, offset: header.offset - removed } : header,
    )
  for (const header of headers) {
    if (header.type === PT_LOAD && header.align > 1 && (header.vaddr - header.offset) % header.align !== 0) {
      throw new ElfError('Cannot remove range: a segment would lose its alignment')
    }
  }

  const out = Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + removed)])
  for (const [index, header] of headers.entries())
    writeProgramHeader(out, elf.phoff + index * PROGRAM_HEADER_SIZE, header)
  out.writeUInt16LE(headers.length, 56)
  out.writeBigUInt64LE(0n, 40)
  out.writeUInt16LE(0, 60)
  out.writeUInt16LE(0, 62)
  return out
}
