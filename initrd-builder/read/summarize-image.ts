// What an image is and what weighs in it: segments, kinds of files, directories, the biggest files.
//
// An image that has outgrown /boot is the commonest trouble of its kind; this says where to cut.

import { isModulePath } from '../../src/kmod/module-name.ts'
import { isElf } from '../elf/elf-file.ts'
import { formatSize } from '../format-size.ts'
import { uniqueFiles, type ImageFile } from './merge-segments.ts'
import type { ReadImage } from './read-image.ts'

/** Files of one kind or place, and the bytes of their contents. */
export interface Weight {
  readonly name: string
  readonly files: number
  readonly bytes: number
}

/** `fulcrum inspect --summary --json`. */
export interface ImageSummary {
  readonly path: string
  readonly bytes: number
  /** Who made it, as far as its files tell. */
  readonly maker: string
  /** Kernels that it has modules for. */
  readonly kernels: readonly string[]
  readonly segments: readonly {
    readonly offset: number
    readonly form: string
    readonly packed: number
    readonly unpacked: number
    readonly entries: number
  }[]
  /** Bytes that the contents take in the rootfs. */
  readonly unpacked: number
  readonly kinds: readonly Weight[]
  readonly directories: readonly Weight[]
  readonly biggest: readonly { readonly path: string; readonly bytes: number }[]
}

/** Summarizes a read image. Hard links are counted once. */
export function summarizeImage(image: ReadImage): ImageSummary {
  const files = uniqueFiles(image.files)
  const weigh = (key: (file: ImageFile) => string): Weight[] => {
    const sums = new Map<string, { files: number; bytes: number }>()
    for (const file of files) {
      const name = key(file)
      const sum = sums.get(name) ?? { files: 0, bytes: 0 }
      sums.set(name, { files: sum.files + 1, bytes: sum.bytes + file.data.length })
    }
    return [...sums].map(([name, sum]) => ({ name, ...sum })).sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1))
  }
  const paths = [...image.files.keys()]
  const kernels = paths.flatMap(path => /^\/(?:usr\/)?lib\/modules\/([^/]+)$/.exec(path)?.[1] ?? [])
  return {
    path: image.path,
    bytes: image.bytes,
    maker: makerOf(image.files),
    kernels: [...new Set(kernels)],
    segments: image.segments.map(({ offset, form, packed, unpacked, entries }) =>
      ({ offset, form, packed, unpacked, entries: entries.length })),
    unpacked: files.reduce((sum, file) => sum + file.data.length, 0),
    kinds: weigh(kindOf),
    directories: weigh(directoryFor).slice(0, 12),
    biggest: files.map(({ path, data }) => ({ path, bytes: data.length })).sort((a, b) => b.bytes - a.bytes).slice(0, 10),
  }
}

/** The summary for a person. */
export function formatSummary(summary: ImageSummary): string {
  const row = ({ name, files, bytes }: Weight): string =>
    `  ${formatSize(bytes).padStart(9)} ${String(files).padStart(6)}  ${name}\n`
  const kernels = summary.kernels.length === 0 ? '' : `, modules for ${summary.kernels.join(', ')}`
  return [
    `${summary.path}: ${formatSize(summary.bytes)}, unpacks to ${formatSize(summary.unpacked)}, made by ${summary.maker}${kernels}\n`,
    '\nSegments:    offset    packed  unpacked  entries\n',
    ...summary.segments.map((s, i) =>
      `  ${String(i + 1).padStart(2)} ${s.form.padEnd(5)} ${String(s.offset).padStart(10)} ${formatSize(s.packed).padStart(9)}` +
      ` ${formatSize(s.unpacked).padStart(9)} ${String(s.entries).padStart(8)}\n`),
    '\nKinds:\n', ...summary.kinds.map(row),
    '\nDirectories:\n', ...summary.directories.map(row),
    '\nBiggest files:\n', ...summary.biggest.map(file => `  ${formatSize(file.bytes).padStart(9)}  ${file.path}\n`),
  ].join('')
}

/** The directory a file is weighed with: one level deep, modules by subsystem. */
function directoryFor({ path }: ImageFile): string {
  const depth = path.includes('/lib/modules/') ? path.split('/').indexOf('modules') + 4 : 2
  return path.split('/').slice(0, -1).slice(0, depth).join('/') || '/'
}

function kindOf({ path, data }: ImageFile): string {
  if (isModulePath(path)) return 'kernel modules'
  if (/^\/(usr\/)?lib\/firmware\//.test(path)) return 'firmware'
  if (path.startsWith('/kernel/x86/microcode/')) return 'microcode'
  if (/\.so(\.[\d.]+)?$/.test(path) && isElf(data)) return 'libraries'
  if (isElf(data)) return 'programs'
  return data[0] === 0x23 && data[1] === 0x21 ? 'scripts' : 'other files'
}

/** Files by which the makers' images are known. */
const marks: readonly (readonly [path: string, maker: string])[] = [
  ['/usr/lib/dracut/dracut-version.sh', 'dracut'],
  ['/lib/dracut/dracut-version.sh', 'dracut'],
  ['/usr/lib/dracut/modules.txt', 'dracut'],
  ['/scripts/functions', 'initramfs-tools'],
  ['/init_functions', 'mkinitcpio'],
  // Behind those whose images have it too, where fulcrum stands in for their switch.
  ['/etc/fulcrum/image.json', 'fulcrum'],
  ['/usr/lib/dracut', 'dracut'],
  ['/lib/dracut', 'dracut'],
  ['/etc/booster.init.yaml', 'booster'],
  ['/usr/lib/systemd/systemd', 'a systemd-based builder'],
]

function makerOf(files: ReadonlyMap<string, ImageFile>): string {
  return marks.find(([path]) => files.has(path))?.[1] ?? 'an unknown builder'
}
