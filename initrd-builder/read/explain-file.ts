// Why is this file in the image? From our manifest if there is one, and from the files themselves if not.
//
// For images of others the reasons are worked out backwards: who links to it, whose library it is, which
// module depends on it or asks for it as firmware, which script names it.

import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { parseModulesAlias } from '../../src/kmod/modules-alias.ts'
import { parseModulesDep } from '../../src/kmod/modules-dep.ts'
import { parseModulesSoftdep } from '../../src/kmod/modules-softdep.ts'
import { isModulePath, moduleCompression, moduleNameOfPath } from '../../src/kmod/module-name.ts'
import { elfSection, ElfError, isElf, parseElf, type ElfFile } from '../elf/elf-file.ts'
import { baseOf } from '../image/image-path.ts'
import { manifestPath, parseManifest } from '../image/manifest.ts'
import { decompressXzFiles } from '../io/tools.ts'
import { firmwareNames } from '../modules/write-index.ts'
import { fnmatch } from '../../src/kmod/fnmatch.ts'
import { resolveImagePath, uniqueFiles, type ImageFile } from './merge-segments.ts'

type Files = ReadonlyMap<string, ImageFile>

/** What is known of one file's being there. */
export interface Explanation {
  /** The path asked for, and the file that it leads to. */
  readonly path: string
  readonly leadsTo: string
  /** `manifest`: written by the builder. `deduced`: from the image's files. */
  readonly source: 'manifest' | 'deduced'
  readonly reasons: readonly string[]
}

/** Explains a path, or returns undefined if the image has nothing there. */
export async function explainFile(files: Files, path: string): Promise<Explanation | undefined> {
  const asked = `/${path.split('/').filter(part => part !== '' && part !== '.').join('/')}`
  const leadsTo = resolveImagePath(files, asked)
  const parent = resolveImagePath(files, asked.slice(0, asked.lastIndexOf('/')))
  const itself = `${parent === '/' ? '' : parent}/${asked.slice(asked.lastIndexOf('/') + 1)}`
  const file = files.get(itself)
  if (file === undefined || leadsTo === undefined) return undefined
  const listed = manifestReasons(files, itself)
  if (listed !== undefined) return { path: itself, leadsTo, source: 'manifest', reasons: listed }
  const target = files.get(leadsTo) ?? file
  const link = itself === leadsTo ? [] : [`link to '${leadsTo}'`]
  const reasons = [...link, ...(await deduce(files, target, itself))]
  return { path: itself, leadsTo, source: 'deduced', reasons }
}

function manifestReasons(files: Files, path: string): readonly string[] | undefined {
  if (path === manifestPath && files.has(path)) return ['it is the list that says why every file is here']
  const manifest = files.get(manifestPath)
  const items = manifest === undefined ? undefined : parseManifest(Buffer.from(manifest.data).toString('utf8'))
  return items?.find(item => item.path === path)?.reasons
}

