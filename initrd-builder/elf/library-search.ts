// In which places the dynamic loader would look for a library, in its order. Pure.
//
// ld.so(8): DT_RPATH of the object and of those that loaded it (unless the object has DT_RUNPATH), then
// DT_RUNPATH, then the cache which ldconfig makes from ld.so.conf, then built-in directories. The
// glibc-hwcaps directories are left out on purpose: their libraries only run on some processors.

import { directoryOf, normalizePath } from '../image/image-path.ts'
import type { ElfFile } from './elf-file.ts'

/** Why a place is looked at; `conf` ones the loader of the image would not find without a cache. */
export type SearchOrigin = 'path' | 'rpath' | 'runpath' | 'conf' | 'default'

export interface LibraryPlace {
  readonly path: string
  readonly origin: SearchOrigin
}

/** An object that needs a library, and what its loaders' DT_RPATH add. */
export interface Requester {
  /** Absolute in the sysroot; `$ORIGIN` is its directory. */
  readonly path: string
  readonly elf: Pick<ElfFile, 'machine' | 'bits' | 'rpath' | 'runpath'>
  /** Already expanded directories inherited from those that loaded it. */
  readonly inheritedRpath: readonly string[]
}

/** Multiarch name, dynamic token values and library directory by e_machine (<linux/elf-em.h>). */
const machines: Readonly<Record<number, { multiarch: string; platform: string; lib: string }>> = {
  3: { multiarch: 'i386-linux-gnu', platform: 'i686', lib: 'lib' },
  20: { multiarch: 'powerpc-linux-gnu', platform: 'ppc', lib: 'lib' },
  21: { multiarch: 'powerpc64le-linux-gnu', platform: 'power8', lib: 'lib64' },
  22: { multiarch: 's390x-linux-gnu', platform: 'z900', lib: 'lib64' },
  40: { multiarch: 'arm-linux-gnueabihf', platform: 'v7l', lib: 'lib' },
  62: { multiarch: 'x86_64-linux-gnu', platform: 'x86_64', lib: 'lib64' },
  183: { multiarch: 'aarch64-linux-gnu', platform: 'aarch64', lib: 'lib64' },
  243: { multiarch: 'riscv64-linux-gnu', platform: 'riscv64', lib: 'lib64' },
  258: { multiarch: 'loongarch64-linux-gnu', platform: 'loongarch64', lib: 'lib64' },
}

/** Directories built into the loader: those of Debian, of the lib64 family, and of everyone. */
export function defaultDirectories(machine: number, bits: 32 | 64): string[] {
  const known = machines[machine]
  const wide = bits === 64 ? ['/lib64', '/usr/lib64'] : []
  const multiarch = known === undefined ? [] : [`/lib/${known.multiarch}`, `/usr/lib/${known.multiarch}`]
  return [...multiarch, ...wide, '/lib', '/usr/lib']
}

/**
 * The places to look for `name`, first to look first. A name with a slash is a path and looked for nowhere
 * else. Built-in directories go before those of ld.so.conf, unlike in ld.so: the image has no cache, so
 * a library from there is only taken where no other can be found.
 */
export function libraryPlaces(name: string, requester: Requester, confDirectories: readonly string[]): LibraryPlace[] {
  if (name.includes('/')) {
    return expandTokens(name, requester).map(path => ({ path: normalizePath(path), origin: 'path' }))
  }
  const inDirectories = (directories: readonly string[], origin: SearchOrigin): LibraryPlace[] =>
    directories.map(directory => ({ path: normalizePath(`${directory}/${name}`), origin }))
  const { machine, bits } = requester.elf
  return [
    ...(requester.elf.runpath.length > 0 ? [] : inDirectories(rpathDirectories(requester), 'rpath')),
    ...inDirectories(requester.elf.runpath.flatMap(path => expandTokens(path, requester)), 'runpath'),
    ...inDirectories(defaultDirectories(machine, bits), 'default'),
    ...inDirectories(confDirectories, 'conf'),
  ]
}

/** The object's own DT_RPATH and the inherited ones, expanded: also what its libraries inherit. */
export function rpathDirectories(requester: Requester): string[] {
  const own = requester.elf.runpath.length > 0 ? [] : requester.elf.rpath
  return [...own.flatMap(path => expandTokens(path, requester)), ...requester.inheritedRpath]
}

/** Replaces `$ORIGIN`, `$LIB` and `$PLATFORM`, with or without braces; $LIB has two meanings in the wild. */
function expandTokens(path: string, requester: Requester): string[] {
  const known = machines[requester.elf.machine]
  const libs = /\$(LIB\b|\{LIB\})/.test(path) ? [`lib/${known?.multiarch ?? ''}`, known?.lib ?? 'lib'] : ['']
  return libs.map(lib =>
    path.replaceAll(/\$(?:(ORIGIN|LIB|PLATFORM)\b|\{(ORIGIN|LIB|PLATFORM)\})/g, (_, bare?: string, braced?: string) => {
      const token = bare ?? braced
      if (token === 'ORIGIN') return directoryOf(requester.path)
      return token === 'LIB' ? lib : (known?.platform ?? '')
    }),
  )
}

/**
 * Directories of an ld.so.conf text; `include` lines are handed to `include`, which returns the texts
 * that the pattern names. Also good for /etc/ld-musl-ARCH.path (lines or colons).
 */
export function parseLdSoConf(text: string, include: (pattern: string) => readonly string[]): string[] {
  return text.split('\n').flatMap(line => {
    const words = line.replace(/#.*/, '').trim()
    if (words === '' || words.startsWith('hwcap')) return []
    const included = /^include\s+(.*)$/.exec(words)
    if (included === null) return words.split(/[\s:,]+/).filter(word => word.startsWith('/'))
    return (included[1] ?? '').split(/\s+/).flatMap(include).flatMap(inner => parseLdSoConf(inner, include))
  })
}
