// Wiping: zeros reach the file before its name goes, and nothing outside of the initramfs is touched.

import t from 'tap'
import { createBootedModel } from '../kernel/model/booted.ts'
import { initramfsFiles } from '../kernel/model/booted.ts'
import { file, symlink } from '../kernel/model/vfs.ts'
import { wipeFile } from './wipe-file.ts'

t.test('zeros, then the deletion', async (t) => {
  for (const size of [0, 1, 70_000, 1 << 16]) {
    const k = createBootedModel({ files: { ...initramfsFiles, '/etc/key': file('k'.repeat(size)) } })
    const node = k.world.nodeAt(k.world.initramfs, '/etc/key')
    let atUnlink: Uint8Array | null = null
    const watching = {
      ...k,
      unlink: (path: string): void => {
        atUnlink = k.readFile('/etc/key')
        k.unlink(path)
      },
    }
    t.equal(wipeFile(watching, k.open('/', 0), '/etc/key'), size)
    t.same(atUnlink, new Uint8Array(size), 'all zero, of the same size')
    t.notOk(k.exists('/etc/key'))
    t.not(node, undefined)
  }
})

t.test('nothing is touched that is not a regular file of this file system', async (t) => {
  const k = createBootedModel({ files: { ...initramfsFiles, '/etc/link': symlink('/sysroot/etc/fstab'), '/etc/into': symlink('/sysroot/etc') } })
  k.writeFile('/sysroot/etc/fstab', 'precious')
  const root = k.open('/', 0)
  for (const path of ['/etc/link', '/etc/into/fstab', '/etc/absent', '/etc/initrd-release/x', '/sysroot/etc/fstab']) t.equal(wipeFile(k, root, path), -1, path)
  t.equal(k.readText('/sysroot/etc/fstab'), 'precious')
  t.ok(k.exists('/etc/link'))
})
