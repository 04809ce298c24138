// Peers that are little more than a switch of roots, for the root of the bench alone: busybox with util-linux's
// switch_root, klibc's shell with its run-init, and tiny-initramfs. All from Debian 13's packages.
// switch_root(8), mktirfs(8), klibc-utils

import fs from 'node:fs'
import path from 'node:path'
import { plainInitramfs } from '../../qemu-tests/harness/plain-initramfs.ts'
import type { Tree, TreeEntry } from '../../qemu-tests/harness/tree.ts'
import { cacheDirectory, makeAtomically, withCacheLock } from '../setup/cache.ts'
import { ensureDebianRoot } from '../setup/debian-root.ts'
import { ensureStorageTools } from '../setup/debian-tree.ts'
import type { Kernel } from '../setup/kernel.ts'
import { openPrivateApt } from '../setup/private-apt.ts'
import { runTool } from '../setup/run-tool.ts'
import { ROOT_MODULES, busyboxTree, rootModules } from './images.ts'
import type { BenchImage } from './images.ts'

/** A program of a Debian tree and its libraries, as files of an image. */
function fromTree(root: string, program: string): Tree {
  const tree: Record<string, TreeEntry> = { [program.slice(1)]: { type: 'file', source: path.join(root, program), mode: 0o755 } }
  for (const [, library = ''] of runTool('chroot', [root, 'ldd', program]).matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)) {
    tree[library.slice(1)] = { type: 'file', source: path.join(root, library), mode: 0o755 }
  }
  return tree
}

/** The script of busybox, with util-linux's switch_root at its end. */
export function utilLinuxImage(kernel: Kernel): BenchImage {
  const program = '/usr/sbin/switch_root'
  return { name: 'busybox + util-linux switch_root',
    path: plainInitramfs({ ...busyboxTree(kernel, program), ...fromTree(ensureStorageTools(), program) }) }
}

/** klibc has no findfs: the root's UUID is compared with what its `fstype` says of the one disk. */
export function klibcImage(kernel: Kernel): BenchImage {
  const folder = path.join(ensureStorageTools(), 'usr/lib/klibc/bin')
  const { tree, names } = rootModules(kernel)
  const script = [
    '#!/bin/sh', 'export PATH=/bin', 'mount -t proc proc /proc', 'mount -t devtmpfs dev /dev', 'mount -t sysfs sys /sys',
    ...names.map((name) => `insmod /modules/${name}`),
    'until [ -b /dev/vda ]; do :; done', 'eval "$(fstype /dev/vda)"', 'mount -t "$FSTYPE" -o ro /dev/vda /root',
    // run-init opens the console in the new root.
    'mount -o move /dev /root/dev', 'exec run-init /root /sbin/init', '',
  ].join('\n')
  const image: Record<string, TreeEntry> = { ...tree, init: { type: 'text', text: script, mode: 0o755 } }
  for (const name of ['sh', 'mount', 'insmod', 'fstype', 'run-init']) image[`bin/${name}`] = { type: 'file', source: path.join(folder, name), mode: 0o755 }
  // Their loader and library in one.
  for (const name of fs.readdirSync(path.join(ensureStorageTools(), 'usr/lib')).filter((file) => /^klibc-.*\.so$/.test(file))) {
    image[`usr/lib/${name}`] = { type: 'file', source: path.join(ensureStorageTools(), 'usr/lib', name), mode: 0o755 }
  }
  for (const name of ['proc', 'sys', 'dev', 'root']) image[name] = { type: 'directory' }
  return { name: 'klibc run-init', path: plainInitramfs(image), note: 'root by device name: klibc has no findfs' }
}

/** mktirfs of the package, in Debian's root, on top of which what it writes is gone afterwards. */
export function tinyInitramfs(kernel: Kernel): BenchImage {
  const root = ensureDebianRoot()
  const file = path.join(cacheDirectory('bench'), `tiny-initramfs-${root.key}-${kernel.release}.img`)
  const name = 'tiny-initramfs'
  return withCacheLock('bench-tiny', () => {
    if (fs.existsSync(file)) return { name, path: file }
    const apt = openPrivateApt()
    const deb = apt.download('tiny-initramfs-core/trixie')
    const script = [
      'set -e', 'work=$(mktemp -d)', 'trap "umount -R $work; rmdir $work" EXIT', 'mount -t tmpfs work "$work"', 'mkdir "$work/package" "$work/upper" "$work/work" "$work/root"',
      'dpkg-deb -x "$2" "$work/package"', 
      // It depends on xz-utils; busybox, which the root has, does the same.
      'mkdir -p "$work/package/usr/bin"', 'ln -s busybox "$work/package/usr/bin/xzcat"',
      'mount -t overlay -o "lowerdir=$work/package:$1,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"',
      'mount -t proc proc "$work/root/proc"',
      'chroot "$work/root" mktirfs -m no -M no --include-modules="$5" -o /tiny.img "$3"', 'cp "$work/root/tiny.img" "$4"',
    ].join('\n')
    makeAtomically(file, (temporary) => {
      runTool('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', root.tree, deb, kernel.release, temporary, ROOT_MODULES.join(',')])
    })
    fs.rmSync(path.dirname(deb), { recursive: true, force: true })
    return { name, path: file }
  })
}
