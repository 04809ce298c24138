// Kernel modules compressed each by itself, so that a boot decompresses those that it loads and no other.
//
// zstd, which PID 1 undoes where the kernel cannot (src/boot/devices/module-file.ts): xz, which Debian's kernels undo
// themselves, takes six times as long. Level 9 is 9 % bigger than 19 and made in a thirtieth of the time. What all this
// gains: docs/image.md. A signature is inside of the module and stays.

import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { readNewc } from '../cpio/newc-reader.ts'
import { arrangeEntries, regularMode, writeNewc } from '../cpio/newc-writer.ts'
import { mapLimited } from '../io/map-limited.ts'
import { cachedSegment } from '../io/segment-cache.ts'
import type { ImageTree } from '../image/image-tree.ts'

const zstdAsync = promisify(zstdCompress)
const LEVEL = 9
const FIRMWARE = 'firmware.json'

/** A module as it goes into the image. */
export interface ModuleContent {
  readonly data: Uint8Array
  /** The firmware files that its `.modinfo` names. */
  readonly firmware: readonly string[]
}

/** Where finished work is kept, as for segments. */
export interface PackContext {
  readonly cache: string | undefined
  readonly warn: (message: string) => void
}

/**
 * Compresses modules, given as files of the sysroot have them; `read` gives their plain contents, in that order, and is
 * not called when the cache has what was made of the same files.
 */
export async function packModules(
  files: readonly Uint8Array[], read: () => Promise<readonly ModuleContent[]>, { cache, warn }: PackContext,
): Promise<ModuleContent[]> {
  const make = async (): Promise<Buffer> => {
    const contents = await read()
    const packed = await mapLimited(contents, ({ data }) => zstdAsync(data, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL }, pledgedSrcSize: data.length }))
    const names = Buffer.from(JSON.stringify(contents.map(({ firmware }) => firmware)))
    return Buffer.concat(archive([...packed.map((data, position) => [String(position), data] as const), [FIRMWARE, names]]))
  }
  const given = archive(files.map((data, position) => [String(position), data]))
  const identity = `modules:zstd:${process.versions['zstd'] ?? ''}:${LEVEL}:2`
  const { data } = await cachedSegment(cache, identity, given, make, warn)
  const entries = new Map(readNewc(data).entries.map(entry => [entry.path, entry.data]))
  const firmware: unknown = JSON.parse(Buffer.from(entries.get(FIRMWARE) ?? '[]').toString('utf8'))
  return files.map((_, position) => {
    const names: unknown = Array.isArray(firmware) ? firmware[position] : undefined
    return {
      data: entries.get(String(position)) ?? new Uint8Array(),
      firmware: Array.isArray(names) ? names.filter(name => typeof name === 'string') : [],
    }
  })
}

function archive(files: readonly (readonly [name: string, data: Uint8Array])[]): Uint8Array[] {
  const sources = files.map(([path, data]) => ({ path, data, mode: regularMode(0o644) }))
  return [...writeNewc(arrangeEntries(sources, 0))]
}

/** A program or library of kmod in the image that was built without zstd, and would not find its modules; undefined if there is none. */
export function kmodWithoutZstd(tree: Pick<ImageTree, 'entries'>): string | undefined {
  return tree.entries().find(({ path, node }) =>
    /\/(libkmod\.so\.[\d.]+|kmod)$/.test(path) && node.type === 'file' && loadsModules(node.data))?.path
}

/** It names the library zstd, or (a kmod that has libkmod apart) does not decompress at all. */
function loadsModules(data: Uint8Array): boolean {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
  return !bytes.includes('libzstd.so') && !bytes.includes('libkmod.so')
}
