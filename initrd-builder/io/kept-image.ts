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

/** Bytes of memory that the copy may hold for being quick to come back to. */
export const QUICK_LIMIT = 40 << 20

/** The option of the kernel, and how mksquashfs is told. */
interface Method {
  readonly option: string
  readonly args: readonly string[]
}

/** Four times quicker to read than zstd, for a quarter more memory: docs/keep.md. */
const quick: Method = { option: 'CONFIG_SQUASHFS_LZ4', args: ['-comp', 'lz4', '-Xhc'] }
const small: Method = { option: 'CONFIG_SQUASHFS_ZSTD', args: ['-comp', 'zstd', '-Xcompression-level', '15'] }
/** What every squashfs can read. */
const common: Method = { option: 'CONFIG_SQUASHFS_ZLIB', args: ['-comp', 'gzip', '-Xcompression-level', '9'] }

/** How the copy is to be made. */
export interface KeptContext {
  /** Seconds, of every file. */
  readonly mtime: number
  /** The kernel's configuration, if it is known. */
  readonly kernelConfig: string | undefined
  /** The image was asked to be small, by a compressor other than lz4: so is the copy then. */
  readonly isSmall: boolean
  /** Bytes that a quick copy may have. */
  readonly quickLimit: number
  readonly cache: string | undefined
  readonly warn: (message: string) => void
}

/** Why a kernel with this configuration cannot mount the copy; undefined when it can, as far as is known. */
export function keptImageProblem(kernelConfig: string | undefined): string | undefined {
  if (kernelConfig === undefined) return undefined
  const lines = kernelConfig.split('\n')
  return ['CONFIG_SQUASHFS', 'CONFIG_BLK_DEV_LOOP'].find(option => !lines.includes(`${option}=y`) && !lines.includes(`${option}=m`))
}

/** The copy of these entries: quick to read if that is within the limit, else small. Throws BuilderError, also when mksquashfs is missing. */
export async function makeKeptImage(entries: readonly ImageEntry[], context: KeptContext): Promise<Buffer> {
  const { mtime, kernelConfig, isSmall, quickLimit, cache, warn } = context
  const lines = kernelConfig?.split('\n')
  const canRead = ({ option }: Method): boolean => lines === undefined || lines.includes(`${option}=y`)
  // What the bytes depend on.
  const archive = [...writeNewc(arrangeEntries(entries.map(cpioSource), mtime))]
  const make = async ({ args }: Method): Promise<Buffer> =>
    (await cachedSegment(cache, `kept:1:${args.join(' ')}`, archive, () => squash(entries, mtime, args), warn)).data
  if (!isSmall && canRead(quick)) {
    // An mksquashfs may have been built without lz4. What else is wrong shows below once more.
    const copy = await make(quick).catch(() => undefined)
    if (copy !== undefined && copy.length <= quickLimit) return copy
  }
  return make(canRead(small) ? small : common)
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
