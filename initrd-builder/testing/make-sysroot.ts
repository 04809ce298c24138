// Makes a little distribution in a temporary directory for tests of the builder.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeElf } from './make-elf.ts'

/** What to put at a path: content, or the target of a link. */
export type SysrootPart = string | Uint8Array | { readonly link: string }

/** Writes the parts below `root`, which is made. Files are executable. */
export function makeSysroot(root: string, parts: Readonly<Record<string, SysrootPart>>): string {
  for (const [path, part] of Object.entries(parts)) {
    const place = join(root, path)
    mkdirSync(dirname(place), { recursive: true })
    if (typeof part === 'string' || part instanceof Uint8Array) writeFileSync(place, part, { mode: 0o755 })
    else symlinkSync(part.link, place)
  }
  return root
}

const loader = '/lib64/ld-linux-x86-64.so.2'
export const testKernel = '6.1.0-test'

/** A merged-/usr system with a libc, a busybox, two modules and some firmware. */
export const smallSystem: Readonly<Record<string, SysrootPart>> = {
  '/bin': { link: 'usr/bin' },
  '/sbin': { link: 'usr/sbin' },
  '/lib': { link: 'usr/lib' },
  '/lib64': { link: 'usr/lib64' },
  '/usr/lib64/ld-linux-x86-64.so.2': { link: '/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2' },
  '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2': makeElf({ soname: 'ld-linux-x86-64.so.2' }),
  '/usr/lib/x86_64-linux-gnu/libc.so.6': makeElf({ soname: 'libc.so.6', needed: ['ld-linux-x86-64.so.2'] }),
  '/usr/bin/busybox': makeElf({ interpreter: loader, needed: ['libc.so.6'] }),
  '/usr/sbin/e2fsck': makeElf({ interpreter: loader, needed: ['libc.so.6'] }),
  '/usr/sbin/fsck.ext4': { link: 'e2fsck' },
  '/etc/os-release': 'PRETTY_NAME="Test Linux 1"\n',
  [`/usr/lib/modules/${testKernel}/modules.dep`]:
    'kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko\nkernel/drivers/virtio/virtio.ko:\nkernel/sound/loud.ko:\n',
  [`/usr/lib/modules/${testKernel}/modules.alias`]: 'alias virtio:d00000002v* virtio_blk\nalias pci:loud loud\n',
  [`/usr/lib/modules/${testKernel}/modules.builtin`]: 'kernel/fs/ext4/ext4.ko\n',
  [`/usr/lib/modules/${testKernel}/kernel/drivers/block/virtio_blk.ko`]:
    makeElf({ type: 1, sections: { '.modinfo': Buffer.from('license=GPL\0firmware=vendor/blk-*.bin\0firmware=absent.bin\0') } }),
  [`/usr/lib/modules/${testKernel}/kernel/drivers/virtio/virtio.ko`]: makeElf({ type: 1 }),
  [`/usr/lib/modules/${testKernel}/kernel/sound/loud.ko`]: makeElf({ type: 1 }),
  '/usr/lib/firmware/vendor/blk-1.bin.xz': 'firmware one',
  '/usr/lib/firmware/vendor/other.bin': 'not wanted',
  '/usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin': 'amd microcode',
  '/fulcrum': makeElf({ interpreter: loader, needed: ['libc.so.6'] }),
  '/koffi.node': makeElf({ needed: ['libc.so.6'] }),
}
