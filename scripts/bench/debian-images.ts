// Images that Debian's initramfs-tools makes from the Debian root in the cache, as peers to measure: MODULES=most, which
// is Debian's default, and MODULES=list with what this root needs. MODULES=dep looks at the machine that it runs on:
// host-only-images.ts. mkinitramfs(8), initramfs.conf(5)

import fs from 'node:fs'
import path from 'node:path'
import { cacheDirectory, makeAtomically } from '../setup/cache.ts'
import { ensureDebianInitramfs, ensureDebianRoot } from '../setup/debian-root.ts'
import type { Kernel } from '../setup/kernel.ts'
import { runTool } from '../setup/run-tool.ts'
import type { BenchImage } from './images.ts'

/** Debian's default. */
export function debianMost(kernel: Kernel): BenchImage {
  return { name: 'initramfs-tools most', path: ensureDebianInitramfs(ensureDebianRoot(), kernel) }
}

/** Nothing but the modules that this root needs. */
export function debianList(kernel: Kernel): BenchImage {
  const root = ensureDebianRoot()
  const file = path.join(cacheDirectory('bench'), `initramfs-tools-list-${root.key}-${kernel.release}.img`)
  if (!fs.existsSync(file)) {
    const script = [
      'set -e', 'mount --bind "$1" "$1"', 'mount -t proc proc "$1/proc"', 'mount -t tmpfs tmp "$1/tmp"', 'mount -t tmpfs tmp "$1/var/tmp"',
      'cp -a "$1/etc/initramfs-tools" "$1/tmp/conf"', 'sed -i s/^MODULES=.*/MODULES=list/ "$1/tmp/conf/initramfs.conf"',
      'printf "virtio_pci\\nvirtio_blk\\next4\\n" > "$1/tmp/conf/modules"',
      'chroot "$1" mkinitramfs -d /tmp/conf -o /tmp/initrd.img "$2"', 'cp "$1/tmp/initrd.img" "$3"',
    ].join('\n')
    makeAtomically(file, (temporary) => {
      runTool('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', root.tree, kernel.release, temporary])
    })
  }
  return { name: 'initramfs-tools list', path: file }
}