async function deduce(files: Files, file: ImageFile, asked: string): Promise<string[]> {
  if (file.type === 'directory') return explainDirectory(files, file.path)
  const reasons = [
    ...explainPlace(file.path),
    ...explainLinks(files, file, asked),
    ...explainElf(files, file),
    ...(isModulePath(file.path) ? explainModule(files, file.path) : []),
    ...(/\/lib\/firmware\//.test(file.path) ? await explainFirmware(files, file.path) : []),
  ]
  return reasons.length > 0 ? reasons : explainMentions(files, file.path)
}

function explainDirectory(files: Files, path: string): string[] {
  const inside = [...files.keys()].filter(other => other.startsWith(`${path}/`)).length
  return [inside === 0 ? 'an empty directory: a mount point, or filled at boot' : `directory of ${inside} entries`]
}

const places: readonly (readonly [RegExp, string])[] = [
  [/^\/init$/, 'the kernel starts it as PID 1'],
  [/^\/kernel\/x86\/microcode\//, 'processor microcode, read by the kernel before it unpacks the image'],
  [/^\/dev\/console$/, 'first descriptors of PID 1'],
  [/^\/etc\/initrd-release$/, 'marks an initramfs (os-release(5))'],
  [/^\/etc\/ld\.so\.(cache|conf)/, 'read by the dynamic loader'],
  [/^\/(usr\/)?lib\/modules\/[^/]+\/modules\./, 'index of the kernel modules, read by modprobe'],
  [/^\/(usr\/)?lib\/udev\/rules\.d\//, 'rules of udev'],
  [/^\/(usr\/lib|etc)\/systemd\/system\//, 'unit of systemd'],
]

function explainPlace(path: string): string[] {
  return places.filter(([pattern]) => pattern.test(path)).map(([, reason]) => reason)
}

function explainLinks(files: Files, { path, entry, segment }: ImageFile, asked: string): string[] {
  const links: string[] = []
  const sameFile: string[] = []
  for (const other of files.values()) {
    if (other.path === path || other.path === asked) continue
    if (other.type === 'symlink' && resolveImagePath(files, other.path) === path) links.push(other.path)
    if (entry.nlink > 1 && other.segment === segment && other.entry.inode === entry.inode) sameFile.push(other.path)
  }
  return [
    ...(links.length === 0 ? [] : [`${someOf(links)} ${links.length === 1 ? 'leads' : 'lead'} to it`]),
    ...(sameFile.length === 0 ? [] : [`the same file as ${someOf(sameFile)}`]),
  ]
}

function explainElf(files: Files, { path, data }: ImageFile): string[] {
  if (isModulePath(path) || !isElf(data)) return []
  const names = new Set([baseOf(path), tryElf(data)?.soname ?? ''])
  for (const link of files.values()) {
    if (link.type === 'symlink' && resolveImagePath(files, link.path) === path) names.add(baseOf(link.path))
  }
  const needing: string[] = []
  const interpreting: string[] = []
  for (const other of uniqueFiles(files)) {
    if (other.path === path || isModulePath(other.path) || !isElf(other.data)) continue
    const elf = tryElf(other.data)
    if (elf?.needed.some(name => names.has(baseOf(name))) === true) needing.push(other.path)
    if (elf?.interpreter !== undefined && resolveImagePath(files, elf.interpreter) === path) interpreting.push(other.path)
  }
  return [
    ...(needing.length === 0 ? [] : [`library needed by ${someOf(needing)}`]),
    ...(interpreting.length === 0 ? [] : [`interpreter of ${someOf(interpreting)}`]),
  ]
}

function explainModule(files: Files, path: string): string[] {
  const name = moduleNameOfPath(path)
  const index = /^(.*\/modules\/[^/]+)\//.exec(path)?.[1] ?? ''
  const textOf = (file: string): string => Buffer.from(files.get(`${index}/${file}`)?.data ?? []).toString('utf8')
  const dependents = [...parseModulesDep(textOf('modules.dep')).values()]
    .filter(module => module.needs.some(need => moduleNameOfPath(need) === name)).map(module => module.name)
  const soft = [...parseModulesSoftdep(textOf('modules.softdep'))]
    .filter(([, { pre, post }]) => pre.includes(name) || post.includes(name)).map(([module]) => module)
  const aliases = parseModulesAlias(textOf('modules.alias')).filter(alias => alias.module === name).length
  return [
    ...(dependents.length === 0 ? [] : [`needed by modules ${someOf(dependents)}`]),
    ...(soft.length === 0 ? [] : [`soft dependency of modules ${someOf(soft)}`]),
    ...(aliases === 0 ? [] : [`drives devices by ${aliases} ${aliases === 1 ? 'alias' : 'aliases'}`]),
  ]
}

async function explainFirmware(files: Files, path: string): Promise<string[]> {
  const wanted = path.replace(/^.*\/lib\/firmware\//, '').replace(/\.(xz|zst)$/, '')
  const modules = [...files.values()].filter(file => file.type === 'file' && isModulePath(file.path))
  const packed = modules.filter(module => moduleCompression(module.path) === 'xz')
  const unpacked = new Map((await decompressXzFiles(packed.map(module => module.data))).map((data, i) => [packed[i]?.path, data]))
  const asking = modules.filter(module => {
    const compression = moduleCompression(module.path)
    const unzip = compression === 'gz' ? gunzipSync : compression === 'zst' ? zstdDecompressSync : undefined
    const data = unpacked.get(module.path) ?? unzip?.(module.data) ?? module.data
    const section = isElf(data) ? elfSection(data, '.modinfo') : undefined
    return section !== undefined && firmwareNames(section).some(name => name === wanted || fnmatch(name, wanted))
  })
  return asking.length === 0 ? [] : [`firmware of modules ${someOf(asking.map(module => moduleNameOfPath(module.path)))}`]
}

/** Last resort: scripts and configuration that name it, by its whole path if any do, else by its last part. */
function explainMentions(files: Files, path: string): string[] {
  const texts = uniqueFiles(files).filter(file =>
    file.path !== path && file.data.length < 1 << 20 && !file.data.includes(0) && !/\/modules\.\w+$/.test(file.path))
  const mentioning = (name: string): string[] => {
    const word = new RegExp(`(^|[^\\w.-])${name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}($|[^\\w.-])`)
    return texts.filter(file => word.test(Buffer.from(file.data).toString('latin1'))).map(file => file.path)
  }
  const byPath = mentioning(path)
  const found = byPath.length > 0 ? byPath : mentioning(baseOf(path))
  return found.length === 0 ? [] : [`named in ${someOf(found)}`]
}

function tryElf(data: Uint8Array): ElfFile | undefined {
  try {
    return parseElf(data)
  } catch (cause) {
    if (cause instanceof ElfError) return undefined
    throw cause
  }
}

function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 6).map(name => `'${name}'`).join(', ')
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown
}
