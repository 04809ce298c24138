// Every prober against real file systems and blkid(8), and against damage.
//
// Needs e2fsprogs, xfsprogs, btrfs-progs, erofs-utils, squashfs-tools, dosfstools, util-linux.

import fc from 'fast-check'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { blkid, bytesOf, makeTestImages, readerOf, runTool } from '../../boot/devices/image-for-tests.ts'
import { headLength, probeSuperblock, sizeText } from './probe-superblock.ts'
import type { Superblock } from './superblock.ts'
import { imageFixtures } from './superblocks/image-fixtures.ts'
import { superblockProbers } from './superblocks/index.ts'

const images = makeTestImages()
t.teardown(() => images.remove())

const MiB = 1024 * 1024

function probe(path: string): Superblock | null {
  const { read, sizeBytes } = readerOf(path)
  return probeSuperblock(read, sizeBytes, true)
}

/** Compares type, UUID, label and usage with blkid's; returns our own result. */
function agreesWithBlkid(t: Test, path: string): Superblock | null {
  const found = probe(path)
  const oracle = blkid(path)
  t.same(
    { type: found?.type, uuid: found?.uuid ?? undefined, label: found?.label ?? undefined, usage: found?.usage },
    { type: oracle.get('ID_FS_TYPE'), uuid: oracle.get('ID_FS_UUID'), label: oracle.get('ID_FS_LABEL'), usage: oracle.get('ID_FS_USAGE') },
    `as blkid: ${oracle.get('ID_FS_TYPE') ?? 'nothing'}`,
  )
  t.equal(found?.damaged, null, 'sound')
  return found
}

t.test('hashes of dm-verity', async t => {
  const [data, hashes] = [images.create('verity-data', MiB), images.create('verity-hashes', MiB)]
  runTool('veritysetup', ['format', data, hashes])
  t.match(agreesWithBlkid(t, hashes), { type: 'DM_verity_hash' })
})

t.test('made by mkfs', async t => {
  const cases: [tool: string, args: string[], sizeMiB: number][] = [
    ['mkfs.ext2', ['-q', '-L', 'two'], 8],
    ['mkfs.ext3', ['-q', '-L', 'with space'], 8],
    ['mkfs.ext4', ['-q', '-L', 'ünïcode'], 8],
    ['mkfs.ext4', ['-q', '-b', '4096'], 16],
    ['mkfs.ext4', ['-q', '-O', '^has_journal'], 8],
    ['mkfs.xfs', ['-q', '-L', 'twelve-chars'], 320],
    ['mkfs.xfs', ['-q', '-m', 'crc=0', '-i', 'nrext64=0'], 320],
    ['mkfs.btrfs', ['-q', '-L', 'b'], 128],
    ['mkfs.vfat', ['-n', 'TWELVE'], 1],
    ['mkfs.vfat', ['-F', '16', '-n', 'SIX TEEN'], 16],
    ['mkfs.vfat', ['-F', '32', '-n', 'ESP'], 40],
    ['mkfs.vfat', ['-F', '32'], 40],
    ['mkswap', ['-q', '-L', 'swapspace'], 1],
  ]
  for (const [i, [tool, args, sizeMiB]] of cases.entries()) {
    const path = images.create(`made-${i}`, sizeMiB * MiB)
    try {
      runTool(tool, [...args, path])
    } catch (error) {
      // xfsprogs before 6 knows no nrext64 and newer ones need it off for crc=0.
      if (!args.includes('nrext64=0')) throw error
      runTool(tool, ['-q', '-m', 'crc=0', path])
    }
    const found = agreesWithBlkid(t, path)
    t.ok((found?.sizeBytes ?? 0) <= sizeMiB * MiB, `${tool} fits its device`)
    t.not(found?.dirty, true, `${tool} leaves it clean`)
  }
})

