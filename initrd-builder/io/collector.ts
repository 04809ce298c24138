// Takes files from the sysroot into the image together with all that they need to run.
//
// A program needs its interpreter, libraries and the links that lead to them; a script its `#!` program;
// a missing library is an error that names the chain, since an image which lacks it fails only at boot.

import { dlopenExtras } from '../elf/dlopen-table.ts'
import { parseDlopenNotes } from '../elf/dlopen-note.ts'
import { elfSection, ElfError, isElf, parseElf, type ElfFile } from '../elf/elf-file.ts'
import {
  defaultDirectories, libraryPlaces, parseLdSoConf, rpathDirectories, type Requester,
} from '../elf/library-search.ts'
import { BuilderError } from '../builder-error.ts'
import { fnmatch } from '../../src/kmod/fnmatch.ts'
import { baseOf, directoryOf, imagePath } from '../image/image-path.ts'
import type { ImageTree, SegmentName } from '../image/image-tree.ts'
import type { LinkHop, Sysroot, SysrootFile } from './sysroot.ts'

/** How to add a file. */
export interface AddOptions {
  readonly reason: string
  /** Where in the image; default: where it is in the sysroot, merged. */
  readonly destination?: string
  readonly segment?: SegmentName
}

export interface Collector {
  /** Adds a file or a whole directory. Returns false if the sysroot has nothing at the path. */
  add(path: string, options: AddOptions): boolean
  /** Adds a program by name, looked for in the PATH directories. Returns false if there is none. */
  addProgram(name: string, options: AddOptions): boolean
  /** Adds what an ELF file or script needs which comes from elsewhere than the sysroot. */
  addNeeds(path: string, bytes: Uint8Array, segment: SegmentName): void
  /** Things worth telling that were no reason to stop. */
  readonly warnings: readonly string[]
}

