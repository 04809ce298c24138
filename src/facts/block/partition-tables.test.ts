// GPT and MBR against sfdisk(8) and blkid(8), and against damage.
//
// Needs fdisk and util-linux.

import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { crc32, withZeros } from './checksum.ts'
import { parseGpt } from './gpt.ts'
import { blkid, makeTestImages, readerOf, runTool } from '../../boot/devices/image-for-tests.ts'
import { parseMbr } from './mbr.ts'
import type { PartitionTable } from './partition-table.ts'

const images = makeTestImages()
t.teardown(() => images.remove())

const MiB = 1024 * 1024

function parse(path: string, sectorSize = 512): PartitionTable | null {
  const { read, sizeBytes } = readerOf(path)
  return parseGpt(read, sizeBytes, sectorSize) ?? parseMbr(read, sectorSize)
}

function partition(name: string, script: string, sizeMiB = 64): string {
  const path = images.create(name, sizeMiB * MiB)
  // Without these it waits a quarter of a second for a kernel that looks at no file.
  runTool('sfdisk', ['-q', '--no-tell-kernel', '--no-reread', path], script)
  return path
}

interface SfdiskEntry {
  node: string
  start: number
  size: number
  type: string
  uuid?: string
  name?: string
}

/** sfdisk's view of a table in our shape. */
function sfdisk(path: string): object[] {
  const parsed: { partitiontable: { partitions: SfdiskEntry[] } } = JSON.parse(runTool('sfdisk', ['--json', path]))
  return parsed.partitiontable.partitions.map(p => ({
    number: Number(p.node.slice(path.length)),
    startSector: p.start,
    sectors: p.size,
    label: p.name ?? null,
    ...(p.uuid === undefined ? {} : { uuid: p.uuid.toLowerCase() }),
  }))
}

