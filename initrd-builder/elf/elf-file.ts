// What the builder needs to know of an ELF file: what it asks the dynamic loader for, and its notes.
//
// 32 and 64 bits, either byte order. Program headers are what counts at run time and are always there;
// sections are only read for `.modinfo` (kernel modules) and `.note.dlopen`. See elf(5), ld.so(8).

/** The parts of an ELF file that decide which other files it needs. */
export interface ElfFile {
  readonly bits: 32 | 64
  /** e_machine: 62 is x86-64, 183 aarch64. A loader passes over libraries of another machine. */
  readonly machine: number
  /** PT_INTERP, e.g. `/lib64/ld-linux-x86-64.so.2`; absent in libraries and static programs. */
  readonly interpreter: string | undefined
  /** DT_NEEDED in order. */
  readonly needed: readonly string[]
  readonly soname: string | undefined
  /** DT_RPATH entries, which also count for the libraries of this object, unless it has DT_RUNPATH. */
  readonly rpath: readonly string[]
  /** DT_RUNPATH entries, which count for this object only. */
  readonly runpath: readonly string[]
}

export class ElfError extends Error {
  override readonly name = 'ElfError'
}

const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3
const DT_NEEDED = 1
const DT_STRTAB = 5
const DT_SONAME = 14
const DT_RPATH = 15
const DT_RUNPATH = 29

/** True when the bytes begin as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 52 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
}

/** Parses an ELF file. Throws ElfError if it is none, or damaged. */
export function parseElf(bytes: Uint8Array): ElfFile {
  const reader = makeReader(bytes)
  const segments = readSegments(reader)
  const interp = segments.find(segment => segment.type === PT_INTERP)
  const dynamic = segments.find(segment => segment.type === PT_DYNAMIC)
  const tags = dynamic === undefined ? [] : readDynamic(reader, dynamic)
  const strings = tags.find(tag => tag.tag === DT_STRTAB)
  const table = strings === undefined ? 0 : fileOffset(segments, strings.value)
  const textsOf = (wanted: number): string[] =>
    tags.filter(tag => tag.tag === wanted).map(tag => reader.text(table + tag.value))
  const pathsOf = (wanted: number): string[] => textsOf(wanted).flatMap(text => text.split(':')).filter(p => p !== '')
  return {
    bits: reader.wide ? 64 : 32,
    machine: reader.u16(18),
    interpreter: interp === undefined ? undefined : reader.text(interp.offset),
    needed: textsOf(DT_NEEDED),
    soname: textsOf(DT_SONAME)[0],
    rpath: pathsOf(DT_RPATH),
    runpath: pathsOf(DT_RUNPATH),
  }
}

/** The content of a section by name (`.modinfo`), or nothing. Sections with the same name are joined. */
export function elfSection(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const reader = makeReader(bytes)
  const wide = reader.wide
  const offset = reader.word(wide ? 0x28 : 0x20)
  const size = reader.u16(wide ? 0x3a : 0x2e)
  const count = reader.u16(wide ? 0x3c : 0x30)
  const namesIndex = reader.u16(wide ? 0x3e : 0x32)
  if (offset === 0 || count === 0) return undefined
  const section = (index: number): { name: number; offset: number; size: number } => {
    const at = offset + index * size
    return { name: reader.u32(at), offset: reader.word(at + (wide ? 0x18 : 0x10)), size: reader.word(at + (wide ? 0x20 : 0x14)) }
  }
  const names = section(namesIndex)
  const found: Uint8Array[] = []
  for (let index = 0; index < count; index++) {
    const { name: nameOffset, offset: start, size: length } = section(index)
    if (reader.text(names.offset + nameOffset) === name) found.push(reader.slice(start, length))
  }
  return found.length <= 1 ? found[0] : Buffer.concat(found)
}

interface Reader {
  readonly wide: boolean
  u16(offset: number): number
  u32(offset: number): number
  /** An address-sized number; files past 2^53 bytes do not exist. */
  word(offset: number): number
  text(offset: number): string
  slice(offset: number, length: number): Uint8Array
}

function makeReader(bytes: Uint8Array): Reader {
  if (!isElf(bytes)) throw new ElfError('not an ELF file')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wide = bytes[4] === 2
  const little = bytes[5] === 1
  const check = (offset: number, length: number): number => {
    if (offset < 0 || offset + length > bytes.length) throw new ElfError(`cut short: byte ${offset} is past its end`)
    return offset
  }
  return {
    wide,
    u16: offset => view.getUint16(check(offset, 2), little),
    u32: offset => view.getUint32(check(offset, 4), little),
    word: offset => (wide ? Number(view.getBigUint64(check(offset, 8), little)) : view.getUint32(check(offset, 4), little)),
    text: offset => {
      const end = bytes.indexOf(0, check(offset, 1))
      if (end < 0) throw new ElfError(`string at byte ${offset} is not ended`)
      return Buffer.from(bytes.buffer, bytes.byteOffset + offset, end - offset).toString('utf8')
    },
    slice: (offset, length) => bytes.subarray(check(offset, length), offset + length),
  }
}

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

function readSegments(reader: Reader): Segment[] {
  const { wide } = reader
  const offset = reader.word(wide ? 0x20 : 0x1c)
  const size = reader.u16(wide ? 0x36 : 0x2a)
  const count = reader.u16(wide ? 0x38 : 0x2c)
  return Array.from({ length: count }, (_, index) => {
    const at = offset + index * size
    return {
      type: reader.u32(at),
      offset: reader.word(at + (wide ? 8 : 4)),
      address: reader.word(at + (wide ? 16 : 8)),
      size: reader.word(at + (wide ? 32 : 16)),
    }
  })
}

function readDynamic(reader: Reader, dynamic: Segment): { tag: number; value: number }[] {
  const step = reader.wide ? 16 : 8
  const tags: { tag: number; value: number }[] = []
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += step) {
    const tag = reader.word(at)
    if (tag === 0) break
    tags.push({ tag, value: reader.word(at + step / 2) })
  }
  return tags
}

/** Where in the file an address of the loaded image is. */
function fileOffset(segments: readonly Segment[], address: number): number {
  const holder = segments.find(s => s.type === PT_LOAD && address >= s.address && address < s.address + s.size)
  if (holder === undefined) throw new ElfError(`no segment holds address ${address}`)
  return holder.offset + (address - holder.address)
}
