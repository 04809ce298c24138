// Files that were left in /run/initramfs become part of the initramfs that is mounted there.

import t from 'tap'
import { createBootedModel } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { keepLeftFiles } from './left-files.ts'

function machine(): ModelKernel {
  const k = createBootedModel({ absoluteRoot: true })
  k.mkdir('/run/initramfs', 0o755)
  k.writeFile('/run/initramfs/overlayfs.passwd', 'secret', 0o400)
  k.mkdir('/run/initramfs/log', 0o755)
  k.writeFile('/run/initramfs/log/one', '1')
  k.symlink('/dev/loop0', '/run/initramfs/livedev')
  return k
}

t.test('files, directories and links, with their mode; what the initramfs has itself stays; all of it is taken back', async (t) => {
  const k = machine()
  k.writeFile('/run/initramfs/init', 'not the init')
  const init = k.readText('/init')
  const undo = keepLeftFiles(k, '/sysroot')
  t.equal(k.readText('/overlayfs.passwd'), 'secret')
  t.equal(k.lstat('/overlayfs.passwd').mode & 0o7777, 0o400)
  t.equal(k.readText('/log/one'), '1')
  t.equal(k.readlink('/livedev'), '/dev/loop0')
  t.equal(k.readText('/init'), init)
  undo()
  for (const path of ['/overlayfs.passwd', '/log', '/livedev']) t.notOk(k.exists(path), path)
  t.equal(k.readText('/init'), init)
  t.equal(k.readText('/run/initramfs/overlayfs.passwd'), 'secret', 'where it was it stays')
})

t.test('a /run that is at the new root already', async (t) => {
  const k = machine()
  k.mount('/run', '/sysroot/run', null, 0x2000, null)
  keepLeftFiles(k, '/sysroot')
  t.equal(k.readText('/overlayfs.passwd'), 'secret')
})

t.test('what is large stays where it is', async (t) => {
  const k = machine()
  k.writeFile('/run/initramfs/squashed.img', new Uint8Array((1 << 20) + 1))
  for (const n of [1, 2, 3, 4, 5]) k.writeFile(`/run/initramfs/part${n}`, new Uint8Array(1 << 20))
  keepLeftFiles(k, '/sysroot')
  t.notOk(k.exists('/squashed.img'))
  t.equal([1, 2, 3, 4, 5].filter((n) => k.exists(`/part${n}`)).length, 3, '4 MiB in all, with the small ones')
})

t.test('nothing is done where something is mounted, or nothing was left', async (t) => {
  const k = machine()
  k.mkdir('/run/initramfs/live', 0o755)
  k.mount('tmpfs', '/run/initramfs/live', 'tmpfs', 0, null)
  keepLeftFiles(k, '/sysroot')
  t.notOk(k.exists('/overlayfs.passwd'), 'the kept initramfs is not mounted there either')
  const none = createBootedModel({ absoluteRoot: true })
  t.doesNotThrow(() => keepLeftFiles(none, '/sysroot')())
})

t.test('after a return, what is left then takes the place of the copies of before, and of nothing else', async (t) => {
  const k = machine()
  keepLeftFiles(k, '/sysroot')
  k.chmod('/run/initramfs/overlayfs.passwd', 0o600)
  k.writeFile('/run/initramfs/overlayfs.passwd', 'another')
  k.writeFile('/run/initramfs/init', 'not the init')
  keepLeftFiles(k, '/sysroot')
  t.equal(k.readText('/overlayfs.passwd'), 'another')
  t.equal(k.readText('/log/one'), '1')
  t.not(k.readText('/init'), 'not the init')
})
