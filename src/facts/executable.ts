// What execve(2) would make of a file, from its first bytes.
//
// Pure: the switch must know before the point of no return whether the new init can run at all:
// right architecture, script interpreter, ELF interpreter.  elf(5), fs/binfmt_elf.c, fs/binfmt_script.c.

/** How many bytes of the file's start are needed: the ELF header, program headers and PT_INTERP string of usual files. */
export const EXECUTABLE_HEAD_BYTES = 4096

export type Executable =
  | { readonly kind: 'elf'; readonly machine: number; readonly bits: 32 | 64; readonly littleEndian: boolean; readonly interpreter: string | null }
  | { readonly kind: 'script'; readonly interpreter: string; readonly argument: string | null }
  | { readonly kind: 'unknown' }

const EM_NAMES: Readonly<Record<number, string>> = {
  3: 'i386', 8: 'mips', 20: 'powerpc', 21: 'powerpc64', 22: 's390', 40: 'arm', 62: 'x86-64', 183: 'aarch64', 243: 'riscv', 258: 'loongarch',
}

/** e_machine values that a kernel for this Node architecture runs without binfmt_misc. */
const RUNNABLE: Readonly<Record<string, readonly number[]>> = { x64: [62, 3], arm64: [183, 40], riscv64: [243] }

const PT_INTERP = 3

/** The name of an e_machine value, 'machine 999' for one that is not in the table. */
export function machineName(machine: number): string {
  return EM_NAMES[machine] ?? `machine ${machine}`
}

/** True when a kernel of `arch` (Node's name) can run this e_machine. Unknown architectures answer true: the kernel decides. */
export function machineRuns(arch: string, machine: number): boolean {
  return RUNNABLE[arch]?.includes(machine) ?? true
}

function cString(bytes: Uint8Array, from: number, length: number): string | null {
  if (from + length > bytes.length) return null
  const end = bytes.subarray(from, from + length).indexOf(0)
  return Buffer.from(bytes.subarray(from, from + (end < 0 ? length : end))).toString()
}

function parseScript(bytes: Uint8Array): Executable {
  const newline = bytes.indexOf(10)
  // binfmt_script reads BINPRM_BUF_SIZE (256) bytes; a longer line is truncated.
  const line = Buffer.from(bytes.subarray(2, newline < 0 ? Math.min(bytes.length, 256) : newline)).toString().trim()
  const space = line.search(/[ \t]/)
  const interpreter = space < 0 ? line : line.slice(0, space)
  if (interpreter === '') return { kind: 'unknown' }
  return { kind: 'script', interpreter, argument: space < 0 ? null : line.slice(space).trim() }
}

/** Classifies the first EXECUTABLE_HEAD_BYTES of a file. Never throws. */
export function classifyExecutable(bytes: Uint8Array): Executable {
  if (bytes[0] === 0x23 && bytes[1] === 0x21) return parseScript(bytes)
  if (bytes.length < 52 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) return { kind: 'unknown' }
  const bits = bytes[4] === 2 ? 64 : 32
  const littleEndian = bytes[5] !== 2
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const machine = view.getUint16(18, littleEndian)
  const wide = bits === 64
  const phoff = wide ? Number(view.getBigUint64(32, littleEndian)) : view.getUint32(28, littleEndian)
  const phentsize = view.getUint16(wide ? 54 : 42, littleEndian)
  const phnum = view.getUint16(wide ? 56 : 44, littleEndian)
  let interpreter: string | null = null
  for (let i = 0; i < phnum; i += 1) {
    const at = phoff + i * phentsize
    if (at + (wide ? 56 : 32) > bytes.length) break
    if (view.getUint32(at, littleEndian) !== PT_INTERP) continue
    const offset = wide ? Number(view.getBigUint64(at + 8, littleEndian)) : view.getUint32(at + 4, littleEndian)
    const size = wide ? Number(view.getBigUint64(at + 32, littleEndian)) : view.getUint32(at + 16, littleEndian)
    interpreter = cString(bytes, offset, size)
  }
  return { kind: 'elf', machine, bits, littleEndian, interpreter }
}
