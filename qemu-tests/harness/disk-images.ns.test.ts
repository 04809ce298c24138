// Tests that each kind of disk image is what it says, by tools that did not make it.
// Needs root and the mkfs tools; boots nothing.
import t from 'tap'
import { readFileSync } from 'node:fs'
import { diskImage } from './disk-images.ts'
import type { DiskSpec } from './disk-images.ts'
import { runTool, tryTool } from '../../scripts/setup/run-tool.ts'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../../scripts/setup/test-packages.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
const tree: DiskSpec['tree'] = {
  'sbin/init': { type: 'text', text: '#!/bin/sh\n', mode: 0o755 },
  'dev/console': { type: 'device', kind: 'c', major: 5, minor: 1, mode: 0o600 },
  proc: { type: 'directory' },
  bin: { type: 'link', target: 'sbin' },
}

/** What blkid finds at a byte offset, as NAME=value pairs. */
function probe(path: string, offset: number): Map<string, string> {
  const text = tryTool('blkid', ['-p', '-O', `${offset}`, '-o', 'export', path]).stdout
  return new Map(text.split('\n').flatMap((line) => {
    const at = line.indexOf('=')
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const]
  }))
}

t.test('each file system, bare and partitioned, has its ids', async (t) => {
  const specs: readonly DiskSpec[] = [
    { fileSystem: 'ext4', tree, label: 'test-e', table: 'gpt' },
    { fileSystem: 'xfs', tree, label: 'test-x', table: 'mbr' },
    { fileSystem: 'btrfs', tree, label: 'test b' },
    { fileSystem: 'erofs', tree, table: 'gpt' },
    { fileSystem: 'squashfs', tree },
  ]
  for (const spec of specs) {
    const image = diskImage(spec)
    const found = probe(image.path, spec.table === undefined ? 0 : 1 << 20)
    t.equal(found.get('TYPE'), spec.fileSystem)
    t.equal(found.get('UUID'), image.uuid, `${spec.fileSystem} UUID`)
    t.equal(found.get('LABEL')?.replaceAll('\\', ''), spec.label, `${spec.fileSystem} label`)
  }
})

t.test('partition ids', async (t) => {
  const gpt = diskImage({ fileSystem: 'ext4', tree, label: 'test-e', table: 'gpt' })
  const table = runTool('sfdisk', ['--dump', gpt.path])
  t.match(table.toLowerCase(), `uuid=${gpt.partuuid ?? '?'}`)
  t.match(table, `name="${gpt.partlabel ?? '?'}"`)
  const mbr = diskImage({ fileSystem: 'xfs', tree, label: 'test-x', table: 'mbr' })
  t.match(runTool('sfdisk', ['--dump', mbr.path]), /label-id: 0x0f0cabcd/)
  t.equal(mbr.partuuid, '0f0cabcd-01')
})

t.test('contents', async (t) => {
  const ext4 = diskImage({ fileSystem: 'ext4', tree })
  t.match(runTool('debugfs', ['-R', 'stat /dev/console', ext4.path]), /Type: character special/)
  t.match(runTool('debugfs', ['-R', 'stat /sbin/init', ext4.path]), /Mode: +0755/)
  const xfs = diskImage({ fileSystem: 'xfs', tree })
  t.equal(tryTool('xfs_repair', ['-n', '-f', xfs.path]).status, 0)
  t.match(runTool('xfs_db', ['-f', '-c', 'path /bin', '-c', 'p', xfs.path]), /symlink "sbin"|sbin/)
})

t.test('corrupt and empty disks', async (t) => {
  const corrupt = diskImage({ fileSystem: 'ext4', tree, corrupt: true, label: 'bad' })
  t.equal(readFileSync(corrupt.path).readUInt16LE(1024 + 56), 0xef53, 'the magic is still there')
  t.not(tryTool('dumpe2fs', ['-h', corrupt.path]).status, 0, 'but nothing can use it')
  t.equal(probe(diskImage({ fileSystem: 'none', tree: {} }).path, 0).get('TYPE'), undefined)
})

t.test('the same spec is the same file, another is another', async (t) => {
  t.equal(diskImage({ fileSystem: 'ext4', tree }).path, diskImage({ fileSystem: 'ext4', tree: { ...tree } }).path)
  t.not(diskImage({ fileSystem: 'ext4', tree }).path, diskImage({ fileSystem: 'ext4', tree: {} }).path)
})
