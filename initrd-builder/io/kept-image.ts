// The compressed copy of an image that the image carries: what stays after a switch with keep slim.
//
// A squashfs of everything but modules, firmware and secrets, mode 0700 at its top. Made of a temporary tree, in
// which files have their modes and all is given to root; device nodes, which only root may make, are told to
// mksquashfs(1) by name. The same tree gives the same bytes: times and order are fixed.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuilderError, describeCause } from '../builder-error.ts'
import { arrangeEntries, writeNewc } from '../cpio/newc-writer.ts'
import { relativeTarget } from '../image/image-path.ts'
import { cpioSource, type ImageEntry } from '../image/image-tree.ts'
import { cachedSegment } from './segment-cache.ts'
import { runFilter } from './tools.ts'

const KEPT_MODE = 0o700

/** Best first: the option of the kernel, and how mksquashfs is told. zlib is what every squashfs can read. */
const methods = [
  { option: 'CONFIG_SQUASHFS_ZSTD', args: ['-comp', 'zstd', '-Xcompression-level', '15'] },
  { option: 'CONFIG_SQUASHFS_ZLIB', args: ['-comp', 'gzip', '-Xcompression-level', '9'] },
] as const

/** How the copy is to be made. */
export interface KeptContext {
  /** Seconds, of every file. */
  readonly mtime: number
  /** The kernel's configuration, if it is known. */
  readonly kernelConfig: string | undefined
  readonly cache: string | undefined
  readonly warn: (message: string) => void
}

/** Why a kernel with this configuration cannot mount the copy; undefined when it can, as far as is known. */
export function keptImageProblem(kernelConfig: string | undefined): string | undefined {
  if (kernelConfig === undefined) return undefined
  const lines = kernelConfig.split('\n')
  return ['CONFIG_SQUASHFS', 'CONFIG_BLK_DEV_LOOP'].find(option => !lines.includes(`${option}=y`) && !lines.includes(`${option}=m`))
}

/** The copy of these entries. Throws BuilderError, also when mksquashfs is missing. */
export async function makeKeptImage(entries: readonly ImageEntry[], context: KeptContext): Promise<Buffer> {
  const { mtime, kernelConfig, cache, warn } = context
  const lines = kernelConfig?.split('\n')
  const method = methods.find(({ option }) => lines === undefined || lines.includes(`${option}=y`)) ?? methods[1]
  // What the bytes depend on, in one piece.
  const archive = Buffer.concat([...writeNewc(arrangeEntries(entries.map(cpioSource), mtime))])
  const { data } = await cachedSegment(cache, `kept:1:${method.args.join(' ')}`, archive, () => squash(entries, mtime, method.args), warn)
  return data
}

async function squash(entries: readonly ImageEntry[], mtime: number, compression: readonly string[]): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'fulcrum-kept-'))
  try {
    const [tree, output] = [join(directory, 'tree'), join(directory, 'image')]
    const nodes = writeTree(tree, entries)
    await runFilter('mksquashfs', [
      tree, output, '-noappend', '-no-progress', '-quiet', '-no-xattrs', '-all-root', '-b', '128K', ...compression,
      ...nodes.flatMap(node => ['-p', node]),
    ], [], { SOURCE_DATE_EPOCH: String(mtime) })
    return readFileSync(output)
  } catch (cause) {
    if (cause instanceof BuilderError) throw cause
    throw new BuilderError('system', `Cannot make the compressed copy for keep slim: ${describeCause(cause)}`, { cause })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Writes the entries, parents first as they are sorted. Returns device nodes as mksquashfs wants to be told of them. */
function writeTree(tree: string, entries: readonly ImageEntry[]): string[] {
  mkdirSync(tree, { mode: KEPT_MODE })
  const nodes: string[] = []
  for (const { path, node } of entries) {
    const place = tree + path
    if (node.type === 'directory') mkdirSync(place)
    else if (node.type === 'symlink') symlinkSync(relativeTarget(path, node.target), place)
    else if (node.type === 'file') writeFileSync(place, node.data)
    else nodes.push(`${path.slice(1)} ${node.type[0]} ${node.mode.toString(8)} 0 0 ${node.major} ${node.minor}`)
    if (node.type === 'file') chmodSync(place, node.mode)
  }
  // Last: a directory without write permission takes no files.
  for (const { path, node } of [...entries].reverse()) if (node.type === 'directory') chmodSync(tree + path, node.mode)
  return nodes
}