t.test('GPT as sfdisk sees it', async t => {
  const path = partition('gpt', 'label: gpt\nsize=1MiB, type=U, name="EFI system"\nsize=2MiB, name="rööt"\n7: size=3MiB\n')
  const table = parse(path)
  t.match(table, { type: 'gpt', damaged: null, id: blkid(path).get('ID_PART_TABLE_UUID') })
  t.same(table?.entries.map(({ number, startSector, sectors, label, uuid }) => ({ number, startSector, sectors, label, uuid })), sfdisk(path))
  t.same(table?.entries.map(e => e.number), [1, 2, 7], 'gaps keep their numbers')
  t.equal(table?.entries[0]?.partitionType, 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b')
})

t.test('MBR with logical partitions as sfdisk sees it', async t => {
  const script = 'label: dos\nlabel-id: 0x0badcafe\nsize=2MiB, bootable\nsize=2MiB, type=82\nsize=40MiB, type=5\nsize=1MiB\n'
  const path = partition('mbr', `${script}size=2MiB\nsize=3MiB\nsize=4MiB\n`)
  const table = parse(path)
  t.match(table, { type: 'dos', id: '0badcafe', damaged: null })
  t.same(table?.entries.map(({ number, startSector, sectors, label }) => ({ number, startSector, sectors, label })), sfdisk(path))
  t.same(table?.entries.map(e => e.uuid), [1, 2, 3, 4, 5, 6, 7].map(n => `0badcafe-0${n}`))
})

t.test('ten and more: the number in a PARTUUID is hexadecimal', async t => {
  const logical = Array.from({ length: 8 }, () => 'size=1MiB').join('\n')
  const path = partition('mbr-many', `label: dos\nlabel-id: 0x11\nsize=1MiB\n4: type=5\n${logical}\n`)
  t.equal(parse(path)?.entries.find(e => e.number === 10)?.uuid, '00000011-0a')
})

t.test('what is no table', async t => {
  const vfat = images.create('vfat', 16 * MiB)
  runTool('mkfs.vfat', [vfat])
  t.equal(parse(vfat), null, 'the boot sector of a FAT')
  t.equal(parse(images.create('blank', MiB)), null)
  const swap = images.create('swap', MiB)
  runTool('mkswap', ['-q', swap])
  t.equal(parse(swap), null)
})

t.test('damage to GPT is told, with the partitions from the backup', async t => {
  const script = 'label: gpt\nsize=1MiB, name="root"\n'
  const damage = (name: string, change: (path: string) => void): PartitionTable | null => {
    const path = partition(name, script)
    change(path)
    return parse(path)
  }
  const header = damage('gpt-header', path => images.patch(path, 512 + 60, Uint8Array.of(0xff, 0xfe, 0xfd)))
  t.match(header, { damaged: /checksum of its header.*'gpt' on the kernel command line/, entries: [{ label: 'root' }] })
  const entries = damage('gpt-entries', path => images.patch(path, 1024 + 200, Uint8Array.of(0xff)))
  t.match(entries, { damaged: /checksum of its entries/, entries: [{ label: 'root' }] })
  const wiped = damage('gpt-wiped', path => images.patch(path, 512, new Uint8Array(512)))
  t.match(wiped, { damaged: /missing/, entries: [{ label: 'root' }] })
  const both = damage('gpt-both', path => {
    images.patch(path, 512 + 60, Uint8Array.of(0xff, 0xfe, 0xfd))
    images.patch(path, 64 * MiB - 512 + 60, Uint8Array.of(0xff, 0xfe, 0xfd))
  })
  t.match(both, { damaged: /no good backup/, entries: [] })
  const unprotected = damage('gpt-no-pmbr', path => images.patch(path, 446, new Uint8Array(16)))
  t.match(unprotected, { damaged: /protective MBR/, entries: [{ label: 'root' }] })
})

t.test('GPT written for another sector size', async t => {
  const path = partition('gpt-512', 'label: gpt\nsize=1MiB, name="root"\n')
  t.match(parse(path, 4096), { damaged: /sectors of 512 bytes, this disk has 4096/, entries: [{ label: 'root' }] })
})

t.test('GPT in sectors of 4096 bytes', async t => {
  const source = readFileSync(partition('gpt-source', 'label: gpt\nsize=1MiB, name="root"\n'))
  const path = images.create('gpt-4096', 64 * MiB)
  const header = Buffer.from(source.subarray(512, 1024))
  images.patch(path, 0, source.subarray(0, 512))
  images.patch(path, 8192, source.subarray(1024, 1024 + 128 * 128))
  header.writeUInt32LE(crc32(withZeros(header.subarray(0, 92), 16, 4)), 16)
  images.patch(path, 4096, header)
  t.match(parse(path, 4096), { damaged: null, entries: [{ number: 1, label: 'root' }] })
})

t.test('a chain of logical partitions that loops or breaks ends', async t => {
  const script = 'label: dos\nlabel-id: 0x1\nsize=40MiB, type=5\n5: size=1MiB\n6: size=1MiB\n'
  const loop = partition('mbr-loop', script)
  const first = 2048 * 512
  // The link of the first record: a start of 0 leads back to itself.
  images.patch(loop, first + 446 + 16 + 8, new Uint8Array(4))
  t.match(parse(loop), { damaged: /loop/ })
  const broken = partition('mbr-broken', script)
  images.patch(broken, first + 510, new Uint8Array(2))
  t.match(parse(broken), { damaged: /broken/, entries: [{ number: 1 }] })
})

t.test('no bytes make a parser throw', async t => {
  const size = 256 * 1024
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 512, maxLength: 2048 }), fc.boolean(), (noise, isGpt) => {
      const disk = Buffer.alloc(size)
      disk.set(noise)
      disk.set([0x55, 0xaa], 510)
      for (const at of [446, 462, 478, 494]) disk[at] = 0
      if (isGpt) disk.write('EFI PART', 512)
      const read = (offset: number, length: number): Uint8Array | null =>
        offset < 0 || offset + length > size ? null : disk.subarray(offset, offset + length)
      parseGpt(read, size, 512)
      parseMbr(read, 512)
    }),
  )
  t.pass('100 random disks')
})
