// Makes small ELF files for tests: programs and libraries with a dynamic section, modules with .modinfo.
//
// Enough of elf(5) for the parsers, and for readelf to agree with them; nothing that could run.

/** What the file is to say. */
export interface ElfRecipe {
  readonly interpreter?: string
  readonly needed?: readonly string[]
  readonly soname?: string
  readonly rpath?: string
  readonly runpath?: string
  /** e_machine; default x86-64. */
  readonly machine?: number
  /** e_type: 1 relocatable (kernel module), 3 shared object; default 3. */
  readonly type?: number
  /** Sections by name. */
  readonly sections?: Readonly<Record<string, Uint8Array>>
}

/** The bytes of a 64-bit little-endian ELF file. */
export function makeElf(recipe: ElfRecipe): Buffer {
  const strings = makeStringTable()
  const tags: [tag: number, value: number][] = [
    ...(recipe.needed ?? []).map((name): [number, number] => [1, strings.add(name)]),
    ...(recipe.soname === undefined ? [] : [[14, strings.add(recipe.soname)] satisfies [number, number]]),
    ...(recipe.rpath === undefined ? [] : [[15, strings.add(recipe.rpath)] satisfies [number, number]]),
    ...(recipe.runpath === undefined ? [] : [[29, strings.add(recipe.runpath)] satisfies [number, number]]),
  ]
  const table = strings.bytes()
  const interp = recipe.interpreter === undefined ? Buffer.alloc(0) : Buffer.from(`${recipe.interpreter}\0`)
  const programHeaders = (recipe.interpreter === undefined ? 0 : 1) + 2
  const interpAt = 64 + programHeaders * 56
  const tableAt = align8(interpAt + interp.length)
  const dynamicAt = align8(tableAt + table.length)
  const dynamic = Buffer.alloc((tags.length + 3) * 16)
  const entries: [number, number][] = [...tags, [5, tableAt], [10, table.length], [0, 0]]
  for (const [i, [tag, value]] of entries.entries()) {
    dynamic.writeBigUInt64LE(BigInt(tag), i * 16)
    dynamic.writeBigUInt64LE(BigInt(value), i * 16 + 8)
  }
  const loadedEnd = dynamicAt + dynamic.length
  const sections = makeSections(recipe.sections ?? {}, loadedEnd)
  const segment = (type: number, offset: number, size: number): Buffer => {
    const header = Buffer.alloc(56)
    header.writeUInt32LE(type, 0)
    header.writeUInt32LE(4, 4)
    for (const at of [8, 16, 24]) header.writeBigUInt64LE(BigInt(offset), at)
    for (const at of [32, 40]) header.writeBigUInt64LE(BigInt(size), at)
    header.writeBigUInt64LE(1n, 48)
    return header
  }
  const headers = [
    ...(recipe.interpreter === undefined ? [] : [segment(3, interpAt, interp.length)]),
    segment(1, 0, loadedEnd),
    segment(2, dynamicAt, dynamic.length),
  ]
  const file = Buffer.alloc(sections.end)
  fileHeader(recipe, programHeaders, sections).copy(file)
  Buffer.concat(headers).copy(file, 64)
  interp.copy(file, interpAt)
  table.copy(file, tableAt)
  dynamic.copy(file, dynamicAt)
  sections.bytes.copy(file, loadedEnd)
  return file
}

interface Sections {
  readonly bytes: Buffer
  readonly headersAt: number
  readonly count: number
  readonly end: number
}

function fileHeader({ machine = 62, type = 3 }: ElfRecipe, programHeaders: number, sections: Sections): Buffer {
  const header = Buffer.alloc(64)
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(header)
  header.writeUInt16LE(type, 16)
  header.writeUInt16LE(machine, 18)
  header.writeUInt32LE(1, 20)
  header.writeBigUInt64LE(64n, 32)
  header.writeBigUInt64LE(BigInt(sections.headersAt), 40)
  const sizes: [number, number][] = [[52, 64], [54, 56], [56, programHeaders], [58, 64], [60, sections.count], [62, sections.count - 1]]
  for (const [at, value] of sizes) header.writeUInt16LE(value, at)
  return header
}

function makeSections(contents: Readonly<Record<string, Uint8Array>>, start: number): Sections {
  const names = makeStringTable()
  const all = [...Object.entries(contents)]
  const rows = all.map(([name, data]) => ({ name: names.add(name), data, type: 1 }))
  const last = { name: names.add('.shstrtab'), data: new Uint8Array(), type: 3 }
  const named = [...rows, { ...last, data: names.bytes() }]
  const chunks: Uint8Array[] = []
  let offset = start
  const headers = [Buffer.alloc(64)]
  for (const { name, data, type } of named) {
    const header = Buffer.alloc(64)
    header.writeUInt32LE(name, 0)
    header.writeUInt32LE(type, 4)
    header.writeBigUInt64LE(BigInt(offset), 24)
    header.writeBigUInt64LE(BigInt(data.length), 32)
    header.writeBigUInt64LE(1n, 48)
    headers.push(header)
    chunks.push(data)
    offset += data.length
  }
  return {
    bytes: Buffer.concat([...chunks, ...headers]), headersAt: offset, count: headers.length,
    end: offset + headers.length * 64,
  }
}

function makeStringTable(): { add(text: string): number; bytes(): Buffer } {
  let text = '\0'
  return {
    add(value) {
      const at = Buffer.byteLength(text)
      text += `${value}\0`
      return at
    },
    bytes: () => Buffer.from(text),
  }
}

function align8(offset: number): number {
  return (offset + 7) & ~7
}
