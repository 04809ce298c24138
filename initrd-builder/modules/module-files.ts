// Puts chosen kernel modules, their index and their firmware into the image.
//
// Modules go in compressed each by itself, or plain into a segment that is compressed as a whole, whatever they are on
// disk (pack-modules.ts). Firmware stays as it is on disk, since the kernel looks for the compressed names itself
// (CONFIG_FW_LOADER_COMPRESS, since Linux 5.3).

import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { BuilderError, describeCause } from '../builder-error.ts'
import { ElfError, elfSection } from '../elf/elf-file.ts'
import type { ImageTree } from '../image/image-tree.ts'
import type { Collector } from '../io/collector.ts'
import type { Sysroot } from '../io/sysroot.ts'
import { decompressXzFiles } from '../io/tools.ts'
import { fnmatch } from '../../src/kmod/fnmatch.ts'
import { makeModuleIndex, type ModuleIndex, type ModuleIndexText } from '../../src/kmod/module-index.ts'
import { moduleCompression, moduleNameOfPath, type ModuleCompression } from '../../src/kmod/module-name.ts'
import { baseOf, directoryOf } from '../image/image-path.ts'
import { packModules, type ModuleContent, type PackContext } from './pack-modules.ts'
import type { ChosenModule } from './select-modules.ts'
import {
  filterBuiltinModinfo, filterModulesAlias, filterModulesDep, filterModulesSoftdep, firmwareNames, modulePathInImage,
} from './write-index.ts'

/** A kernel's modules as they lie in a sysroot. */
export interface KernelModules {
  readonly version: string
  readonly sysroot: Sysroot
  readonly index: ModuleIndex
  readonly text: ModuleIndexText
}

/** Reads depmod's files of one kernel. Throws BuilderError if there is no such kernel or depmod never ran. */
export function readKernelModules(sysroot: Sysroot, version: string): KernelModules {
  const directory = `/lib/modules/${version}`
  const read = (name: string): string | undefined => sysroot.readIfThere(`${directory}/${name}`)?.toString('utf8')
  if (sysroot.find(directory) === undefined) {
    const others = kernelVersions(sysroot)
    const known = others.length === 0 ? 'it has none' : `it has '${others.join("', '")}'`
    throw new BuilderError('system', `Cannot find kernel '${version}' in '${sysroot.directory}': no '${directory}', ${known}`)
  }
  const dep = read('modules.dep')
  if (dep === undefined) {
    const detail = `'${directory}/modules.dep' is missing, run 'depmod ${version}'`
    throw new BuilderError('system', `Cannot read modules of kernel '${version}': ${detail}`)
  }
  const optional = (key: keyof ModuleIndexText, name: string): Partial<ModuleIndexText> => {
    const text = read(name)
    return text === undefined ? {} : { [key]: text }
  }
  const text: ModuleIndexText = {
    dep, ...optional('alias', 'modules.alias'), ...optional('softdep', 'modules.softdep'),
    ...optional('weakdep', 'modules.weakdep'), ...optional('builtin', 'modules.builtin'),
    ...optional('builtinModinfo', 'modules.builtin.modinfo'),
  }
  return { version, sysroot, text, index: makeModuleIndex(text) }
}

/** Versions of the kernels that have a directory of modules. */
export function kernelVersions(sysroot: Sysroot): string[] {
  return sysroot.list('/lib/modules').filter(name => sysroot.find(`/lib/modules/${name}/modules.dep`) !== undefined)
}

/** What was added, for the summary. */
export interface ModulesAdded {
  readonly modules: number
  readonly firmware: number
  /** Firmware that modules name and the sysroot does not have: usual, most is for other hardware. */
  readonly missingFirmware: readonly string[]
}

/** Which modules are compressed each by itself: all but these. */
export interface ModulePacking extends PackContext {
  readonly plain: ReadonlySet<string>
}

