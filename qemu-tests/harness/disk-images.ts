// Makes the disk images that guests boot from: a tree as one of five file systems, bare or in a GPT or MBR
// partition, with fixed ids. No loop devices and no mounting: every mkfs here fills its file system itself, so
// that images can be made in any sandbox. Kept in the cache under a hash of everything that they consist of.
// Man pages: mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8), mkfs.erofs(1), mksquashfs(1), sfdisk(8).
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, makeAtomically } from '../../scripts/setup/cache.ts'
import { runTool, tryTool } from '../../scripts/setup/run-tool.ts'
import { scratchFolder, treeKey, writeTree } from './tree.ts'
import type { Tree } from './tree.ts'
import { xfsProtofile } from './xfs-protofile.ts'

export type FileSystem = 'ext4' | 'xfs' | 'btrfs' | 'erofs' | 'squashfs'

export interface DiskSpec {
  /** `none`: a disk with bytes on it that are no file system. */
  readonly fileSystem: FileSystem | 'none'
  readonly table?: 'none' | 'gpt' | 'mbr'
  /** GPT only: type and attributes of the partition, as sfdisk takes them. */
  readonly partition?: { readonly type: string; readonly attributes?: string }
  readonly tree: Tree
  /** A folder that the tree is put on top of, and a key that changes when the folder does. */
  readonly base?: { readonly folder: string; readonly key: string }
  /** Size of the file system; those that are read-only are as large as their contents. */
  readonly sizeMiB?: number
  readonly label?: string
  /** Makes the superblock nonsense but for magic, UUID and label: found, and refused by mount(2). ext4 only. */
  readonly corrupt?: boolean
  /** Commands of debugfs(8) that break something in the finished file system. ext4 only. */
  readonly damage?: readonly string[]
}

export interface DiskImage {
  readonly path: string
  readonly fileSystem: FileSystem | 'none'
  /** Undefined where the format has none (squashfs). */
  readonly uuid?: string
  readonly label?: string
  readonly partuuid?: string
  readonly partlabel?: string
}

const UUIDS: Readonly<Record<FileSystem, string | undefined>> = {
  ext4: '0f0c0000-0000-4000-8000-00000000e4f4',
  xfs: '0f0c0000-0000-4000-8000-000000000f55',
  btrfs: '0f0c0000-0000-4000-8000-00000000b7f5',
  erofs: '0f0c0000-0000-4000-8000-000000e20f50',
  squashfs: undefined,
}
const PARTUUID = '0f0c0000-0000-4000-8000-00000000aaaa'
const PARTLABEL = 'fulcrum-root'
const MBR_ID = '0f0cabcd'
const PARTITION_START = 1 << 20
const MIB = 1 << 20

const DEFAULT_SIZE_MIB: Readonly<Record<FileSystem | 'none', number>> = {
  ext4: 48, xfs: 304, btrfs: 128, erofs: 0, squashfs: 0, none: 16,
}

/**
 * Options that keep mkfs.xfs to what Linux 6.1 can mount. Debian 12's own mkfs.xfs stumbles over the file of that
 * name (it knows no nrext64), but makes nothing newer by itself.
 */
function xfsFeatures(image: string): string[] {
  const options = ['-c', 'options=/usr/share/xfsprogs/mkfs/lts_6.1.conf']
  return tryTool('mkfs.xfs', ['-N', '-q', '-f', ...options, image]).status === 0 ? options : []
}

