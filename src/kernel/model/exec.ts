// The model's part of execve(2) that can fail: permissions, format, interpreters.
//
// Reads ELF and "#!" on its own and not with fulcrum's readers, so that tests of those have something to
// be compared with.  Man pages: execve(2), elf(5).

import { MS_NOEXEC } from '../../abi/mount.ts'
import { S_IFMT, S_IFREG } from '../../abi/process.ts'
import type { Door } from './door.ts'
import { Errno } from './errno.ts'
import type { Loc } from './mount-tree.ts'

const EM_X86_64 = 62
const PT_INTERP = 3
const MAX_INTERPRETERS = 5

/** The file that execve would run, or its errno. */
export function checkExecutable(door: Door, path: string, depth = 0): Loc {
  const loc = door.lookup(path)
  const { node } = loc
  if ((node.mode & S_IFMT) !== S_IFREG || (node.mode & 0o111) === 0 || (loc.mnt.flags & MS_NOEXEC) !== 0) throw new Errno('EACCES')
  if (node.content.kind !== 'file') throw new Errno('EACCES')
  const bytes = node.content.data
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 256))
  if (text.startsWith('#!')) {
    const interpreter = /^#![ \t]*([^ \t\n]+)/.exec(text)?.[1]
    if (interpreter === undefined) throw new Errno('ENOEXEC')
    if (depth >= MAX_INTERPRETERS) throw new Errno('ELOOP')
    checkExecutable(door, interpreter, depth + 1)
    return loc
  }
  if (!text.startsWith('\x7fELF') || bytes.length < 64) throw new Errno('ENOEXEC')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint16(18, true) !== EM_X86_64) throw new Errno('ENOEXEC')
  const interpreter = elfInterpreter(view)
  if (interpreter !== undefined) {
    const found = door.lookup(interpreter)
    if ((found.node.mode & S_IFMT) !== S_IFREG) throw new Errno('EACCES')
  }
  return loc
}

function elfInterpreter(view: DataView): string | undefined {
  const table = Number(view.getBigUint64(32, true))
  const size = view.getUint16(54, true)
  const count = view.getUint16(56, true)
  for (let i = 0; i < count; i++) {
    const at = table + i * size
    if (view.getUint32(at, true) !== PT_INTERP) continue
    const start = Number(view.getBigUint64(at + 8, true))
    const length = Number(view.getBigUint64(at + 32, true))
    const bytes = new Uint8Array(view.buffer, view.byteOffset + start, length)
    return new TextDecoder().decode(bytes).replace(/\0.*$/, '')
  }
  return undefined
}

/** The smallest file that passes as an executable: an ELF header, and one program header for the interpreter. */
export function elfFile(options: { readonly machine?: number; readonly interpreter?: string } = {}): Uint8Array {
  const interpreter = options.interpreter === undefined ? new Uint8Array() : new TextEncoder().encode(`${options.interpreter}\0`)
  const headers = 64 + (interpreter.length === 0 ? 0 : 56)
  const bytes = new Uint8Array(headers + interpreter.length)
  const view = new DataView(bytes.buffer)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 2, true) // ET_EXEC
  view.setUint16(18, options.machine ?? EM_X86_64, true)
  view.setUint32(20, 1, true)
  view.setBigUint64(32, 64n, true)
  view.setUint16(52, 64, true)
  view.setUint16(54, 56, true)
  view.setUint16(56, interpreter.length === 0 ? 0 : 1, true)
  if (interpreter.length > 0) {
    view.setUint32(64, PT_INTERP, true)
    view.setUint32(68, 4, true)
    view.setBigUint64(72, BigInt(headers), true)
    view.setBigUint64(96, BigInt(interpreter.length), true)
    view.setBigUint64(104, BigInt(interpreter.length), true)
    bytes.set(interpreter, headers)
  }
  return bytes
}
