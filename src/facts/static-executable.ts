// A static executable of x86-64 around a piece of machine code: the least that execve(2) takes.
//
// One segment with everything in it, read-only and executable; the stack is not executable. Nothing is
// linked or relocated, so the code has to be independent of its place.  elf(5)

const ADDRESS = 0x400000
const EHDR_BYTES = 64
const PHDR_BYTES = 56

/** The whole file: ELF header, PT_LOAD (read, execute), PT_GNU_STACK, code, which begins where it is entered. */
export function staticExecutable(code: Uint8Array): Uint8Array {
  const start = EHDR_BYTES + 2 * PHDR_BYTES
  const bytes = Buffer.alloc(start + code.length)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  // e_type ET_EXEC, e_machine EM_X86_64, e_version
  bytes.writeUInt16LE(2, 16)
  bytes.writeUInt16LE(62, 18)
  bytes.writeUInt32LE(1, 20)
  // e_entry, e_phoff, then e_ehsize, e_phentsize, e_phnum
  bytes.writeBigUInt64LE(BigInt(ADDRESS + start), 24)
  bytes.writeBigUInt64LE(BigInt(EHDR_BYTES), 32)
  bytes.writeUInt16LE(EHDR_BYTES, 52)
  bytes.writeUInt16LE(PHDR_BYTES, 54)
  bytes.writeUInt16LE(2, 56)
  // p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
  const segment = (at: number, type: number, flags: number, fields: readonly number[]): void => {
    bytes.writeUInt32LE(type, at)
    bytes.writeUInt32LE(flags, at + 4)
    fields.forEach((field, i) => bytes.writeBigUInt64LE(BigInt(field), at + 8 + 8 * i))
  }
  segment(EHDR_BYTES, 1, 5, [0, ADDRESS, ADDRESS, bytes.length, bytes.length, 4096])
  segment(EHDR_BYTES + PHDR_BYTES, 0x6474e551, 6, [0, 0, 0, 0, 0, 16])
  bytes.set(code, start)
  return bytes
}
