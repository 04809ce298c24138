// Images for one machine get the features that its root needs, unless they are told not to.
//
// The machine is a small tree of /sys: a root on a logical volume. The little distribution is make-sysroot.ts.

import t from 'tap'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildImage, type BuildResult } from './build-image.ts'
import type { BuildOptions } from './options.ts'
import { makeElf } from './testing/make-elf.ts'
import { makeSysroot, smallSystem } from './testing/make-sysroot.ts'

function setUp(t: { testdir(): string }): { readonly root: string; build(over?: Partial<BuildOptions>): Promise<BuildResult> } {
  const directory = t.testdir()
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  put('sys/devices/pci0/modalias', 'virtio:d00000002v1\n')
  put('sys/devices/virtual/block/dm-0/dm/uuid', 'LVM-abc\n')
  put('sys/devices/virtual/block/dm-0/dm/name', 'vg-root\n')
  mkdirSync(join(directory, 'sys/dev/block'), { recursive: true })
  symlinkSync('../../devices/virtual/block/dm-0', join(directory, 'sys/dev/block/253:0'))
  put('proc/self/mountinfo', '30 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n')
  const root = makeSysroot(join(directory, 'root'), smallSystem)
  const options = { mode: 'host' as const, sysroot: root, output: join(directory, 'image'), binary: join(root, 'fulcrum'), addon: join(root, 'koffi.node') }
  const host = { sys: join(directory, 'sys'), proc: join(directory, 'proc'), numberOf: () => undefined }
  return { root, build: (over = {}) => buildImage({ ...options, ...over }, { version: '1', env: { FULCRUM_CACHE: join(directory, 'cache') }, host }) }
}

const reason = "'/' is on 'vg-root' (dm-0)"

t.test('what the root needs is added, and told', async t => {
  const { root, build } = setUp(t)
  makeSysroot(root, { '/usr/sbin/lvm': makeElf({ needed: ['libc.so.6'] }) })
  t.match(await build({ features: ['shell'] }), { mode: 'host', features: ['shell', 'lvm'], automatic: [{ name: 'lvm', reason }] })
  t.match(await build({ features: ['lvm'] }), { features: ['lvm'], automatic: [] }, 'named by a person: nothing to tell')
  t.match(await build({ mode: 'generic' }), { features: [], automatic: [] })
})

t.test('a sysroot that has not got it', async t => {
  const { build } = setUp(t)
  await t.rejects(build(), { kind: 'system', message: /^Cannot add feature 'lvm': .* has no 'lvm' \(Debian packages 'lvm2', .*\); it is needed since '\/' is on 'vg-root' \(dm-0\), --no-auto leaves it out$/ })
  t.match(await build({ auto: false }), { features: [], automatic: [] })
})
