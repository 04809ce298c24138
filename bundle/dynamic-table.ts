// The dynamic section of a 64-bit ELF file and what it points to: symbols, their hash table, their versions.
// It exists for trim-symbols.ts. Addresses are those in memory, offsets those in the file.
// elf(5), /usr/include/elf.h; the hash table: https://sourceware.org/ml/binutils/2006-10/msg00377.html, glibc elf/dl-lookup.c.

import { ElfError, PT_LOAD } from './elf64.ts'
import type { Elf64 } from './elf64.ts'

const PT_DYNAMIC = 2
export const DT_NEEDED = 1
export const DT_HASH = 4
export const DT_STRTAB = 5
export const DT_SYMTAB = 6
export const DT_RELA = 7
export const DT_RELASZ = 8
export const DT_STRSZ = 10
export const DT_SONAME = 14
export const DT_RPATH = 15
export const DT_PLTRELSZ = 2
export const DT_JMPREL = 23
export const DT_RUNPATH = 29
export const DT_GNU_HASH = 0x6ffffef5
export const DT_VERSYM = 0x6ffffff0
export const DT_VERDEF = 0x6ffffffc
export const DT_VERNEED = 0x6ffffffe

/** One entry of the dynamic section; `at` is the file offset of its value. */
export interface DynamicEntry {
  readonly tag: number
  readonly value: number
  readonly at: number
}

/** The entries up to DT_NULL. Throws ElfError when there is no dynamic section. */
export function readDynamic(bytes: Buffer, elf: Elf64): DynamicEntry[] {
  const segment = elf.programHeaders.find((header) => header.type === PT_DYNAMIC)
  if (segment === undefined) throw new ElfError('Cannot read dynamic section: there is none')
  const entries: DynamicEntry[] = []
  for (let at = segment.offset; at < segment.offset + segment.filesz; at += 16) {
    const tag = Number(bytes.readBigUInt64LE(at))
    if (tag === 0) break
    entries.push({ tag, value: Number(bytes.readBigUInt64LE(at + 8)), at: at + 8 })
  }
  return entries
}

/** The value of the one entry with this tag. Throws ElfError when it is missing. */
export function dynamicValue(entries: readonly DynamicEntry[], tag: number): number {
  const entry = entries.find((candidate) => candidate.tag === tag)
  if (entry === undefined) throw new ElfError(`Cannot read dynamic section: no entry ${tag}`)
  return entry.value
}

/** The file offset of an address in memory. Throws ElfError when no segment has it. */
export function offsetOf(elf: Elf64, address: number): number {
  const load = elf.programHeaders.find((header) =>
    header.type === PT_LOAD && address >= header.vaddr && address < header.vaddr + header.filesz)
  if (load === undefined) throw new ElfError(`Cannot find address ${address} in the file`)
  return load.offset + address - load.vaddr
}

/** The hash of a symbol's name in DT_GNU_HASH. */
export function gnuHash(name: Buffer): number {
  let hash = 5381
  for (const byte of name) hash = (Math.imul(hash, 33) + byte) >>> 0
  return hash
}

/** A table in the form of DT_GNU_HASH, and the order in which symbols have to stand behind the first `unhashed`. */
export interface HashTable {
  readonly bytes: Buffer
  /** Positions in `names`. */
  readonly order: readonly number[]
}

/** Makes the hash table of these names; `unhashed` symbols come before them in the symbol table. */
export function makeHashTable(names: readonly Buffer[], unhashed: number): HashTable {
  const buckets = Math.max(1, names.length >> 2)
  const words = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, names.length / 8))))
  const shift = 26
  const hashes = names.map(gnuHash)
  const bucketOf = (position: number): number => (hashes[position] ?? 0) % buckets
  const order = [...names.keys()].sort((a, b) => bucketOf(a) - bucketOf(b) || a - b)
  const bytes = Buffer.alloc(16 + words * 8 + buckets * 4 + names.length * 4)
  for (const [index, value] of [buckets, unhashed, words, shift].entries()) bytes.writeUInt32LE(value, index * 4)
  const [bucketsAt, chainAt] = [16 + words * 8, 16 + words * 8 + buckets * 4]
  for (const [index, position] of order.entries()) {
    const hash = hashes[position] ?? 0
    const word = 16 + (Math.floor(hash / 64) % words) * 8
    const bits = (1n << BigInt(hash % 64)) | (1n << BigInt((hash >>> shift) % 64))
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(word) | bits, word)
    const bucket = bucketsAt + bucketOf(position) * 4
    if (bytes.readUInt32LE(bucket) === 0) bytes.writeUInt32LE(unhashed + index, bucket)
    const next = order[index + 1]
    const isLast = next === undefined || bucketOf(next) !== bucketOf(position)
    bytes.writeUInt32LE(((hash & ~1) | (isLast ? 1 : 0)) >>> 0, chainAt + index * 4)
  }
  return { bytes, order }
}
