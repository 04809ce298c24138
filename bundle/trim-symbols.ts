// Drops from an executable the dynamic symbols that nobody will ask it for: Node exports all of V8 and OpenSSL to addons,
// ninety thousand names, 10.7 MB of the file. fulcrum loads one addon, which uses Node-API and the C++ library.
// The tables are made anew behind the file's header, and header and tables move up to where the rest begins, so that
// no segment has to be split and everything that code refers to stays at its address. Pure: bytes in, bytes out. elf(5).

import { ElfError, PT_LOAD, PT_PHDR, parseElf64, writeProgramHeader } from './elf64.ts'
import {
  DT_GNU_HASH, DT_HASH, DT_JMPREL, DT_NEEDED, DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB,
  DT_SYMTAB, DT_VERDEF, DT_VERNEED, DT_VERSYM, dynamicValue, makeHashTable, offsetOf, readDynamic,
} from './dynamic-table.ts'

const PAGE_SIZE = 4096
const SYMBOL_SIZE = 24
const RELA_SIZE = 24
const R_X86_64_COPY = 5

interface DynamicSymbol {
  readonly index: number
  readonly name: Buffer
  readonly isDefined: boolean
  readonly value: bigint
}

/** What addons by Node-API and the C++ library (templates, operators, run-time types) may have in common with Node. */
export function isWantedSymbol(name: string): boolean {
  return /^(napi_|node_api_|uv_|__libc_|in6addr_|_Z(n|d)|_Z(T[A-Z]|G[A-Z])?(N?K?)S|_ZTVN10__cxxabiv)/.test(name)
}

/** Returns the executable without the dynamic symbols that `isWanted` does not name and no relocation refers to. */
export function trimSymbols(bytes: Buffer, isWanted: (name: string) => boolean): Buffer {
  const elf = parseElf64(bytes)
  const dynamic = readDynamic(bytes, elf)
  const at = (tag: number): number => offsetOf(elf, dynamicValue(dynamic, tag))
  const [hash, symbols, strings, versions, needs] = [at(DT_GNU_HASH), at(DT_SYMTAB), at(DT_STRTAB), at(DT_VERSYM), at(DT_VERNEED)]
  if (!(hash < symbols && symbols < strings && strings < versions && versions < needs)) throw new ElfError('Cannot trim symbols: tables in an odd order')
  if (dynamic.some(({ tag }) => tag === DT_HASH || tag === DT_VERDEF)) throw new ElfError('Cannot trim symbols: tables that are not known')
  const load = elf.programHeaders.find(({ type, offset }) => type === PT_LOAD && offset === 0)
  if (load === undefined || load.align > PAGE_SIZE || needs > load.filesz || elf.sections.length > 0 || (elf.phoff > hash && elf.phoff < needs)) {
    throw new ElfError('Cannot trim symbols: the file is laid out otherwise')
  }

  const relocations = relocationOffsets([[at(DT_RELA), dynamicValue(dynamic, DT_RELASZ)], [at(DT_JMPREL), dynamicValue(dynamic, DT_PLTRELSZ)]])
  const symbolOf = (relocation: number): number => bytes.readUInt32LE(relocation + 12)
  const all = readSymbols(bytes, symbols, strings)
  const copied = new Set(relocations.filter((offset) => bytes.readUInt32LE(offset + 8) === R_X86_64_COPY).map((offset) => all[symbolOf(offset)]?.value))
  const referred = new Set(relocations.map(symbolOf))
  // A variable of a library that the executable has a copy of can have several names.
  const isKept = ({ index, name, isDefined, value }: DynamicSymbol): boolean =>
    !isDefined || referred.has(index) || copied.has(value) || isWanted(name.toString('latin1'))
  const unhashedBefore = bytes.readUInt32LE(hash + 4)
  const kept = all.filter(isKept)
  const unhashed = kept.filter(({ index }) => index < unhashedBefore)
  const rest = kept.filter(({ index }) => index >= unhashedBefore)
  const table = makeHashTable(rest.map(({ name }) => name), unhashed.length)
  const ordered = [...unhashed, ...table.order.flatMap((position) => rest[position] ?? [])]

  const pool = makeStrings()
  const symbolTable = Buffer.concat(ordered.map(({ index, name }) => {
    const entry = Buffer.from(bytes.subarray(symbols + index * SYMBOL_SIZE, symbols + (index + 1) * SYMBOL_SIZE))
    entry.writeUInt32LE(pool.add(name), 0)
    return entry
  }))
  const versionTable = Buffer.concat(ordered.map(({ index }) => bytes.subarray(versions + index * 2, versions + index * 2 + 2)))
  const out = Buffer.from(bytes)
  const moveString = (offset: number): void => {
    out.writeUInt32LE(pool.add(stringAt(bytes, strings + bytes.readUInt32LE(offset))), offset)
  }
  for (const { tag, at: offset } of dynamic) if ([DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH].includes(tag)) moveString(offset)
  for (const offset of versionNames(bytes, needs)) moveString(offset)
  const places = new Map(ordered.map(({ index }, place) => [index, place]))
  for (const offset of relocations) out.writeUInt32LE(places.get(symbolOf(offset)) ?? 0, offset + 12)

  const begin = Math.ceil(hash / 8) * 8
  const tables = [[DT_GNU_HASH, table.bytes], [DT_SYMTAB, symbolTable], [DT_VERSYM, versionTable], [DT_STRTAB, pool.bytes()]] as const
  const starts = tables.map((_, i) => tables.slice(0, i).reduce((sum, [, data]) => sum + Math.ceil(data.length / 8) * 8, begin))
  const end = tables.reduce((sum, [, data]) => sum + Math.ceil(data.length / 8) * 8, begin)
  const removed = Math.floor((needs - end) / PAGE_SIZE) * PAGE_SIZE
  if (removed <= 0) throw new ElfError('Cannot trim symbols: nothing to gain')
  out.fill(0, begin, needs)
  for (const [i, [tag, data]] of tables.entries()) {
    data.copy(out, starts[i] ?? 0)
    for (const entry of dynamic) if (entry.tag === tag) out.writeBigUInt64LE(BigInt(load.vaddr + removed + (starts[i] ?? 0)), entry.at)
  }
  for (const entry of dynamic) if (entry.tag === DT_STRSZ) out.writeBigUInt64LE(BigInt(pool.bytes().length), entry.at)
  return moveUp(out, needs, removed)
}

