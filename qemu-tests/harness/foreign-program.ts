// A program for another processor: the head of a static AArch64 one, enough to be told apart, and never run.
// Format: elf(5).

/** 64 bytes in base64, for a file tree. */
export function foreignProgram(): string {
  const header = Buffer.alloc(64)
  header.write('\x7fELF\x02\x01\x01', 'latin1')
  header.writeUInt16LE(2, 16) // e_type ET_EXEC
  header.writeUInt16LE(183, 18) // e_machine EM_AARCH64
  header.writeUInt32LE(1, 20)
  header.writeUInt16LE(64, 52)
  return header.toString('base64')
}