const programDirectories = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** A collector from this sysroot into this tree. */
export function makeCollector(sysroot: Sysroot, tree: ImageTree): Collector {
  const warnings: string[] = []
  const confDirectories = readLdSoConf(sysroot)
  const closed = new Set<string>()

  const lacks = (path: string, what: string, name: string): BuilderError =>
    new BuilderError('system', `Cannot include '${path}': its ${what} '${name}' is not in the sysroot '${sysroot.directory}'`)

  const addHops = (hops: readonly LinkHop[], reason: string, segment: SegmentName): void => {
    for (const { link, target } of hops) {
      const from = imagePath(link)
      const to = imagePath(target)
      // A link that merges /usr is a directory in the image already.
      if (from !== to) tree.add(from, { type: 'symlink', target: to }, reason, segment)
    }
  }

  const addFile = (file: SysrootFile, destination: string, reason: string, segment: SegmentName): void => {
    const data = sysroot.read(file.path)
    const linkKey = file.stats.nlink > 1 ? { linkKey: `${file.stats.dev}:${file.stats.ino}` } : {}
    tree.add(destination, { type: 'file', mode: file.stats.mode & 0o7777, data, ...linkKey }, reason, segment)
    addNeeds(file.path, data, segment)
  }

  const add: Collector['add'] = (path, { reason, destination, segment = 'variable' }) => {
    const file = sysroot.find(path)
    if (file === undefined) return false
    if (destination === undefined) addHops(file.hops, reason, segment)
    const place = destination ?? imagePath(file.path)
    if (file.stats.isDirectory()) {
      tree.add(place, { type: 'directory', mode: file.stats.mode & 0o7777 }, reason, segment)
      for (const name of sysroot.list(file.path)) {
        const inner = `${file.path === '/' ? '' : file.path}/${name}`
        add(inner, { reason, segment, ...(destination === undefined ? {} : { destination: `${place}/${name}` }) })
      }
    } else if (file.stats.isFile()) {
      addFile(file, place, reason, segment)
    } else {
      warnings.push(`Cannot include '${path}': not a file or directory, ignoring`)
    }
    return true
  }

  const addProgram: Collector['addProgram'] = (name, options) => {
    const directory = programDirectories.find(place => sysroot.find(`${place}/${name}`)?.stats.isFile() === true)
    return directory !== undefined && add(`${directory}/${name}`, options)
  }

  const addNeeds = (path: string, bytes: Uint8Array, segment: SegmentName, inherited: readonly string[] = []): void => {
    if (closed.has(path)) return
    closed.add(path)
    if (bytes[0] === 0x23 && bytes[1] === 0x21) addInterpreter(path, bytes, segment)
    // A relocatable object (e_type 1) is a kernel module: it has no loader.
    else if (isElf(bytes) && bytes[16] !== 1) addElfNeeds(path, bytes, segment, inherited)
  }

  const addElfNeeds = (path: string, bytes: Uint8Array, segment: SegmentName, inherited: readonly string[]): void => {
    const elf = parseElfOf(path, bytes)
    const requester: Requester = { path, elf, inheritedRpath: inherited }
    const { interpreter } = elf
    if (interpreter !== undefined && !add(interpreter, { reason: `interpreter of '${imagePath(path)}'`, segment })) {
      throw lacks(path, 'interpreter', interpreter)
    }
    for (const name of elf.needed) {
      if (!addLibrary(name, requester, `library needed by '${imagePath(path)}'`, segment)) {
        throw lacks(path, 'library', name)
      }
    }
    addOpened(path, bytes, requester, segment)
  }

  const addOpened = (path: string, bytes: Uint8Array, requester: Requester, segment: SegmentName): void => {
    const notes = elfSection(bytes, '.note.dlopen')
    for (const note of notes === undefined ? [] : parseDlopenNotes(notes, bytes[5] === 1)) {
      if (note.priority === 'suggested') continue
      const reason = `opened by '${imagePath(path)}' for ${note.feature === '' ? 'a feature' : note.feature}`
      const found = note.sonames.some(name => addLibrary(name, requester, reason, segment))
      if (!found && note.priority === 'required') throw lacks(path, 'opened library', note.sonames[0] ?? '')
    }
    for (const { soname, why } of dlopenExtras(path)) {
      addLibrary(soname, requester, `${why} by '${imagePath(path)}'`, segment)
    }
  }

  const addLibrary = (name: string, requester: Requester, reason: string, segment: SegmentName): boolean => {
    for (const place of libraryPlaces(name, requester, confDirectories)) {
      const file = sysroot.find(place.path)
      if (file?.stats.isFile() !== true) continue
      const data = closed.has(file.path) ? undefined : sysroot.read(file.path)
      if (data !== undefined && !fits(data, requester.elf)) continue
      addHops(file.hops, reason, segment)
      if (place.origin === 'conf') linkIntoDefault(place.path, file.path, requester, segment)
      const mode = file.stats.mode & 0o7777
      const destination = imagePath(file.path)
      const known = tree.get(destination)
      tree.add(destination, known ?? { type: 'file', mode, data: data ?? sysroot.read(file.path) }, reason, segment)
      if (data !== undefined) addNeeds(file.path, data, segment, rpathDirectories(requester))
      return true
    }
    return false
  }

  /** Without ld.so.cache the image's loader only looks in its built-in directories. */
  const linkIntoDefault = (place: string, target: string, requester: Requester, segment: SegmentName): void => {
    const directories = defaultDirectories(requester.elf.machine, requester.elf.bits)
    const directory = directories.find(candidate => sysroot.find(candidate) !== undefined) ?? '/lib'
    const link = imagePath(`${directory}/${baseOf(place)}`)
    if (link === imagePath(target)) return
    tree.add(link, { type: 'symlink', target: imagePath(target) }, 'its directory is only in ld.so.conf', segment)
  }

  const addInterpreter = (path: string, bytes: Uint8Array, segment: SegmentName): void => {
    const end = bytes.indexOf(0x0a)
    const line = Buffer.from(bytes.subarray(2, end < 0 ? 256 : end)).toString('latin1').trim()
    const [program = '', argument = ''] = line.split(/\s+/)
    const reason = `interpreter of '${imagePath(path)}'`
    const found = program !== '' && (tree.has(imagePath(program)) || add(program, { reason, segment }))
    if (!found) throw lacks(path, 'interpreter', program)
    if (baseOf(program) !== 'env' || argument === '' || argument.startsWith('-')) return
    if (!addProgram(argument, { reason, segment })) throw lacks(path, 'interpreter', argument)
  }

  return { add, addProgram, addNeeds: (path, bytes, segment) => addNeeds(path, bytes, segment), warnings }
}

function parseElfOf(path: string, bytes: Uint8Array): ElfFile {
  try {
    return parseElf(bytes)
  } catch (cause) {
    if (!(cause instanceof ElfError)) throw cause
    throw new BuilderError('system', `Cannot include '${path}': damaged ELF file: ${cause.message}`, { cause })
  }
}

function fits(data: Uint8Array, wanted: Pick<ElfFile, 'machine' | 'bits'>): boolean {
  if (!isElf(data)) return false
  const bits = data[4] === 2 ? 64 : 32
  const machine = new DataView(data.buffer, data.byteOffset).getUint16(18, data[5] === 1)
  return bits === wanted.bits && machine === wanted.machine
}

function readLdSoConf(sysroot: Sysroot): string[] {
  const include = (pattern: string): string[] => {
    const path = pattern.startsWith('/') ? pattern : `/etc/${pattern}`
    const directory = directoryOf(path)
    return sysroot
      .list(directory)
      .filter(name => fnmatch(baseOf(path), name))
      .flatMap(name => sysroot.readIfThere(`${directory}/${name}`)?.toString('utf8') ?? [])
  }
  const glibc = sysroot.readIfThere('/etc/ld.so.conf')?.toString('utf8') ?? ''
  const musl = sysroot.list('/etc').filter(name => fnmatch('ld-musl-*.path', name))
  return [glibc, ...musl.map(name => sysroot.readIfThere(`/etc/${name}`)?.toString('utf8') ?? '')]
    .flatMap(text => parseLdSoConf(text, include))
}