/** Takes out `removed` bytes before `cut`, what is before them moves up in memory, what is behind stays there. */
function moveUp(bytes: Buffer, cut: number, removed: number): Buffer {
  const elf = parseElf64(bytes)
  const phoff = elf.phoff >= cut ? elf.phoff - removed : elf.phoff
  const out = Buffer.concat([bytes.subarray(0, cut - removed), bytes.subarray(cut)])
  out.writeBigUInt64LE(BigInt(phoff), 32)
  for (const [index, header] of elf.programHeaders.entries()) {
    const isFirst = header.type === PT_LOAD && header.offset === 0
    const isBefore = header.filesz > 0 && header.offset < cut
    const moved = { ...header, vaddr: header.vaddr + removed, paddr: header.paddr + removed }
    const place = isFirst ? { ...moved, filesz: header.filesz - removed, memsz: header.memsz - removed }
      : isBefore ? moved : header.filesz === 0 && header.type !== PT_PHDR ? header : { ...header, offset: header.offset - removed }
    writeProgramHeader(out, phoff + index * 56, place)
  }
  return out
}

function relocationOffsets(tables: readonly (readonly [start: number, size: number])[]): number[] {
  return tables.flatMap(([start, size]) => Array.from({ length: size / RELA_SIZE }, (_, i) => start + i * RELA_SIZE))
}

function readSymbols(bytes: Buffer, start: number, strings: number): DynamicSymbol[] {
  return Array.from({ length: Math.floor((strings - start) / SYMBOL_SIZE) }, (_, index) => {
    const at = start + index * SYMBOL_SIZE
    return {
      index, name: stringAt(bytes, strings + bytes.readUInt32LE(at)), isDefined: bytes.readUInt16LE(at + 6) !== 0, value: bytes.readBigUInt64LE(at + 8),
    }
  })
}

/** Where the offsets of names stand in DT_VERNEED: of libraries (vn_file) and of versions (vna_name). */
function versionNames(bytes: Buffer, start: number): number[] {
  const places: number[] = []
  for (let need = start, step = -1; step !== 0; need += step) {
    places.push(need + 4)
    for (let aux = need + bytes.readUInt32LE(need + 8), next = -1; next !== 0; aux += next) {
      places.push(aux + 8)
      next = bytes.readUInt32LE(aux + 12)
    }
    step = bytes.readUInt32LE(need + 12)
  }
  return places
}

function stringAt(bytes: Buffer, start: number): Buffer {
  return bytes.subarray(start, bytes.indexOf(0, start))
}

/** A table of strings, each once; the empty one is at 0. */
function makeStrings(): { add: (text: Buffer) => number; bytes: () => Buffer } {
  const places = new Map([['', 0]])
  const parts: Buffer[] = [Buffer.alloc(1)]
  let length = 1
  return {
    add(text) {
      const key = text.toString('latin1')
      const known = places.get(key)
      if (known !== undefined) return known
      const place = length
      places.set(key, place)
      parts.push(Buffer.from(text), Buffer.alloc(1))
      length += text.length + 1
      return place
    },
    bytes: () => Buffer.concat(parts),
  }
}
