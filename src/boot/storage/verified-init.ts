// Reads what the init of a verified root needs, all of it, before the switch.
//
// dm-verity looks at a block when it is read: a bit that was flipped in init or in a library of it would end PID 1
// after the point of no return, and a page fault has no other way to tell than SIGBUS. Read now, it is a message.
// Links are followed inside of the root; what cannot be found is no matter of this check.  elf(5), ld.so(8)

import { parseElf } from '../../../initrd-builder/elf/elf-file.ts'
import type { ElfFile } from '../../../initrd-builder/elf/elf-file.ts'
import { chaseInRoot } from '../../facts/chase.ts'
import { inRoot } from '../../facts/paths.ts'
import { isErrno } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** Where ld.so(8) looks without a cache; of Debian's multiarch directories those that are there. */
const LIBRARY_DIRECTORIES: readonly string[] = ['/lib64', '/usr/lib64', '/lib', '/usr/lib']

/** A file that could not be read. */
export interface Unreadable {
  readonly path: string
  readonly error: unknown
}

/** What is not there is null; what cannot be read is thrown. */
function ifThere<T>(body: () => T): T | null {
  try {
    return body()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR')) return null
    throw error
  }
}

function parse(bytes: Uint8Array): ElfFile | null {
  try {
    return parseElf(bytes)
  } catch {
    return null // no program, or none that ld.so could load: execve says so
  }
}

function directories(kernel: Kernel, root: string): string[] {
  const multiarch = ['/lib', '/usr/lib'].flatMap((directory) => {
    const names = ifThere(() => kernel.readdir(inRoot(root, chaseInRoot(kernel, root, directory)))) ?? []
    return names.filter((name) => /-linux-(gnu|musl)/.test(name)).map((name) => `${directory}/${name}`)
  })
  return [...multiarch, ...LIBRARY_DIRECTORIES]
}

/** The interpreter of a script, or undefined. */
function scriptInterpreter(bytes: Uint8Array): string | undefined {
  if (bytes[0] !== 0x23 || bytes[1] !== 0x21) return undefined
  return /^#![ \t]*(\S+)/.exec(Buffer.from(bytes.subarray(0, 256)).toString('latin1'))?.[1]
}

/** What the file asks for: paths, and names of libraries with the directories to look in first. */
function needsOf(bytes: Uint8Array, at: string): { readonly paths: string[]; readonly libraries: string[]; readonly first: string[] } {
  const script = scriptInterpreter(bytes)
  if (script !== undefined) return { paths: [script], libraries: [], first: [] }
  const elf = parse(bytes)
  if (elf === null) return { paths: [], libraries: [], first: [] }
  const origin = at.slice(0, at.lastIndexOf('/'))
  const first = [...elf.rpath, ...elf.runpath].map((path) => path.replace(/\$(ORIGIN|\{ORIGIN\})/, origin))
  return { paths: elf.interpreter === undefined ? [] : [elf.interpreter], libraries: [...elf.needed], first }
}

/** Where ld.so would find a library, or null. */
function find(kernel: Kernel, root: string, name: string, places: readonly string[]): string | null {
  if (name.includes('/')) return name
  return places.map((directory) => `${directory}/${name}`).find((path) => ifThere(() => chaseInRoot(kernel, root, path)) !== null) ?? null
}

/** Reads init (a path inside of `root`), its interpreters and libraries from end to end. The first that cannot be read, or null. */
export function readInitWholly(kernel: Kernel, root: string, init: string): Unreadable | null {
  const done = new Set<string>()
  const queue = [init]
  let known: readonly string[] | null = null
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const wanted = path
    let file = wanted
    try {
      const found = ifThere(() => chaseInRoot(kernel, root, wanted))
      if (found === null || done.has(found)) continue
      file = found
      done.add(file)
      const { paths, libraries, first } = needsOf(ifThere(() => kernel.readFile(inRoot(root, file))) ?? new Uint8Array(), file)
      queue.push(...paths)
      for (const name of libraries) {
        known ??= directories(kernel, root)
        queue.push(...[find(kernel, root, name, [...first, ...known])].filter((one) => one !== null))
      }
    } catch (error) {
      return { path: file, error }
    }
  }
  return null
}