function makeFileSystem(spec: DiskSpec, folder: string, image: string): void {
  const size = (spec.sizeMiB ?? DEFAULT_SIZE_MIB[spec.fileSystem]) * MIB
  const label = spec.label === undefined ? [] : ['-L', spec.label]
  if (size > 0) {
    writeFileSync(image, '')
    truncateSync(image, size)
  }
  switch (spec.fileSystem) {
    case 'ext4':
      runTool('mke2fs', ['-q', '-F', '-t', 'ext4', '-U', UUIDS.ext4 ?? '', ...label, '-m', '0', '-d', folder, image])
      break
    case 'xfs': {
      const proto = `${folder}.proto`
      writeFileSync(proto, xfsProtofile(folder))
      try {
        runTool('mkfs.xfs', ['-q', '-f', ...xfsFeatures(image), '-m', `uuid=${UUIDS.xfs ?? ''}`, ...label, '-p', proto, image])
      } finally {
        rmSync(proto, { force: true })
      }
      break
    }
    case 'btrfs':
      runTool('mkfs.btrfs', ['-q', '-U', UUIDS.btrfs ?? '', ...label, '--rootdir', folder, image])
      break
    case 'erofs':
      runTool('mkfs.erofs', ['--quiet', '-T0', '--all-root', `-U${UUIDS.erofs ?? ''}`, image, folder])
      break
    case 'squashfs':
      // Gzip is what every kernel that has squashfs can read.
      runTool('mksquashfs', [folder, image, '-quiet', '-no-progress', '-all-root', '-noappend', '-comp', 'gzip'])
      break
    case 'none':
      writeAt(image, 0, Buffer.from('This disk holds no file system. '.repeat(4096)))
      break
  }
  for (const command of spec.damage ?? []) runTool('debugfs', ['-w', '-R', command, image])
  if (spec.corrupt === true) {
    // s_log_block_size, at 0x18 of the superblock at 1024: a block size that no kernel accepts.
    writeAt(image, 1024 + 0x18, Buffer.from([0xff, 0xff, 0xff, 0xff]))
  }
}

function writeAt(path: string, offset: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+')
  try {
    writeSync(fd, bytes, 0, bytes.length, offset)
  } finally {
    closeSync(fd)
  }
}

function wrapInTable(table: 'gpt' | 'mbr', { type = 'linux', attributes }: Partial<NonNullable<DiskSpec['partition']>>, content: string, image: string): void {
  const bytes = Math.ceil(statSync(content).size / MIB) * MIB
  writeFileSync(image, '')
  truncateSync(image, PARTITION_START + bytes + MIB)
  const script = table === 'gpt'
    ? ['label: gpt', 'label-id: 0f0c0000-0000-4000-8000-0000000000dd',
      `start=2048, size=${bytes / 512}, type=${type}, uuid=${PARTUUID}, name="${PARTLABEL}"${attributes === undefined ? '' : `, attrs="${attributes}"`}`]
    : ['label: dos', `label-id: 0x${MBR_ID}`, `start=2048, size=${bytes / 512}, type=83`]
  runTool('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', image], { input: `${script.join('\n')}\n` })
  runTool('dd', [`if=${content}`, `of=${image}`, 'bs=1M', `seek=${PARTITION_START / MIB}`, 'conv=notrunc,sparse', 'status=none'])
}

/** Removes the disks that no test has used for a week: each change of the guests' programs makes a new set. */
function removeUnused(directory: string): void {
  const limit = Date.now() - 7 * 24 * 3600 * 1000
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? limit) < limit) rmSync(path, { force: true })
  }
}

/** The image of a disk, made if the cache has none. Needs root, for the owners and devices in it. */
export function diskImage(spec: DiskSpec): DiskImage {
  const { tree, base, ...rest } = spec
  const table = spec.table ?? 'none'
  const key = createHash('sha256').update(JSON.stringify([3, rest, base?.key ?? '', treeKey(tree)])).digest('hex').slice(0, 24)
  const path = join(cacheDirectory('disks'), `${spec.fileSystem}-${table}-${key}.img`)
  const uuid = spec.fileSystem === 'none' ? undefined : UUIDS[spec.fileSystem]
  const image: DiskImage = {
    path,
    fileSystem: spec.fileSystem,
    ...(uuid === undefined ? {} : { uuid }),
    ...(spec.label === undefined ? {} : { label: spec.label }),
    ...(table === 'gpt' ? { partuuid: PARTUUID, partlabel: PARTLABEL } : {}),
    ...(table === 'mbr' ? { partuuid: `${MBR_ID}-01` } : {}),
  }
  if (existsSync(path)) {
    utimesSync(path, new Date(), new Date())
    return image
  }
  removeUnused(cacheDirectory('disks'))
  const folder = scratchFolder('disk')
  try {
    if (base !== undefined) runTool('cp', ['-a', '--reflink=auto', `${base.folder}/.`, folder])
    writeTree(tree, folder)
    makeAtomically(path, (temporary) => {
      const content = table === 'none' ? temporary : `${temporary}.fs`
      try {
        makeFileSystem(spec, folder, content)
        if (table !== 'none') wrapInTable(table, spec.partition ?? {}, content, temporary)
      } finally {
        if (content !== temporary) rmSync(content, { force: true })
      }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return image
}