t.test('made from a directory', async t => {
  const directory = join(dirname(images.create('marker', 0)), 'tree')
  mkdirSync(directory)
  writeFileSync(join(directory, 'file'), 'contents\n'.repeat(1000))
  const erofs = images.create('erofs', 0)
  runTool('mkfs.erofs', ['--quiet', '-U', '0d4dbbf5-3b2d-4a36-a0a5-19c6ad0c0c3a', erofs, directory])
  agreesWithBlkid(t, erofs)
  const squashfs = images.create('squashfs', 0)
  runTool('mksquashfs', [directory, squashfs, '-quiet', '-no-progress', '-noappend'])
  agreesWithBlkid(t, squashfs)
})

t.test('fixtures', async t => {
  for (const fixture of imageFixtures) agreesWithBlkid(t, images.unpack(fixture))
})

/** The superblock of md, formats 1.x, at a place. */
function mdSuperblock(offset: number): Uint8Array {
  const bytes = Buffer.alloc(4096)
  bytes.writeUInt32LE(0xa92b4efc, 0)
  bytes.writeUInt32LE(1, 4)
  Buffer.from('00112233445566778899aabbccddeeff', 'hex').copy(bytes, 16)
  bytes.write('host:array', 32)
  bytes.writeUInt32LE(1, 72)
  bytes.writeUInt32LE(2, 92)
  bytes.writeBigUInt64LE(8n, 128)
  bytes.writeBigUInt64LE(BigInt(offset / 512), 144)
  bytes.writeUInt32LE(0, 220)
  // sb_csum: sum of 32-bit words over 256 bytes, folded (md_p.h).
  let sum = 0n
  for (let at = 0; at < 256; at += 4) sum += BigInt(bytes.readUInt32LE(at))
  bytes.writeUInt32LE(Number((sum & 0xffffffffn) + (sum >> 32n)), 216)
  return bytes
}

t.test('members of md arrays are never taken for what is in them', async t => {
  const size = 8 * MiB
  for (const offset of [0, 4096, size - 8192]) {
    const path = images.create(`md-${offset}`, size)
    runTool('mkfs.ext4', ['-q', path])
    images.patch(path, offset, mdSuperblock(offset).subarray(0, 256))
    const found = probe(path)
    t.match(found, { type: 'linux_raid_member', usage: 'raid', label: 'host:array', raidLevel: 1 }, `superblock at ${offset}`)
    t.equal(found?.uuid, '00112233-4455-6677-8899-aabbccddeeff')
    t.equal(blkid(path).get('ID_FS_TYPE'), 'linux_raid_member', 'as blkid')
  }
  const old = images.create('md-090', size)
  const bytes = Buffer.alloc(4096)
  for (const [at, value] of [[0, 0xa92b4efc], [8, 90], [28, 5], [20, 0x01020304], [52, 0x05060708], [56, 0x090a0b0c], [60, 0x0d0e0f10]] as const) {
    bytes.writeUInt32LE(value, at)
  }
  images.patch(old, size - 65536, bytes)
  t.match(probe(old), { type: 'linux_raid_member', uuid: '01020304-0506-0708-090a-0b0c0d0e0f10', raidLevel: 5 })
})

t.test('members of arrays of the firmware too', async t => {
  const size = 8 * MiB
  for (const [name, offset, bytes] of [['isw', size - 1024, Buffer.from('Intel Raid ISM Cfg Sig. 1.3.00')], ['ddf', size - 512, Buffer.from('de11de11', 'hex')]] as const) {
    const path = images.create(`firmware-${name}`, size)
    runTool('mkfs.ext4', ['-q', path])
    images.patch(path, offset, bytes)
    t.match(probe(path), { type: `${name}_raid_member`, usage: 'raid', uuid: null })
  }
})