/** Adds the modules' files, the cut down index and the firmware. */
export async function addModuleFiles(
  tree: ImageTree, kernel: KernelModules, chosen: readonly ChosenModule[], collector: Collector, pack: ModulePacking | undefined,
): Promise<ModulesAdded> {
  const directory = `/lib/modules/${kernel.version}`
  const groups = { plain: chosen.filter(({ name }) => pack?.plain.has(name) !== false), packed: chosen.filter(({ name }) => pack?.plain.has(name) === false) }
  const place = (path: string): string => modulePathInImage(path, pack?.plain.has(moduleNameOfPath(path)) === false ? '.ko.zst' : '.ko')
  const firmware = new Map<string, string[]>()
  for (const group of ['plain', 'packed'] as const) {
    const files = groups[group].map(module => readModule(kernel, module))
    const read = (): Promise<ModuleContent[]> => plainContents(groups[group], files)
    const contents = pack === undefined || group === 'plain' ? await read() : await packModules(files, read, pack)
    for (const [position, module] of groups[group].entries()) {
      const { data, firmware: names } = contents[position] ?? { data: new Uint8Array(), firmware: [] }
      const path = `${directory}/${place(module.path)}`
      for (const reason of module.reasons) tree.add(path, { type: 'file', mode: 0o644, data }, reason, group === 'plain' ? 'modules' : 'packed')
      for (const name of names) {
        firmware.set(name, [...(firmware.get(name) ?? []), `firmware of module '${module.name}'`])
      }
    }
  }
  addIndexFiles(tree, kernel, new Set(chosen.map(module => module.name)), place)
  let added = 0
  const missingFirmware: string[] = []
  for (const [name, reasons] of [...firmware].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const paths = findFirmware(kernel.sysroot, kernel.version, name)
    if (paths.length === 0) missingFirmware.push(name)
    added += paths.length
    for (const path of paths) {
      for (const reason of reasons) collector.add(path, { reason, segment: 'modules' })
    }
  }
  return { modules: chosen.length, firmware: added, missingFirmware }
}

function addIndexFiles(tree: ImageTree, { version, index, text }: KernelModules, kept: ReadonlySet<string>, place: (path: string) => string): void {
  const files: [name: string, content: string][] = [
    ['modules.dep', filterModulesDep(index.modules.values(), kept, place)],
    ['modules.alias', filterModulesAlias(text.alias ?? '', kept)],
    ['modules.softdep', filterModulesSoftdep(text.softdep ?? '', kept)],
    ['modules.weakdep', filterModulesSoftdep(text.weakdep ?? '', kept)],
    ['modules.builtin', text.builtin ?? ''],
    ['modules.builtin.modinfo', filterBuiltinModinfo(text.builtinModinfo ?? '')],
  ]
  for (const [name, content] of files) {
    const data = new TextEncoder().encode(content)
    tree.add(`/lib/modules/${version}/${name}`, { type: 'file', mode: 0o644, data }, 'index of the kernel modules', 'modules')
  }
}

/** A module's file as the sysroot has it. */
function readModule({ sysroot, version }: KernelModules, { path }: ChosenModule): Buffer {
  const data = sysroot.readIfThere(path.startsWith('/') ? path : `/lib/modules/${version}/${path}`)
  if (data !== undefined) return data
  throw new BuilderError('system', `Cannot read module '${path}' of kernel '${version}': modules.dep names it but it is not there`)
}

async function plainContents(chosen: readonly ChosenModule[], raw: readonly Buffer[]): Promise<ModuleContent[]> {
  const unpacked = await decompressXzFiles(raw.filter((_, i) => moduleCompression(chosen[i]?.path ?? '') === 'xz'))
  let next = 0
  return raw.map((file, i) => {
    const path = chosen[i]?.path ?? ''
    const compression = moduleCompression(path)
    const data = compression === 'xz' ? (unpacked[next++] ?? file) : decompress(file, compression, path)
    return { data, firmware: firmwareOf(path, data) }
  })
}

function decompress(data: Buffer, compression: ModuleCompression, path: string): Buffer {
  try {
    return compression === 'gz' ? gunzipSync(data) : compression === 'zst' ? zstdDecompressSync(data) : data
  } catch (cause) {
    throw new BuilderError('system', `Cannot decompress module '${path}': ${describeCause(cause)}`, { cause })
  }
}

function firmwareOf(path: string, data: Buffer): string[] {
  try {
    const section = elfSection(data, '.modinfo')
    return section === undefined ? [] : firmwareNames(section)
  } catch (cause) {
    if (!(cause instanceof ElfError)) throw cause
    throw new BuilderError('system', `Cannot read module '${path}': damaged ELF file: ${cause.message}`, { cause })
  }
}

/** The kernel's own search order for firmware; a name may hold wild cards. */
function findFirmware(sysroot: Sysroot, version: string, name: string): string[] {
  for (const base of [`/lib/firmware/updates/${version}`, '/lib/firmware/updates', `/lib/firmware/${version}`, '/lib/firmware']) {
    const directory = directoryOf(`${base}/${name}`)
    if (/[*?[]/.test(name)) {
      const pattern = baseOf(name)
      const found = sysroot.list(directory).filter(entry => fnmatch(pattern, entry.replace(/\.(xz|zst)$/, '')))
      if (found.length > 0) return found.map(entry => `${directory}/${entry}`)
    } else {
      const found = ['', '.zst', '.xz'].map(suffix => `${base}/${name}${suffix}`)
        .find(path => sysroot.find(path)?.stats.isFile() === true)
      if (found !== undefined) return [found]
    }
  }
  return []
}