t.test('damage is told', async t => {
  const ext = (name: string): string => {
    const path = images.create(name, 32 * MiB)
    runTool('mkfs.ext4', ['-q', '-b', '1024', '-L', 'root', path])
    return path
  }
  const flipped = ext('ext-flipped')
  images.patch(flipped, 1024 + 0x70, Uint8Array.of(0xff, 0xff))
  t.match(probe(flipped), { type: 'ext4', label: 'root', damaged: /checksum/ })

  const zeroed = ext('ext-zeroed')
  const { uuid } = probe(zeroed) ?? { uuid: null }
  images.patch(zeroed, 0, new Uint8Array(4096))
  t.match(probe(zeroed), { type: 'ext4', label: 'root', uuid, damaged: /e2fsck -b 8193/ })

  const cut = ext('ext-cut')
  truncateSync(cut, 16 * MiB)
  t.match(probe(cut), { type: 'ext4', damaged: /larger than its device/ })

  const xfs = images.create('xfs-flipped', 320 * MiB)
  runTool('mkfs.xfs', ['-q', xfs])
  images.patch(xfs, 300, Uint8Array.of(1))
  t.match(probe(xfs), { type: 'xfs', damaged: /checksum/ })

  const btrfs = images.create('btrfs-zeroed', 128 * MiB)
  runTool('mkfs.btrfs', ['-q', btrfs])
  images.patch(btrfs, 65536, new Uint8Array(4096))
  t.match(probe(btrfs), { type: 'btrfs', damaged: /mirror/ })

  t.equal(probe(images.create('blank', 8 * MiB)), null, 'a blank device is nothing, not damaged')
  t.equal(probe(images.create('tiny', 512)), null, 'a device smaller than every superblock')
})

t.test('ext4 with a journal to replay is dirty, not damaged', async t => {
  const path = images.create('dirty', 8 * MiB)
  runTool('mkfs.ext4', ['-q', '-O', '^metadata_csum', path])
  const incompat = bytesOf(path, 1024 + 0x60, 1)
  images.patch(path, 1024 + 0x60, Uint8Array.of((incompat[0] ?? 0) | 4))
  t.match(probe(path), { type: 'ext4', damaged: null, dirty: true })
})

t.test('no bytes make a prober throw or read out of bounds', async t => {
  const sizeBytes = 128 * 1024
  const magics: [number, string][] = [
    [0, 'XFSB'], [0, 'hsqs'], [0, 'LUKS\xba\xbe'], [512, 'LABELONE'], [3, 'NTFS    '], [3, 'EXFAT   '], [4086, 'SWAPSPACE2'],
    [32769, 'CD001'], [65600, '_BHRfS_M'], [1080, '\x53\xef'], [1024, '\xe2\xe1\xf5\xe0'], [1024, '\x10\x20\xf5\xf2'], [82, 'FAT32   '],
  ]
  fc.assert(
    fc.property(fc.constantFrom(...magics), fc.uint8Array({ minLength: 64, maxLength: 600 }), fc.nat(300), ([at, magic], noise, shift) => {
      const disk = Buffer.alloc(sizeBytes)
      disk.set(noise, Math.max(0, at - shift))
      disk.write(magic, at, 'latin1')
      if (at === 32769) disk[32768] = 1
      probeSuperblock((offset, length) => {
        if (!Number.isInteger(offset) || !Number.isInteger(length) || length > 64 * MiB) throw new Error(`read(${offset}, ${length})`)
        return offset < 0 || length < 0 || offset + length > sizeBytes ? null : disk.subarray(offset, offset + length)
      }, sizeBytes, true)
    }),
    { numRuns: 400 },
  )
  t.pass('400 random disks')
})

t.test('every fixed window is in the head that is read at once', async t => {
  for (const { window } of superblockProbers) t.ok(window.offset >= 0 && window.offset + window.length <= headLength)
})

t.test('sizes for people', async t => {
  t.same([0, 512, 1536, 5 * MiB, 10.4 * MiB, 2 ** 40].map(sizeText), ['0 B', '512 B', '1.5 KiB', '5 MiB', '10 MiB', '1 TiB'])
})
